/** Bind an environment to a port, fork each connection by its first frame, shut down in order. */
import { nodeHost } from '../host/node.ts';
import { withDeadline, type Host, type Listener, type Peer, type Stream } from '../host/host.ts';
import { pipe } from '../host/pipe.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { encodeFrame } from '../protocol/frames.ts';
import { MAX_FRAME_BYTES, PORT_ANNOUNCEMENT, PYTHON_FRAME_BYTES, request } from '../protocol/messages.ts';
import { Access, type AccessOptions } from './access.ts';
import { Environment } from './environment.ts';
import { FrameStream } from './frame-stream.ts';
import { sayWhyClosing, serveSession } from './session.ts';
import { Sessions, type ParkingOptions } from './sessions.ts';
import { openTunnel } from './tunnel.ts';

export interface BindOptions extends AccessOptions, ParkingOptions {
  /** @default "127.0.0.1" */
  host?: string;
  /** 0 takes any free port. @default 0 */
  port?: number;
  /** Longest request read, in bytes. @default 64 MiB */
  maxFrameBytes?: number;
  /**
   * What a client reads that does not say, in bytes: a longer reply becomes a readable error.
   * Python clients never say; they read 65,536 up to 0.6.15 and 16 MiB from 0.6.16 on. @default 65_536
   */
  unannouncedFrameBytes?: number;
  /** Arguments that fail their schema are errors. @default true */
  strictArgs?: boolean;
  /** Longest silence of a new connection, in milliseconds. @default 60_000 */
  firstFrameMs?: number;
  /** Longest wait for the initialize hooks, in seconds. @default 120 */
  readyTimeout?: number;
  /** Where warnings go: hooks that failed, tasks that were evicted. @default nowhere */
  onWarning?: (message: string) => void;
  system?: Host;
}

export interface BoundServer extends AsyncDisposable {
  /** `tcp://host:port`, to connect from this machine. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Somebody has connected. */
  readonly isVisited: boolean;
  /** Settles when the server has stopped. */
  readonly closed: Promise<void>;
  /** Stops accepting, ends every task with its clean-up, runs the shutdown hooks. May be called twice. */
  close(): Promise<void>;
}

/** New connections that have not said what they are; beyond this the oldest is dropped. */
const MAX_UNDECIDED = 512;
const CLOSE_CONNECTIONS_MS = 5_000;

/**
 * Runs the initialize hooks, then accepts connections.
 * @throws HudError PORT_IN_USE, or TEMPLATE_FAILED when a hook failed; the shutdown hooks have run then
 */
export async function bind(environment: Environment, options: BindOptions = {}): Promise<BoundServer> {
  const server = await startServer(environment, options);
  try {
    return await server.listen(options.host ?? '127.0.0.1', options.port ?? 0);
  } catch (error) {
    await environment.stop();
    throw error;
  }
}

/** A served environment without a port: whoever holds it opens connections. */
export interface LocalServer extends AsyncDisposable {
  /** A new connection, seen from the client's end. */
  connect(): Stream;
  /** As of {@link BoundServer}. */
  close(): Promise<void>;
}

/**
 * {@link bind} for clients in this process: the same protocol over memory.
 * @throws HudError TEMPLATE_FAILED when an initialize hook failed
 */
export async function bindInProcess(environment: Environment, options: Omit<BindOptions, 'host' | 'port'> = {}): Promise<LocalServer> {
  return await startServer(environment, options);
}

async function startServer(environment: Environment, options: BindOptions): Promise<Server> {
  const system = options.system ?? nodeHost;
  environment.onWarning(options.onWarning ?? (() => {}));
  const access = new Access(options, system.randomHex(32));
  const limitMs = (options.readyTimeout ?? 120) * 1000;
  await withDeadline(
    system,
    environment.start(),
    limitMs,
    () =>
      new HudError(
        'TEMPLATE_FAILED',
        `The initialize hooks of environment '${environment.name}' did not finish within ${limitMs / 1000} s.`,
      ),
  );
  return new Server(environment, access, system, options);
}

export interface ServeOptions extends BindOptions {
  /** Stops the server when it fires. */
  signal?: AbortSignal;
  /** Where the port is announced. @default standard output */
  announce?: (line: string) => void;
  /** Answers a hello of its own while it waits for the first client, which then finds everything loaded. @default false */
  rehearses?: boolean;
}

/** A client that is there already would only be delayed. */
const REHEARSAL_MS = 25;

/** Binds, announces the port as one line, and serves until the signal fires. */
export async function serve(environment: Environment, options: ServeOptions = {}): Promise<void> {
  await using server = await bind(environment, options);
  const announce = options.announce ?? ((line: string) => void process.stdout.write(`${line}\n`));
  announce(`${PORT_ANNOUNCEMENT}${server.port}`);
  options.signal?.addEventListener('abort', () => void server.close(), { once: true });
  if (options.signal?.aborted) await server.close();
  const system = options.system ?? nodeHost;
  using _timer = options.rehearses
    ? system.setTimer(REHEARSAL_MS, () => void rehearse(server, options, system), { unref: true })
    : undefined;
  await server.closed;
}

