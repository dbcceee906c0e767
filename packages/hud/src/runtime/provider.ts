/** The contract of a place: given a task, bring up one environment and hand over its address. */
import { HudError } from '../protocol/errors.ts';
import { DEFAULT_PORT } from '../protocol/messages.ts';
import { RuntimeConfig } from '../protocol/runtime.ts';
import type { Task } from '../protocol/task.ts';

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
  /** Runs when the place ends by itself, before its owner asked. */
  exited?: Promise<string>;
}

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
}

/** A provider with settings of its own; everything that takes a provider takes either form. */
export interface ProviderObject {
  readonly name: string;
  acquire: ProviderFunction;
  /** Merged under the task's own. */
  readonly runtimeConfig?: RuntimeConfig;
  /** How many rollouts at once are sensible when nobody says. @default no limit */
  readonly defaultConcurrency?: number;
  /** Providers with a scope of their own are opened around a batch; calls may nest. */
  open?(): Promise<AsyncDisposable>;
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
  readonly #init: RuntimeInit;
  #disposed: Promise<void> | undefined;

  /** @throws HudError BAD_ARGUMENT for anything but `tcp://host[:port]` or `host[:port]` */
  constructor(url: string, init: RuntimeInit = {}) {
    const { host, port } = parseControlUrl(url);
    this.url = `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.host = host;
    this.port = port;
    this.params = init.params ?? {};
    this.config = init.config;
    this.secret = init.secret;
    this.#init = init;
  }

  get exited(): Promise<string> | undefined {
    return this.#init.exited;
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
