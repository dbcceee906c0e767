/** The contract of a place: given a task, bring up one environment and hand over its address. */
import type { Stream } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { DEFAULT_PORT } from '../protocol/messages.ts';
import { RuntimeConfig } from '../protocol/runtime.ts';
import type { Task } from '../protocol/task.ts';
import type { Leases } from '../store/index.ts';

export interface RuntimeInit {
  /** For the provider's own use; `ready_timeout` (seconds, > 0) overrides how long connecting may take. */
  params?: Record<string, unknown>;
  config?: RuntimeConfig;
  /** The control secret that the environment demands. */
  secret?: string;
  /** Called by whoever holds the runtime; see {@link RuntimeLease}. */
  dispose?: () => Promise<void>;
  /** Why the place ended, as far as it knows: read when the connection is lost. */
  diagnose?: () => Promise<string | undefined>;
  /** Settles, with how, when the place ends by itself, before its owner asked. */
  exited?: Promise<string>;
  /** Whether its process runs; read when it does not answer. */
  probe?: () => PlaceState;
  /** Opens a connection without a port, to an environment in this process. */
  dial?: () => Promise<Stream>;
}

/** `stopped`: it exists and does not run, as after SIGSTOP. undefined: nobody can tell. */
export type PlaceState = 'running' | 'stopped' | 'gone' | undefined;

/** What a provider returns: an address that is torn down when its holder lets go of it. */
export type RuntimeLease = Runtime & AsyncDisposable;

/**
 * Brings up one environment for one task.
 * Rejects with a HudError whose class says what failed; stops promptly when `signal` fires and then
 * leaves nothing behind. The lease's disposal is bounded, may be called twice, and never rejects.
 */
export type ProviderFunction = (task: Task, context: ProviderContext) => Promise<RuntimeLease>;

export interface ProviderContext {
  signal: AbortSignal;
  /** The trace this environment is for; absent outside a rollout. */
  traceId?: string;
  /** Where everything that is made outside this process is written down first. @default nowhere */
  leases?: Leases;
  /** How many more environments the same batch will ask for. @default unknown */
  upcoming?: number;
}

/** What one place takes from this machine while it exists. */
export interface PlaceCost {
  /** Open files and sockets of this process. @default 0 */
  descriptors?: number;
  /** Processes and threads. @default 0 */
  processes?: number;
  /** Bytes, until it can be measured. @default 0 */
  memory?: number;
  /** It computes on this machine: new ones wait while the processors are busy. @default false */
  computes?: boolean;
}

/** A provider with settings of its own; everything that takes a provider takes either form. */
export interface ProviderObject {
  readonly name: string;
  acquire: ProviderFunction;
  /** Merged under the task's own. */
  readonly runtimeConfig?: RuntimeConfig;
  /** What one place takes; as many are brought up at once as the machine has room for. @default nothing */
  readonly cost?: PlaceCost;
  /** Providers with a scope of their own are opened around a batch, with its leases; calls may nest. */
  open?(context?: { leases?: Leases }): Promise<AsyncDisposable>;
}

export type Provider = ProviderFunction | ProviderObject;

/** An environment that is already served somewhere. Borrowed: as a provider it tears nothing down. */
export class Runtime implements ProviderObject, AsyncDisposable {
  readonly name: string = 'url';
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly params: Record<string, unknown>;
  readonly config: RuntimeConfig | undefined;
  readonly secret: string | undefined;
  readonly cost: PlaceCost;
  readonly #init: RuntimeInit;
  #disposed: Promise<void> | undefined;

  /**
   * @param url any text when `dial` is given
   * @throws HudError BAD_ARGUMENT for anything but `tcp://host[:port]` or `host[:port]`
   */
  constructor(url: string, init: RuntimeInit = {}) {
    const { host, port } = init.dial === undefined ? parseControlUrl(url) : { host: '', port: 0 };
    this.url = init.dial === undefined ? `tcp://${host.includes(':') ? `[${host}]` : host}:${port}` : url;
    this.host = host;
    this.port = port;
    this.cost = init.dial === undefined ? { descriptors: 1 } : {};
    this.params = init.params ?? {};
    this.config = init.config;
    this.secret = init.secret;
    this.#init = init;
  }

  get exited(): Promise<string> | undefined {
    return this.#init.exited;
  }

  get dial(): (() => Promise<Stream>) | undefined {
    return this.#init.dial;
  }

  get probe(): (() => PlaceState) | undefined {
    return this.#init.probe;
  }

  async diagnose(): Promise<string | undefined> {
    return await this.#init.diagnose?.();
  }

  async acquire(): Promise<RuntimeLease> {
    return new Runtime(this.url, { ...this.#init, dispose: async () => {} });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#init.dispose?.() ?? Promise.resolve();
    await this.#disposed;
  }
}

/** One form for both shapes of a provider. */
export function asProvider(provider: Provider): ProviderObject {
  if (typeof provider !== 'function') return provider;
  return { name: provider.name || 'custom', acquire: provider };
}

export function parseControlUrl(url: string): { host: string; port: number } {
  const match = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?\/?$/.exec(url);
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (match?.[1] === undefined || port > 65_535) {
    throw new HudError('BAD_ARGUMENT', `'${url}' is not a control address.`, { hint: 'Write tcp://host:port.' });
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}
