/** A served environment that can be replaced by its newer source on the same port, while nobody is connected. */
import { watch as watchFiles, statSync, type FSWatcher } from 'node:fs';
import { dirname, sep } from 'node:path';
import { bind, type BindOptions, type BoundServer, type Environment } from '../environment/index.ts';
import { nodeHost } from '../host/node.ts';
import { withSignal, type Host } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';

export type ReloadEvent =
  | { type: 'reloaded' }
  /** The change waits for these to end. */
  | { type: 'waiting'; connections: number }
  /** The old environment stays. */
  | { type: 'failed'; error: unknown };

/** Editors write a file in several steps; this long after the last one it is read. */
const SETTLE_MS = 100;

export class ReloadingServer implements AsyncDisposable {
  readonly #load: () => Promise<Environment>;
  readonly #options: BindOptions;
  readonly #system: Host;
  #current: { environment: Environment; server: BoundServer } | undefined;
  #connections = 0;
  #onIdle: (() => void) | undefined;
  #watcher: FSWatcher | undefined;
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** Rejects when the port was lost between two environments: nothing is served then. */
  readonly #lost = Promise.withResolvers<never>();

  constructor(load: () => Promise<Environment>, options: BindOptions) {
    this.#load = load;
    this.#options = options;
    this.#system = {
      ...nodeHost,
      listen: async (address, onConnection) =>
        await nodeHost.listen(address, (stream, peer) => {
          this.#connections += 1;
          stream.once('close', () => this.#left());
          onConnection(stream, peer);
        }),
    };
    this.#lost.promise.catch(() => {}); // whoever waits in runUntil sees it
  }

  async start(): Promise<void> {
    const environment = await this.#load();
    this.#current = { environment, server: await bind(environment, { ...this.#options, system: this.#system }) };
  }

  get environment(): Environment {
    return this.#served.environment;
  }

  get url(): string {
    return this.#served.server.url;
  }

  get port(): number {
    return this.#served.server.port;
  }

  /** Looks at every file beside `source` and below. */
  watch(source: string, tell: (event: ReloadEvent) => void): void {
    const directory = statSync(source, { throwIfNoEntry: false })?.isDirectory() ? source : dirname(source);
    let timer: NodeJS.Timeout | undefined;
    this.#watcher = watchFiles(directory, { recursive: true }, (_event, file) => {
      if (file === null || isUninteresting(file)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.#work = this.#work.then(async () => await this.#reload(tell));
      }, SETTLE_MS);
    });
    this.#watcher.on('error', (error) => tell({ type: 'failed', error }));
  }

  /** Settles when the signal fires; rejects when the server is lost. */
  async runUntil(signal: AbortSignal): Promise<void> {
    try {
      await withSignal(this.#lost.promise, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Ends every task, runs the shutdown hooks. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watcher?.close();
    this.#onIdle?.();
    await this.#work;
    await this.#current?.server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #served(): { environment: Environment; server: BoundServer } {
    if (this.#current === undefined) throw new HudError('BAD_ARGUMENT', 'This server has not been started.');
    return this.#current;
  }

  async #reload(tell: (event: ReloadEvent) => void): Promise<void> {
    try {
      const environment = await this.#load();
      if (environment === this.environment) return; // the same content: nothing changed that it is made of
      if (this.#connections > 0) {
        tell({ type: 'waiting', connections: this.#connections });
        await this.#idle();
      }
      if (this.#isClosed) return;
      await this.#replace(environment);
      tell({ type: 'reloaded' });
    } catch (error) {
      tell({ type: 'failed', error });
    }
  }

  async #replace(environment: Environment): Promise<void> {
    const { server, environment: old } = this.#served;
    const options = { ...this.#options, port: server.port, system: this.#system };
    await server.close();
    try {
      this.#current = { environment, server: await bind(environment, options) };
    } catch (error) {
      this.#current = {
        environment: old,
        server: await bind(old, options).catch((lost: unknown) => {
          this.#lost.reject(lost);
          throw lost;
        }),
      };
      throw error;
    }
  }

  async #idle(): Promise<void> {
    if (this.#connections === 0) return;
    await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#onIdle = undefined;
  }

  #left(): void {
    this.#connections -= 1;
    if (this.#connections === 0) this.#onIdle?.();
  }
}

/** Neither dependencies nor what the tools write while they run. */
function isUninteresting(file: string): boolean {
  return file.split(sep).some((part) => part === 'node_modules' || (part.startsWith('.') && part !== '.env') || part.endsWith('~'));
}
