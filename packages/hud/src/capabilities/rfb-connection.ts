/** One connection to an RFB server: reads whatever it sends into one picture, and asks it for updates, one at a time. */
import { setImmediate } from 'node:timers/promises';
import type { Stream } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { RfbClipboard } from './rfb-clipboard.ts';
import { Decoder, type Cursor } from './rfb-encodings.ts';
import { handshake } from './rfb-handshake.ts';
import { ENCODINGS, setEncodings, updateRequest, type PictureEncoding } from './rfb-messages.ts';
import { ByteReader } from './rfb-reader.ts';
import { Missing, Surface, type PixelFormat, type Rect } from './rfb-surface.ts';

export interface RfbAddress {
  host: string;
  port: number;
  password?: string | undefined;
  /** What the server may use, best first. */
  encodings: readonly PictureEncoding[];
}

interface Update {
  /** Undefined means the whole screen, whatever its size becomes. */
  region: Rect | undefined;
  missing: Missing;
  resolve(): void;
  reject(error: unknown): void;
}

/** Pixels that may be painted before others get their turn: a few bytes can ask for millions. */
const PIXELS_PER_TURN = 1 << 22;
/** A count of rectangles that means: until the one that says it is the last. */
const OPEN_END = 0xffff;
const EXTRAS = [
  ENCODINGS.lastRect,
  ENCODINGS.cursor,
  ENCODINGS.desktopSize,
  ENCODINGS.extendedDesktopSize,
  ENCODINGS.extendedClipboard,
  ENCODINGS.fastest,
];

/**
 * Dials, and agrees on everything. The time for all of it is limited by the signal.
 * @throws HudError CAPABILITY_FAILED, PROTOCOL_ERROR, or the signal's reason
 */