async function rehearse(server: BoundServer, { secret }: ServeOptions, system: Host): Promise<void> {
  if (server.isVisited) return;
  try {
    const stream = await system.dial({ host: server.host, port: server.port, timeoutMs: 1_000 });
    stream.on('error', () => {}).once('data', () => stream.destroy());
    stream.write(encodeFrame(request(1, 'hello', { max_frame: MAX_FRAME_BYTES, secret })));
  } catch {
    // Only a rehearsal: whatever is wrong shows with the first client.
  }
}

declare module './environment.ts' {
  interface Environment {
    /** {@link serve} this environment. */
    serve(options?: ServeOptions): Promise<void>;
  }
}

// An environment only declares; the server teaches it to be served.
Environment.prototype.serve = function serveThis(this: Environment, options?: ServeOptions): Promise<void> {
  return serve(this, options);
};

class Server implements BoundServer, LocalServer {
  readonly #environment: Environment;
  readonly #access: Access;
  readonly #system: Host;
  readonly #options: BindOptions;
  readonly #sessions: Sessions;
  readonly #undecided = new Set<Stream>();
  readonly #connections = new Map<Stream, Promise<void>>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #stopping = new AbortController();
  isVisited = false;
  #listener: Listener | undefined;
  #closing: Promise<void> | undefined;

  constructor(environment: Environment, access: Access, system: Host, options: BindOptions) {
    this.#environment = environment;
    this.#access = access;
    this.#system = system;
    this.#options = options;
    this.#sessions = new Sessions(system, options, (message) => environment.warn(message));
  }

  async listen(host: string, port: number): Promise<this> {
    this.#listener = await this.#system.listen({ host, port }, (stream, peer) => this.#accept(stream, peer));
    return this;
  }

  connect(): Stream {
    const [ours, theirs] = pipe();
    this.#accept(ours, { address: '', isLoopback: true });
    return theirs;
  }

  get host(): string {
    return this.#listener?.host ?? '';
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  get url(): string {
    const host = ['0.0.0.0', '::'].includes(this.host) ? '127.0.0.1' : this.host;
    return `tcp://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const listening = this.#listener?.close();
    this.#stopping.abort('the server stops'); // a reason of its own saves the stack of an error that nobody reads
    const closingTasks = this.#sessions.close();
    for (const stream of this.#connections.keys()) stream.destroy();
    const handlers = Promise.allSettled(this.#connections.values());
    try {
      // A handler inside a template that ignores its signal would hold the shutdown for ever.
      await withDeadline(this.#system, handlers, CLOSE_CONNECTIONS_MS, () => new Error('a task is still busy'));
    } catch (error) {
      this.#environment.warn(`stopped while ${messageOf(error)}`);
    }
    await closingTasks;
    await listening;
    await this.#environment.stop();
    this.#closed.resolve();
  }

  #accept(stream: Stream, peer: Peer): void {
    if (this.#closing !== undefined) return void stream.destroy();
    this.isVisited = true;
    stream.on('error', () => {}); // every wait on the stream sees its close; without a listener Node ends the process
    const handling = this.#handle(stream, peer).catch((error: unknown) => {
      this.#environment.warn(`a connection failed: ${messageOf(error)}`);
      stream.destroy();
    });
    this.#connections.set(stream, handling);
    void handling.then(() => this.#connections.delete(stream));
  }

  async #handle(stream: Stream, peer: Peer): Promise<void> {
    const maxFrameBytes = this.#options.maxFrameBytes ?? MAX_FRAME_BYTES;
    const frames = new FrameStream(stream, maxFrameBytes);
    const first = await this.#firstFrame(frames);
    if (first === undefined) return frames.close(this.#system);
    const context = { environment: this.#environment, access: this.#access, host: this.#system, peer };
    if (first.method === 'tunnel.open') return await openTunnel(frames, first, context);
    await serveSession(frames, first, {
      ...context,
      sessions: this.#sessions,
      maxFrameBytes,
      strictArgs: this.#options.strictArgs ?? true,
      unannouncedFrameBytes: this.#options.unannouncedFrameBytes ?? PYTHON_FRAME_BYTES,
      stopping: this.#stopping.signal,
    });
  }

  /** undefined: the peer said nothing in time, nothing at all, or nothing readable, and knows why. */
  async #firstFrame(frames: FrameStream): Promise<JsonObject | undefined> {
    this.#undecided.add(frames.stream);
    const [oldest] = this.#undecided;
    if (this.#undecided.size > MAX_UNDECIDED) oldest?.destroy();
    using _timer = this.#system.setTimer(this.#options.firstFrameMs ?? 60_000, () => frames.stream.destroy(), { unref: true });
    try {
      return await frames.next();
    } catch (error) {
      await sayWhyClosing(frames, error);
      frames.close(this.#system);
      return undefined;
    } finally {
      this.#undecided.delete(frames.stream);
    }
  }
}
