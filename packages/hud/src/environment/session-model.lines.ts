/** Ways to a server under test: bytes in memory or loopback sockets, and raw frames on them. */
import { duplexPair } from 'node:stream';
import { nodeHost } from '../host/node.ts';
import type { Host, Peer, Stream, Timer } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { FrameReader, encodeFrame } from '../protocol/frames.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { request } from '../protocol/messages.ts';
import type { Outcome } from './session-model.ts';

/** One connection to a control port, as the history drives it. */
export interface Line {
  /** Sends at once, also while earlier requests wait. Never rejects. */
  send(method: string, params: JsonObject): Promise<Outcome>;
  /** Sends what no reply comes to. */
  notify(method: string, params: JsonObject): void;
  /** `end` closes our side and hears the last replies, `drop` breaks the connection. */
  hangUp(how: 'end' | 'drop'): void;
  /** Settles when the server has ended its side too, or the connection broke. */
  readonly ended: Promise<void>;
}

export interface Place {
  host: Host;
  /** Ends the parking time of everything that is parked now. */
  expire(): void;
}

/** The real host, but parking time passes only when told to. */
export function place(transport: 'memory' | 'sockets', parkingMs: number): Place {
  const parking = new Set<() => void>();
  const setTimer: Host['setTimer'] = (ms, fn, options): Timer => {
    if (ms !== parkingMs) return nodeHost.setTimer(ms, fn, options);
    parking.add(fn);
    const cancel = (): void => void parking.delete(fn);
    return { cancel, [Symbol.dispose]: cancel };
  };
  const expire = (): void => {
    for (const fire of parking) fire(); // each takes itself out
  };
  return { host: { ...nodeHost, ...(transport === 'memory' ? inMemory() : {}), setTimer }, expire };
}

/** A network of one port, whose connections are pairs of streams. */
function inMemory(): Pick<Host, 'listen' | 'dial'> {
  let accept: ((stream: Stream, peer: Peer) => void) | undefined;
  const close = async (): Promise<void> => {
    accept = undefined;
  };
  return {
    listen: async ({ host }, onConnection) => {
      accept = onConnection;
      return { host, port: 1, close, [Symbol.asyncDispose]: close };
    },
    dial: async () => {
      if (accept === undefined) throw new HudError('RUNTIME_UNREACHABLE', 'Nothing listens here.');
      const [ours, theirs] = duplexPair();
      accept(theirs, { address: '127.0.0.1', isLoopback: true });
      return ours;
    },
  };
}

/** Speaks in frames of its own making, and checks that replies come in order and answer what was asked. */
export class RawLine implements Line {
  readonly #stream: Promise<Stream>;
  readonly #reader = new FrameReader();
  readonly #waiting: { id: number; resolve: (outcome: Outcome) => void }[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #onStray: (frame: JsonObject) => void;
  #isBroken = false;
  #lastId = 0;

  /** @param onStray told of a frame that nobody asked for */
  constructor(host: Host, port: number, onStray: (frame: JsonObject) => void) {
    this.#onStray = onStray;
    this.#stream = host.dial({ host: '127.0.0.1', port, timeoutMs: 5_000 });
    this.#stream.then((stream) => this.#listen(stream)).catch(() => this.#finish());
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  send(method: string, params: JsonObject): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    if (this.#isBroken) return Promise.resolve({ kind: 'lost' });
    const id = ++this.#lastId;
    this.#waiting.push({ id, resolve });
    this.#write(request(id, method, params));
    return promise;
  }

  notify(method: string, params: JsonObject): void {
    this.#write({ method, params });
  }

  hangUp(how: 'end' | 'drop'): void {
    if (how === 'end') this.#stream.then((stream) => stream.end()).catch(() => {}); // `ended` tells of one that never was
    else this.#stream.then((stream) => stream.destroy()).catch(() => {});
    if (how === 'drop') this.#finish();
  }

  #write(message: JsonObject): void {
    // A line that broke or never was has told all who wait for a reply.
    this.#stream.then((stream) => void (stream.writable && stream.write(encodeFrame(message)))).catch(() => {});
  }

  #listen(stream: Stream): void {
    stream.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#onReply(frame);
    });
    stream.on('error', () => this.#finish());
    stream.on('close', () => this.#finish());
    stream.on('end', () => {
      this.#finish();
      stream.destroy();
    });
  }

  #onReply(frame: JsonObject): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return this.#onStray(frame);
    const { result, error } = frame;
    if (frame.id !== waiting.id) waiting.resolve({ kind: 'error', code: undefined, message: `reply ${String(frame.id)} to ${waiting.id}` });
    else if (isPlainObject(result)) waiting.resolve({ kind: 'ok', result });
    else if (isPlainObject(error)) waiting.resolve({ kind: 'error', code: error.code as number, message: String(error.message) });
    else waiting.resolve({ kind: 'error', code: undefined, message: `no reply: ${JSON.stringify(frame)}` });
  }

  #finish(): void {
    this.#isBroken = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve({ kind: 'lost' });
    this.#ended.resolve();
  }
}
