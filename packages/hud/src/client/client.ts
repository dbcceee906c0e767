/** Calls on one control session, and streams to the capabilities that its environment offers. */
import { openCapability, type CapabilityClient, type CapabilityClients } from '../capabilities/open.ts';
import type { Host, Stream } from '../host/host.ts';
import { Capability, matchesCapability } from '../protocol/capability.ts';
import { decode, encode } from '../protocol/codec.ts';
import { HudError } from '../protocol/errors.ts';
import { FrameReader, encodeFrame } from '../protocol/frames.ts';
import { parseGrade, type Grade } from '../protocol/grade.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { HelloResult, RPC, TaskEntry, TunnelParams, errorFromWire, request, type StartFrame } from '../protocol/messages.ts';
import type { Connection } from './connection.ts';
import { forward, type Forwarder } from './forwarder.ts';

export interface ClientParts {
  host: Host;
  connection: Connection;
  hello: HelloResult;
  /** Opens one more connection to the same control address. */
  dial: (signal?: AbortSignal) => Promise<Stream>;
  /** Says `hello` once more, for capabilities published since. */
  greet: () => Promise<HelloResult>;
}

const TUNNEL_REPLY_MS = 15_000;
const OPEN_RETRY_MS = [250, 500];

/** Made by `connect`. Closing it leaves a running task parked; `cancel()` first ends the task. */
export class Client implements AsyncDisposable {
  readonly #parts: ClientParts;
  #forwarders: Map<string, Promise<Forwarder>> | undefined;
  #opened: Map<string, Promise<CapabilityClient>> | undefined;
  #hello: HelloResult;
  #closing: Promise<void> | undefined;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#hello = parts.hello;
  }

  get sessionId(): string {
    return this.#hello.sessionId;
  }

  /** Needed to resume this session from another connection; absent with a Python environment. */
  get sessionSecret(): string | undefined {
    return this.#hello.sessionSecret;
  }

  get env(): { name: string; version: string } {
    return this.#hello.env;
  }

  /** Capabilities as published, with the environment's own addresses. */
  get manifest(): readonly Capability[] {
    return this.#hello.bindings;
  }

  /** Fires, with the reason, when the connection is lost or closed. */
  get closed(): AbortSignal {
    return this.#parts.connection.closed;
  }

  async listTasks(): Promise<TaskEntry[]> {
    const { tasks } = await this.#call('tasks.list', {});
    if (!Array.isArray(tasks)) throw new HudError('PROTOCOL_ERROR', "tasks.list returned no 'tasks' list.", { rpcCode: RPC.internalError });
    return tasks.map((entry) => decode(TaskEntry, entry, { what: 'A task of tasks.list' }));
  }

  /** Replaces this session's task, if one runs. */
  async start(id: string, args: JsonObject = {}, options: { signal?: AbortSignal } = {}): Promise<StartFrame> {
    const frame: StartFrame = await this.#call('tasks.start', { id, args }, options);
    const { bindings } = frame;
    if (bindings !== undefined && !(isPlainObject(bindings) && Object.values(bindings).every(isPlainObject))) {
      throw new HudError('PROTOCOL_ERROR', "tasks.start returned 'bindings' that are not an object of objects.", {
        rpcCode: RPC.internalError,
      });
    }
    return frame;
  }

  /** Ends the task whatever comes back. `answer` is text or null, or an object for a verifier. */
  async grade(answer: unknown, options: { signal?: AbortSignal } = {}): Promise<Grade> {
    return parseGrade(await this.#call('tasks.grade', { answer }, options));
  }

  /** Ends the session's task, also one that is still starting or grading; that call fails then. */
  async cancel(): Promise<void> {
    await this.#parts.connection.interrupt('tasks.cancel');
  }

  /**
   * Runs the running task's reference solution inside the environment.
   * @returns its answer
   * @throws HudError UNAUTHORIZED where the environment does not show solutions to this client,
   *   TEMPLATE_NOT_FOUND when the template has none
   */
  async solve(options: { signal?: AbortSignal } = {}): Promise<unknown> {
    return (await this.#call('tasks.solve', {}, options)).answer;
  }

  /**
   * The capability that `ref` (name, protocol or family) means, at an address on this machine.
   * @throws HudError CAPABILITY_NOT_FOUND listing the candidates when none or several match
   */
  async binding(ref: string): Promise<Capability> {
    const capability = await this.#find(ref);
    const forwarders = (this.#forwarders ??= new Map());
    let forwarder = forwarders.get(capability.name);
    if (forwarder === undefined) {
      forwarder = forward(this.#parts.host, capability, () => this.stream(capability.name));
      forwarders.set(capability.name, forwarder);
      forwarder.catch(() => forwarders.delete(capability.name));
    }
    return (await forwarder).capability;
  }

  /** A managed client for the capability that `ref` (name, protocol or family) means, made once and closed with this one. */
  open<Family extends keyof CapabilityClients>(ref: Family): Promise<CapabilityClients[Family]>;
  open(ref: string): Promise<CapabilityClient>;
  async open(ref: string): Promise<CapabilityClient> {
    const capability = await this.#find(ref);
    const clients = (this.#opened ??= new Map());
    let opened = clients.get(capability.name);
    if (opened === undefined) {
      opened = this.#openWithRetry(capability);
      clients.set(capability.name, opened);
      opened.catch(() => clients.delete(capability.name));
    }
    return await opened;
  }

  /** A raw byte stream to the capability's server. Carries no right to control the session. */
  async stream(name: string, options: { signal?: AbortSignal } = {}): Promise<Stream> {
    const stream = await this.#parts.dial(options.signal);
    const params = encode(TunnelParams, { capability: name, sessionId: this.sessionId, ticket: this.#hello.tickets?.[name] });
    stream.write(encodeFrame(request(1, 'tunnel.open', params)));
    try {
      await tunnelReply(this.#parts.host, stream);
    } catch (error) {
      stream.destroy();
      throw error;
    }
    return stream;
  }

  /** Closes capability clients, then their forwarders, then the control connection. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await settled(this.#opened, async (opened) => await opened.close());
    await settled(this.#forwarders, async (forwarder) => await forwarder[Symbol.asyncDispose]());
    this.#parts.connection.close();
  }

  async #call(method: string, params: JsonObject, options: { signal?: AbortSignal } = {}): Promise<JsonObject> {
    return await this.#parts.connection.call(method, params, options);
  }

  async #find(ref: string): Promise<Capability> {
    const exact = this.manifest.find((capability) => capability.name === ref);
    let matches = exact === undefined ? this.manifest.filter((capability) => matchesCapability(capability, ref)) : [exact];
    if (matches.length === 0) {
      this.#hello = { ...this.#hello, ...(await this.#parts.greet()) };
      matches = this.manifest.filter((capability) => matchesCapability(capability, ref));
    }
    const [only, ...others] = matches;
    if (only !== undefined && others.length === 0) return only;
    const names = (list: readonly Capability[]): string => list.map((c) => `${c.name} (${c.protocol})`).join(', ') || 'none';
    throw only === undefined
      ? new HudError('CAPABILITY_NOT_FOUND', `There is no capability '${ref}' here; offered: ${names(this.manifest)}.`)
      : new HudError('CAPABILITY_NOT_FOUND', `The capability '${ref}' is ambiguous: ${names(matches)}.`, { hint: 'Use its name.' });
  }

  async #openWithRetry(capability: Capability): Promise<CapabilityClient> {
    const routed = await this.binding(capability.name);
    for (const waitMs of OPEN_RETRY_MS) {
      try {
        return await openCapability(routed);
      } catch (error) {
        if (!(error instanceof HudError) || error.code !== 'CAPABILITY_FAILED') throw error;
        await new Promise<void>((resolve) => this.#parts.host.setTimer(waitMs, resolve));
      }
    }
    return await openCapability(routed);
  }
}

/** Closes each, whatever becomes of the others. Most sessions open none. */
async function settled<T>(opened: Map<string, Promise<T>> | undefined, close: (one: T) => Promise<void>): Promise<void> {
  if (opened !== undefined) await Promise.allSettled([...opened.values()].map(async (one) => await close(await one)));
}

/** Reads exactly the reply line; whatever follows it goes back into the stream. */
async function tunnelReply(host: Host, stream: Stream): Promise<void> {
  const reader = new FrameReader();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Pulled, not pushed: a stream that was paused by hand would stay so for whoever listens to it next.
  const onReadable = (): void => {
    try {
      for (let chunk = stream.read() as Uint8Array | null; chunk !== null; chunk = stream.read() as Uint8Array | null) {
        reader.push(chunk);
        const reply = reader.next();
        if (reply === undefined) continue;
        stream.off('readable', onReadable);
        const rest = reader.rest();
        if (rest.length > 0) stream.unshift(rest);
        if (reply.error === undefined) return resolve();
        return reject(errorFromWire(reply.error));
      }
    } catch (error) {
      reject(error);
    }
  };
  const onEnd = (): void => reject(new HudError('CAPABILITY_FAILED', 'The environment closed the capability stream before answering.'));
  const onError = (cause: Error): void =>
    reject(new HudError('CAPABILITY_FAILED', `The capability stream broke: ${cause.message}.`, { cause }));
  stream.on('readable', onReadable).once('end', onEnd).once('error', onError);
  using _timer = host.setTimer(TUNNEL_REPLY_MS, () =>
    reject(new HudError('CAPABILITY_FAILED', `The environment did not open the capability stream within ${TUNNEL_REPLY_MS} ms.`)),
  );
  try {
    await promise;
  } finally {
    stream.off('readable', onReadable).off('end', onEnd).off('error', onError);
  }
}
