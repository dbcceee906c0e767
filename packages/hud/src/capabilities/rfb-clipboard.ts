/** The clipboard over RFB: Latin-1 cut text of the original protocol, and the Extended Clipboard, which speaks UTF-8. */
import { constants, deflateSync, inflateSync } from 'node:zlib';
import { HudError, messageOf } from '../protocol/errors.ts';
import { cutText, extendedCutText } from './rfb-messages.ts';
import type { ByteReader } from './rfb-reader.ts';

const TEXT = 1;
const CAPS = 1 << 24;
const REQUEST = 1 << 25;
const PEEK = 1 << 26;
const NOTIFY = 1 << 27;
const PROVIDE = 1 << 28;
/** Longer texts are dropped unread. */
const MAX_TEXT_BYTES = 1 << 22;

export class RfbClipboard {
  readonly #write: (bytes: Uint8Array) => void;
  /** What a peer with the extension may be sent; undefined without it. */
  #serverActions: number | undefined;
  #own = '';
  #theirs: string | undefined;
  #expected: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** What was copied on the screen last; undefined before anything was. */
  get text(): string | undefined {
    return this.#theirs;
  }

  /** Settles when a text that the server announced, if any, is here. */
  get arriving(): Promise<void> {
    return this.#expected?.promise ?? Promise.resolve();
  }

  offer(text: string): void {
    this.#own = text;
    this.#theirs = text; // the server doesn't send back what it was given
    if (this.#serverActions === undefined) this.#write(cutText(text));
    else if (this.#serverActions & NOTIFY) this.#write(extendedCutText(NOTIFY | TEXT));
    else this.#provide();
  }

  /** The rest of a ServerCutText message, after its type. */
  async read(reader: ByteReader): Promise<void> {
    const head = await reader.take(7);
    const length = head.readInt32BE(3);
    if (Math.abs(length) > MAX_TEXT_BYTES) return await reader.skip(Math.abs(length));
    const body = await reader.take(Math.abs(length));
    if (length >= 0) this.#theirs = body.toString('latin1');
    else if (body.length >= 4) this.#extended(body.readUInt32BE(0), body.subarray(4));
  }

  #extended(flags: number, body: Buffer): void {
    if (flags & CAPS) {
      this.#serverActions = flags & ~CAPS;
      const unsolicited = Buffer.alloc(4); // bytes of text that may come without being asked for: none
      this.#write(extendedCutText(CAPS | REQUEST | PEEK | NOTIFY | PROVIDE | TEXT, unsolicited));
    } else if (flags & REQUEST) {
      if (flags & TEXT) this.#provide();
    } else if (flags & PEEK) {
      this.#write(extendedCutText(NOTIFY | (this.#own === '' ? 0 : TEXT)));
    } else if (flags & NOTIFY) {
      if (flags & TEXT) this.#ask();
    } else if (flags & PROVIDE && flags & TEXT) {
      this.#theirs = readProvided(body);
      this.#expected?.resolve();
      this.#expected = undefined;
    }
  }

  #ask(): void {
    if (this.#expected === undefined) this.#expected = Promise.withResolvers<void>();
    this.#write(extendedCutText(REQUEST | TEXT));
  }

  #provide(): void {
    const text = Buffer.from(`${this.#own.replace(/\r?\n/g, '\r\n')}\0`, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    this.#write(extendedCutText(PROVIDE | TEXT, deflateSync(Buffer.concat([length, text]))));
  }
}

function readProvided(body: Buffer): string {
  let bytes: Buffer;
  try {
    // Servers flush the stream, and don't end it.
    bytes = inflateSync(body, { maxOutputLength: MAX_TEXT_BYTES + 4, finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw new HudError('PROTOCOL_ERROR', `The screen sent a clipboard that can't be read: ${messageOf(cause)}.`, { cause });
  }
  const length = bytes.length < 4 ? 0 : bytes.readUInt32BE(0);
  const text = bytes.subarray(4, 4 + length).toString('utf8');
  return text.replace(/\0[\s\S]*$/, '').replaceAll('\r\n', '\n');
}
