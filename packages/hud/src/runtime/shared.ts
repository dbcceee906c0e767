/** One place for several rollouts: at most `width` at a time on each environment that it boots. */
import { withSignal } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { stringifyJson } from '../protocol/json.ts';
import type { RuntimeConfig } from '../protocol/runtime.ts';
import type { Task } from '../protocol/task.ts';
import type { Leases } from '../store/index.ts';
import {
  Runtime,
  asProvider,
  type PlaceCost,
  type Provider,
  type ProviderContext,
  type ProviderObject,
  type RuntimeLease,
} from './provider.ts';

interface Substrate {
  lease: Promise<RuntimeLease>;
  inUse: number;
  waiting: (() => void)[];
}

/**
 * Boots one environment for each (environment, runtime configuration) when it is first needed, and
 * keeps it until the scope is closed. A batch opens the scope for its own time; `open()` holds it longer.
 */
export class Shared implements ProviderObject {
  readonly name = 'shared';
  readonly #inner: ProviderObject;
  readonly #width: number;
  readonly #substrates = new Map<string, Substrate>();
  #scopes = 0;
  #abort = new AbortController();

  /** @throws HudError BAD_ARGUMENT for a width below 1 */
  constructor(inner: Provider, options: { width: number }) {
    if (!Number.isInteger(options.width) || options.width < 1) {
      throw new HudError('BAD_ARGUMENT', `Shared needs a width of at least 1, got ${options.width}.`);
    }
    this.#inner = asProvider(inner);
    this.#width = options.width;
  }

  /** One connection each: what the environments take is bounded by their number. */
  get cost(): PlaceCost {
    return { descriptors: 1 };
  }

  get runtimeConfig(): RuntimeConfig | undefined {
    return this.#inner.runtimeConfig;
  }

  /** May be nested; the environments end with the last scope. */
  async open(context: { leases?: Leases } = {}): Promise<AsyncDisposable> {
    this.#scopes += 1;
    const inner = await this.#inner.open?.(context);
    let isOpen = true;
    return {
      [Symbol.asyncDispose]: async () => {
        if (!isOpen) return;
        isOpen = false;
        this.#scopes -= 1;
        if (this.#scopes === 0) await this.#closeAll();
        await inner?.[Symbol.asyncDispose]();
      },
    };
  }

  async acquire(task: Task, context: ProviderContext): Promise<RuntimeLease> {
    if (this.#scopes === 0) {
      throw new HudError('BAD_ARGUMENT', 'A Shared runtime must be open.', {
        hint: 'taskset.run opens it; by hand: await using scope = await shared.open().',
      });
    }
    const key = `${task.env}\n${stringifyJson(task.runtimeConfig ?? null)}`;
    const substrate = this.#substrates.get(key) ?? this.#boot(key, task, context);
    const release = await this.#enter(substrate, context.signal);
    try {
      const lease = await withSignal(substrate.lease, context.signal);
      return new Runtime(lease.url, {
        params: lease.params,
        ...(lease.config === undefined ? {} : { config: lease.config }),
        ...(lease.secret === undefined ? {} : { secret: lease.secret }),
        ...(lease.exited === undefined ? {} : { exited: lease.exited }),
        ...(lease.probe === undefined ? {} : { probe: lease.probe }),
        ...(lease.dial === undefined ? {} : { dial: lease.dial }),
        diagnose: () => lease.diagnose(),
        dispose: async () => release(),
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  #boot(key: string, task: Task, { leases }: ProviderContext): Substrate {
    // Its life is the scope's, not that of the rollout that happened to come first.
    const lease = this.#inner.acquire(task, { signal: this.#abort.signal, upcoming: 0, ...(leases === undefined ? {} : { leases }) });
    const substrate: Substrate = { lease, inUse: 0, waiting: [] };
    this.#substrates.set(key, substrate);
    const forget = (): void => {
      if (this.#substrates.get(key) === substrate) this.#substrates.delete(key);
    };
    // A place that failed to boot or died is booted again for whoever comes next.
    lease.then((runtime) => runtime.exited?.then(forget), forget);
    return substrate;
  }

  async #enter(substrate: Substrate, signal: AbortSignal): Promise<() => void> {
    if (substrate.inUse < this.#width) {
      substrate.inUse += 1;
    } else {
      const { promise, resolve } = Promise.withResolvers<void>();
      substrate.waiting.push(resolve); // whoever leaves hands its seat over
      try {
        await withSignal(promise, signal);
      } catch (error) {
        const at = substrate.waiting.indexOf(resolve);
        if (at >= 0) substrate.waiting.splice(at, 1);
        else leave(substrate);
        throw error;
      }
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      leave(substrate);
    };
  }

  async #closeAll(): Promise<void> {
    this.#abort.abort(new HudError('CANCELLED', 'The shared runtime was closed.'));
    this.#abort = new AbortController();
    const substrates = [...this.#substrates.values()];
    this.#substrates.clear();
    await Promise.allSettled(substrates.map(async ({ lease }) => await (await lease)[Symbol.asyncDispose]()));
  }
}

function leave(substrate: Substrate): void {
  const next = substrate.waiting.shift();
  if (next === undefined) substrate.inUse -= 1;
  else next();
}
