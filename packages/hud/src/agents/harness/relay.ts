/**
 * A web server of this process as an address inside a sandbox: a small program there listens on its loopback and
 * carries every connection over its own standard streams, which are a channel of the shell. So a program in a
 * sandbox without network reaches exactly what is served here, and never sees a key.
 *
 * A frame is `u32 connection, u8 kind, u32 length, bytes`, big-endian, both ways.
 */
import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import type { SshClient, SshProcess } from '../../capabilities/ssh.ts';
import { shellQuote } from '../../capabilities/ssh.ts';
import { withDeadline } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError } from '../../protocol/errors.ts';

const OPEN = 0;
const DATA = 1;
const END = 2;
const CLOSED = 3;
const READY = 4;
const HEADER_BYTES = 9;
const MAX_FRAME_BYTES = 1024 * 1024;
const START_MS = 20_000;

export interface Relay extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, inside. */
  readonly url: string;
  /** Rejects when the channel is lost; never settles otherwise. */
  readonly lost: Promise<never>;
}

/**
 * Needs Node inside.
 * @param server gets each connection; it need not listen
 * @throws HudError CAPABILITY_FAILED when the program does not start
 */
export async function relayInto(ssh: SshClient, server: Server, { signal }: { signal?: AbortSignal } = {}): Promise<Relay> {
  const command = `exec "$(command -v node || command -v nodejs || echo node)" -e ${shellQuote(PROGRAM)}`;
  const channel = await ssh.stream(command, signal === undefined ? {} : { signal });
  const mux = new Mux(channel, (stream) => server.emit('connection', stream));
  let stderr = '';
  channel.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-2000)));
  const ended = channel.exited.then(({ code }) => {
    const reason = stderr.trim() === '' ? `it ended with exit code ${code}` : stderr.trim();
    throw new HudError('CAPABILITY_FAILED', `The relay into the sandbox stopped: ${reason}`, {
      hint: 'It needs Node inside: mount one, and put it on the PATH of the workspace.',
    });
  });
  ended.catch(() => {}); // whoever waits for `lost` hears of it
  const close = async (): Promise<void> => {
    mux.close();
    await channel.close();
  };
  try {
    const late = (): HudError => new HudError('CAPABILITY_FAILED', `The relay into the sandbox did not start within ${START_MS / 1000} s.`);
    const port = await withDeadline(nodeHost, Promise.race([mux.port, ended]), START_MS, late);
    return { url: `http://127.0.0.1:${port}`, lost: ended, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Connections over one channel, on this side. */
class Mux {
  readonly port: Promise<number>;
  readonly #channel: SshProcess;
  readonly #streams = new Map<number, MuxStream>();
  readonly #onStream: (stream: Duplex) => void;
  #onReady: (port: number) => void = () => {};
  #buffer: Buffer = Buffer.alloc(0);

  constructor(channel: SshProcess, onStream: (stream: Duplex) => void) {
    this.#channel = channel;
    this.#onStream = onStream;
    this.port = new Promise((resolve) => (this.#onReady = resolve));
    channel.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    channel.stdout.on('error', () => this.close());
    channel.stdin.on('error', () => this.close());
    channel.stdout.once('close', () => this.close());
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.destroy();
    this.#streams.clear();
  }

  send(id: number, kind: number, data: Uint8Array = new Uint8Array(0), done: (error?: Error | null) => void = () => {}): void {
    if (!this.#channel.stdin.writable) return done(new Error('the channel is closed'));
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32BE(id, 0);
    header.writeUInt8(kind, 4);
    header.writeUInt32BE(data.length, 5);
    this.#channel.stdin.write(Buffer.concat([header, data]), done);
  }

  forget(id: number): void {
    this.#streams.delete(id);
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= HEADER_BYTES) {
      const length = this.#buffer.readUInt32BE(5);
      if (length > MAX_FRAME_BYTES) return void this.#channel.close().catch(() => this.close()); // not our program's
      if (this.#buffer.length < HEADER_BYTES + length) return;
      const [id, kind] = [this.#buffer.readUInt32BE(0), this.#buffer.readUInt8(4)];
      const data = this.#buffer.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.#buffer = this.#buffer.subarray(HEADER_BYTES + length);
      this.#take(id, kind, data);
    }
  }

  #take(id: number, kind: number, data: Buffer): void {
    if (kind === READY) return this.#onReady(id);
    if (kind === OPEN) {
      const stream = new MuxStream(this, id);
      this.#streams.set(id, stream);
      return this.#onStream(stream);
    }
    const stream = this.#streams.get(id);
    if (kind === DATA) stream?.push(data);
    else if (kind === END) stream?.push(null);
    else if (kind === CLOSED) stream?.destroy();
  }
}

/** One connection. What arrives is small (requests), so it is not held back. */
class MuxStream extends Duplex {
  readonly #mux: Mux;
  readonly #id: number;

  constructor(mux: Mux, id: number) {
    super({ allowHalfOpen: true });
    this.#mux = mux;
    this.#id = id;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#mux.send(this.#id, DATA, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#mux.send(this.#id, END, undefined, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#mux.forget(this.#id);
    this.#mux.send(this.#id, CLOSED);
    done(error);
  }

  // What node:http asks of a socket.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}

/** Runs inside, as `node -e`; ends with its standard input. */
const PROGRAM = `
const net = require('node:net');
const sockets = new Map();
let last = 0;
const send = (id, kind, data = Buffer.alloc(0)) => {
  const header = Buffer.alloc(${HEADER_BYTES});
  header.writeUInt32BE(id, 0); header.writeUInt8(kind, 4); header.writeUInt32BE(data.length, 5);
  return process.stdout.write(Buffer.concat([header, data]));
};
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  const id = ++last;
  sockets.set(id, socket);
  send(id, ${OPEN});
  socket.on('data', (data) => {
    if (send(id, ${DATA}, data)) return;
    socket.pause();
    process.stdout.once('drain', () => socket.resume());
  });
  socket.on('end', () => send(id, ${END}));
  socket.on('error', () => {});
  socket.on('close', () => { if (sockets.delete(id)) send(id, ${CLOSED}); });
});
server.listen(0, '127.0.0.1', () => send(server.address().port, ${READY}));
let buffer = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  while (buffer.length >= ${HEADER_BYTES}) {
    const length = buffer.readUInt32BE(5);
    if (buffer.length < ${HEADER_BYTES} + length) return;
    const socket = sockets.get(buffer.readUInt32BE(0));
    const kind = buffer.readUInt8(4);
    const data = buffer.subarray(${HEADER_BYTES}, ${HEADER_BYTES} + length);
    buffer = buffer.subarray(${HEADER_BYTES} + length);
    if (kind === ${DATA}) socket?.write(data);
    else if (kind === ${END}) socket?.end();
    else if (kind === ${CLOSED}) { socket?.destroy(); }
  }
});
process.stdin.on('end', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));
`;