export async function openConnection(address: RfbAddress, signal: AbortSignal): Promise<RfbConnection> {
  const { host, port } = address;
  const socket = await nodeHost.dial({ host, port, timeoutMs: 60_000, signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new HudError('CAPABILITY_FAILED', `No screen answers at ${host}:${port}: ${messageOf(cause)}`, { cause });
  });
  const reader = feed(socket);
  const onAbort = (): void => reader.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const write = (bytes: Uint8Array): void => void socket.write(bytes);
    const init = await handshake({ reader, write }, address.password);
    write(setEncodings([...address.encodings.map((name) => ENCODINGS[name]), ...EXTRAS]));
    return new RfbConnection(socket, reader, { surface: surfaceOf(init.width, init.height), format: init.format, name: init.name });
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What arrives goes to the reader; the server waits while enough lies there. */
function feed(socket: Stream): ByteReader {
  const reader = new ByteReader();
  socket.on('data', (chunk: Buffer) => {
    if (!reader.push(chunk)) socket.pause();
  });
  reader.onRoom = () => void socket.resume();
  const lost = (cause?: unknown): void => {
    const why = cause === undefined ? 'its server hung up' : messageOf(cause);
    reader.fail(new HudError('CONNECTION_LOST', `The connection to the screen was lost: ${why}.`, { cause }));
    socket.destroy();
  };
  socket
    .on('error', lost)
    .on('end', () => lost())
    .on('close', () => lost());
  return reader;
}

function surfaceOf(width: number, height: number): Surface {
  if (width === 0 || height === 0) throw new HudError('PROTOCOL_ERROR', `The screen claims to have ${width}x${height} pixels.`);
  return new Surface(width, height);
}

export class RfbConnection {
  readonly name: string;
  readonly clipboard: RfbClipboard;
  readonly #socket: Stream;
  readonly #reader: ByteReader;
  readonly #decoder: Decoder;
  #surface: Surface;
  #cursor: Cursor | undefined;
  #update: Update | undefined;
  #failure: unknown;
  #painted = 0;

  constructor(socket: Stream, reader: ByteReader, init: { surface: Surface; format: PixelFormat; name: string }) {
    this.#socket = socket;
    this.#reader = reader;
    this.#decoder = new Decoder(reader, init.format);
    this.#surface = init.surface;
    this.name = init.name;
    this.clipboard = new RfbClipboard((bytes) => this.send(bytes));
    void this.#readAll();
  }

  get surface(): Surface {
    return this.#surface;
  }

  /** Undefined while the server draws it itself, or has none. */
  get cursor(): Cursor | undefined {
    return this.#cursor;
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  send(bytes: Uint8Array): void {
    if (this.isOpen) this.#socket.write(bytes);
  }

  /**
   * Settles when the server has sent every pixel of the region, as it was when the request reached it. Whatever was sent before
   * the request has been acted upon by then. One at a time.
   * @param region all of it when left out
   * @throws what ended the connection
   */
  async refresh(region?: Rect): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#update = { region, missing: new Missing(this.#whole()), resolve, reject };
    this.#ask(this.#update);
    await promise;
  }

  /** Ends it; whoever waits is told the reason. May be called twice. */
  close(reason: unknown): void {
    this.#failure ??= reason;
    this.#reader.fail(this.#failure);
    this.#socket.destroy();
    const update = this.#update;
    this.#update = undefined;
    update?.reject(this.#failure);
  }

  #whole(): Rect {
    return { x: 0, y: 0, width: this.#surface.width, height: this.#surface.height };
  }

  #ask(update: Update): void {
    const region = update.region ?? this.#whole();
    update.missing = new Missing(region);
    this.send(updateRequest(region, { isIncremental: false }));
  }

  async #readAll(): Promise<void> {
    try {
      while (this.isOpen) await this.#readMessage();
    } catch (error) {
      this.close(error);
    }
  }

  async #readMessage(): Promise<void> {
    const type = await this.#reader.u8();
    if (type === 0) return await this.#readUpdate();
    if (type === 2) return; // a bell, which nobody hears
    if (type === 3) return await this.clipboard.read(this.#reader);
    const what = type === 1 ? 'a colour map, though its pixels are colours' : `a message of the unknown type ${type}`;
    throw new HudError('PROTOCOL_ERROR', `The screen sent ${what}.`);
  }

  async #readUpdate(): Promise<void> {
    const head = await this.#reader.take(3);
    const count = head.readUInt16BE(1);
    const limit = count === OPEN_END ? Infinity : count;
    let hasPicture = false;
    for (let i = 0; i < limit; i++) {
      const kind = await this.#readRectangle();
      if (kind === 'last') break;
      hasPicture ||= kind === 'picture';
    }
    const update = this.#update;
    if (update === undefined) return;
    if (!update.missing.isEmpty) return hasPicture ? undefined : this.#askForRest(update);
    this.#update = undefined;
    update.resolve();
  }

  /** Some servers take a request as answered when all they sent was a pointer's shape or a size; the pixels are still owed then. */
  #askForRest(update: Update): void {
    this.send(updateRequest(update.region ?? this.#whole(), { isIncremental: true }));
  }

  async #readRectangle(): Promise<'picture' | 'other' | 'last'> {
    const head = await this.#reader.take(12);
    const rect: Rect = { x: head.readUInt16BE(0), y: head.readUInt16BE(2), width: head.readUInt16BE(4), height: head.readUInt16BE(6) };
    const encoding = head.readInt32BE(8);
    if (encoding === ENCODINGS.lastRect) return 'last';
    if (encoding === ENCODINGS.cursor) this.#cursor = await this.#decoder.readCursor(rect);
    else if (encoding === ENCODINGS.desktopSize) this.#resize(rect);
    else if (encoding === ENCODINGS.extendedDesktopSize) await this.#readScreens(rect);
    else {
      await this.#paint(rect, encoding);
      return 'picture';
    }
    return 'other';
  }

  async #paint(rect: Rect, encoding: number): Promise<void> {
    await this.#decoder.paint(this.#surface, rect, encoding);
    this.#update?.missing.paint(rect);
    this.#painted += rect.width * rect.height + 256;
    if (this.#painted < PIXELS_PER_TURN) return;
    this.#painted = 0;
    await setImmediate();
    if (this.#failure !== undefined) throw this.#failure; // closed meanwhile: what lies here unread needs no painting
  }

  /** x is who asked for the size (1: this client, which never does), y what came of it (0: done). */
  async #readScreens(rect: Rect): Promise<void> {
    const count = (await this.#reader.take(4))[0]!;
    await this.#reader.skip(count * 16);
    if (rect.y === 0 || rect.x !== 1) this.#resize(rect);
  }

  #resize({ width, height }: Rect): void {
    if (width === this.#surface.width && height === this.#surface.height) return;
    this.#surface = surfaceOf(width, height);
    if (this.#update !== undefined) this.#ask(this.#update);
  }
}
