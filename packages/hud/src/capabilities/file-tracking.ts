/** A live client for `filetracking/1`: what changed in an environment's folder, one request at a time. */
import { nodeHost } from '../host/node.ts';
import type { Stream } from '../host/host.ts';
import type { Capability } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { encodeFrame, FrameReader } from '../protocol/frames.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { CapabilityClient } from './open.ts';

/** A final answer holds 50 MiB of patches and 15 MiB of files, escaped and in base64. */
const MAX_FRAME_BYTES = 160 * 1024 * 1024;
const DIAL_MS = 10_000;
const CALL_MS = 60_000;

export interface TrackingCallOptions {
  /** @default 60_000 */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Results are objects as the server sent them, with the wire's names: they go into the record as they are. */
export class FileTrackingClient implements CapabilityClient {
  readonly capability: Capability;
  readonly #stream: Stream;
  readonly #reader = new FrameReader(MAX_FRAME_BYTES);
  #last: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #wake: (() => void) | undefined;
  #lost: HudError | undefined;

  /** @internal */
  constructor(capability: Capability, stream: Stream) {
    this.capability = capability;
    this.#stream = stream;
    stream.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk);
      this.#wake?.();
    });
    const lose = (why: string): void => this.#lose(`The connection for file tracking was lost: ${why}.`);
    stream.on('error', (error: Error) => lose(error.message));
    stream.on('close', () => lose('the server closed it'));
    stream.on('end', () => lose('the server closed it'));
  }

  /** Closed, or without its server: nothing is answered any more. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** What the task's set-up changed, and the beginning of what the agent changes. */
  async setup(options: TrackingCallOptions = {}): Promise<JsonObject> {
    return await this.#call('setup', options);
  }

  /** The agent begins here, as older servers know it. */
  async advance(options: TrackingCallOptions = {}): Promise<void> {
    await this.#call('advance', options);
  }

  /** Paths, sizes and hashes of the last scan. */
  async snapshot(options: TrackingCallOptions = {}): Promise<JsonObject> {
    return await this.#call('snapshot', options);
  }

  /** What changed since the last call of any kind but {@link snapshot}. */
  async diff(options: TrackingCallOptions = {}): Promise<JsonObject> {
    return await this.#call('diff', options);
  }

  /** The last diff, and the finished documents themselves. */
  async flush(options: TrackingCallOptions = {}): Promise<{ diff: JsonObject; capture: JsonObject }> {
    const { diff, capture } = await this.#call('flush', options);
    if (isPlainObject(diff) && isPlainObject(capture)) return { diff, capture };
    throw new HudError('PROTOCOL_ERROR', 'The result of filetracking flush has no diff and capture.');
  }

  async close(): Promise<void> {
    this.#lose('This client for file tracking was closed.');
  }

  /** @throws HudError RPC_ERROR as the server says, CONNECTION_LOST after a call that was given up: its answer may still come */
  #call(method: string, options: TrackingCallOptions): Promise<JsonObject> {
    const call = this.#last.then(() => this.#exchange(method, options));
    this.#last = call.catch(() => {}); // the caller hears of it
    return call;
  }

  async #exchange(method: string, { timeoutMs = CALL_MS, signal }: TrackingCallOptions): Promise<JsonObject> {
    signal?.throwIfAborted();
    if (this.#lost !== undefined) throw this.#lost;
    const onAbort = (): void => this.#lose(`filetracking ${method} was given up.`);
    using _timer = nodeHost.setTimer(timeoutMs, () => this.#lose(`filetracking ${method} was not answered within ${timeoutMs} ms.`));
    signal?.addEventListener('abort', onAbort, { once: true });
    const id = this.#nextId;
    this.#nextId += 1;
    try {
      this.#stream.write(encodeFrame({ jsonrpc: '2.0', id, method, params: {} }));
      return resultOf(await this.#answer(id), method);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #answer(id: number): Promise<JsonObject> {
    for (;;) {
      const frame = this.#nextFrame();
      if (frame?.id === id) return frame;
      if (frame !== undefined) continue;
      if (this.#lost !== undefined) throw this.#lost;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  #nextFrame(): JsonObject | undefined {
    try {
      return this.#reader.next();
    } catch (error) {
      this.#lose(messageOf(error)); // whatever follows it can't be read either
      throw error;
    }
  }

  #lose(why: string): void {
    this.#lost ??= new HudError('CONNECTION_LOST', why);
    this.#stream.destroy();
    this.#wake?.();
  }
}

/** @throws HudError CAPABILITY_FAILED when its server can't be reached */
export async function openFileTracking(capability: Capability): Promise<FileTrackingClient> {
  try {
    const { hostname, port } = new URL(capability.url);
    const stream = await nodeHost.dial({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), timeoutMs: DIAL_MS });
    return new FileTrackingClient(capability, stream);
  } catch (cause) {
    throw new HudError('CAPABILITY_FAILED', `No file tracking at ${capability.url}: ${messageOf(cause)}`, { cause });
  }
}

function resultOf({ result, error }: JsonObject, method: string): JsonObject {
  if (isPlainObject(error)) throw new HudError('RPC_ERROR', `filetracking ${method}: ${String(error.message)}`);
  if (isPlainObject(result)) return result;
  throw new HudError('PROTOCOL_ERROR', `The result of filetracking ${method} is not an object.`);
}
