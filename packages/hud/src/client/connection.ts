/** One control connection seen from the caller's side: one call at a time, replies in order. */
import type { Stream } from '../host/host.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { FrameReader, encodeFrame } from '../protocol/frames.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { MAX_FRAME_BYTES, PYTHON_FRAME_BYTES, RPC, errorFromWire, request } from '../protocol/messages.ts';

interface Pending {
  id: number;
  bytes: number;
  resolve(result: JsonObject): void;
  reject(error: HudError): void;
}

/** Python environments from 0.6.16 on read this much; they do not say so. */
const PYTHON_16_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * An error that the peer reported leaves the connection usable. Anything else (end of stream, a wrong
 * id, an aborted call) closes it, because the position in the stream is unknown from there on.
 */
export class Connection {
  readonly #stream: Stream;
  readonly #reader = new FrameReader(MAX_FRAME_BYTES);
  readonly #closed = new AbortController();
  /** Calls that were sent, oldest first; more than one only while a call is being interrupted. */
  #pending: Pending[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  /** Calls that have not been answered yet, sent or not. */
  #waiting = 0;
  #pings: Map<number, () => void> | undefined;
  #received = 0;
  #lastId = 0;
  #peerFrameBytes: number = PYTHON_16_FRAME_BYTES;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    stream.on('end', () => this.#lost('the environment closed the connection'));
    stream.on('error', (error) => this.#lost(messageOf(error), error));
    stream.on('close', () => this.#lost('the connection was closed'));
  }

  /** Fires once, with the HudError that ended the connection. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** No call is in flight or queued behind one. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** What the peer said it reads at most; a Python peer never says. */
  set peerFrameBytes(bytes: number) {
    this.#peerFrameBytes = bytes;
  }

  /**
   * Sends a request once those before it are answered, and waits for its reply.
   * @throws HudError as the peer reported it; FRAME_TOO_LARGE before anything is sent when the peer
   *   can't read the request; CONNECTION_LOST or PROTOCOL_ERROR when the connection is gone
   */
  call(method: string, params: unknown, options: { signal?: AbortSignal } = {}): Promise<JsonObject> {
    // Sent at once where nothing is before it, so that an interrupt right behind it finds it sent.
    const isFree = this.#waiting === 0;
    this.#waiting += 1;
    const turn = isFree ? this.#send(method, params, options.signal) : this.#queue.then(() => this.#send(method, params, options.signal));
    const settled = (): void => {
      this.#waiting -= 1;
    };
    this.#queue = turn.then(settled, settled);
    return turn;
  }

  /**
   * Sends a request past the calls before it: only for what a server takes while it is busy, which
   * is `tasks.cancel`. The call it interrupts is answered first.
   */
  interrupt(method: string): Promise<JsonObject> {
    return this.#send(method, {}, undefined);
  }

  /** Changes with every sign of life: bytes that came, bytes that the peer took. */
  get activity(): string {
    return `${this.#received} ${this.#stream.writableLength}`;
  }

  /** Settles when the peer has answered, which one of ours does at once, whatever it is working on. */
  async ping(): Promise<void> {
    if (this.#closed.signal.aborted) throw this.#closed.signal.reason;
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pings ??= new Map();
    this.#pings.set(id, resolve);
    this.#stream.write(encodeFrame(request(id, 'ping', {})));
    await promise;
  }

  /** @param reason what calls in flight and later ones fail with */
  close(reason: HudError = CLOSED): void {
    this.#fail(reason);
  }

  /** The error is made only where somebody may still see it: most connections end after they were closed. */
  #lost(reason: string, cause?: unknown): void {
    if (!this.#closed.signal.aborted) this.#fail(connectionLost(reason, cause));
  }

  async #send(method: string, params: unknown, signal: AbortSignal | undefined): Promise<JsonObject> {
    if (this.#closed.signal.aborted) throw this.#closed.signal.reason;
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const frame = encodeFrame(request(id, method, params));
    if (frame.length - 1 > this.#peerFrameBytes) throw tooLargeForPeer(method, frame.length - 1, this.#peerFrameBytes);
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    this.#pending.push({ id, bytes: frame.length - 1, resolve, reject });
    const onAbort = (): void => this.#fail(connectionLost(`${method} was abandoned: ${messageOf(signal?.reason)}`, signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#stream.write(frame);
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #onData(chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#reader.push(chunk);
    try {
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#onFrame(frame);
    } catch (error) {
      this.#fail(error instanceof HudError ? error : connectionLost(messageOf(error), error));
    }
  }

  #onFrame(frame: JsonObject): void {
    const answeredPing = typeof frame.id === 'number' ? this.#pings?.get(frame.id) : undefined;
    if (answeredPing !== undefined) {
      this.#pings?.delete(frame.id as number);
      return answeredPing();
    }
    const [pending] = this.#pending;
    if (pending === undefined || frame.id !== pending.id) {
      // A server that can't read a request answers with id null and closes; its words beat "wrong id".
      if (frame.id === null && frame.error !== undefined) throw errorFromWire(frame.error);
      throw new HudError(
        'PROTOCOL_ERROR',
        `A reply with id ${JSON.stringify(frame.id)} arrived where ${pending?.id ?? 'none'} was awaited.`,
        {
          rpcCode: RPC.internalError,
        },
      );
    }
    this.#pending.shift();
    if (frame.error !== undefined && frame.error !== null) pending.reject(errorFromWire(frame.error));
    else if (isPlainObject(frame.result)) pending.resolve(frame.result);
    else pending.reject(new HudError('PROTOCOL_ERROR', "A reply's result is not an object.", { rpcCode: RPC.internalError }));
  }

  #fail(error: HudError): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(error);
    for (const settle of this.#pings?.values() ?? []) settle();
    for (const { bytes, reject } of this.#pending.splice(0)) reject(bytes > PYTHON_FRAME_BYTES ? perhapsTooLarge(error, bytes) : error);
    this.#stream.destroy();
  }
}

function connectionLost(reason: string, cause?: unknown): HudError {
  return new HudError('CONNECTION_LOST', `The connection to the environment was lost: ${reason}.`, { cause });
}

/** One for all: a regular end needs no stack of its own. */
const CLOSED = connectionLost('the client closed the connection');

/** Python environments up to 0.6.15 drop the connection on a long line without a word. */
function perhapsTooLarge(error: HudError, bytes: number): HudError {
  if (error.code !== 'CONNECTION_LOST') return error;
  return new HudError(error.code, `${error.message} It was lost on a message of ${bytes} bytes.`, {
    cause: error,
    hint: `Python environments up to 0.6.15 read at most ${PYTHON_FRAME_BYTES} bytes a message. Shorten the answer or arguments, or upgrade the environment.`,
  });
}

function tooLargeForPeer(method: string, bytes: number, limit: number): HudError {
  return new HudError('FRAME_TOO_LARGE', `${method} needs ${bytes} bytes, but this environment reads at most ${limit} a message.`, {
    hint: 'Environments served by this package accept 64 MiB, Python ones 16 MiB. Shorten the answer or arguments.',
  });
}
