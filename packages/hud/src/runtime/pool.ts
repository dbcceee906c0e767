/** Environments started ahead of demand: each is handed out once, and what nobody asks for ends with the pool. */
import { withSignal, type Host, type Timer } from '../host/host.ts';
import type { RuntimeLease } from './provider.ts';

export interface PoolOptions<Lease extends RuntimeLease> {
  host: Host;
  /** Most environments that wait at a time. */
  max: number;
  /** Starts one; it is gone when the signal fires before this settles. */
  boot: (signal: AbortSignal) => Promise<Lease>;
}

interface Entry<Lease> {
  lease: Promise<Lease>;
  isDead: boolean;
}

/** Not at once: what was handed out is being greeted, and a process that starts beside it would delay that. */
const REFILL_MS = 15;

export class WarmPool<Lease extends RuntimeLease> implements AsyncDisposable {
  readonly #options: PoolOptions<Lease>;
  readonly #closing = new AbortController();
  /** Oldest first; a booting one is as good as handed out. */
  readonly #waiting: Entry<Lease>[] = [];
  readonly #booting = new Set<Promise<unknown>>();
  #bootMs = 0;
  #gapMs = Infinity;
  #takenAt: number | undefined;
  #upcoming = 0;
  #refilling: Timer | undefined;

  constructor(options: PoolOptions<Lease>) {
    this.#options = options;
  }

  /**
   * @param upcoming how many more will be asked for, as far as known; the pool never starts more than that
   * @throws HudError as booting did, or the signal's reason
   */
  async take(signal: AbortSignal, upcoming: number): Promise<Lease> {
    this.#noteDemand();
    const entry = this.#waiting.shift() ?? this.#start();
    this.#upcoming = upcoming;
    this.#refilling ??= this.#options.host.setTimer(REFILL_MS, () => this.#refill(), { unref: true });
    try {
      const lease = await withSignal(entry.lease, signal);
      if (!entry.isDead) return lease;
      await lease[Symbol.asyncDispose]();
      return await this.take(signal, upcoming);
    } catch (error) {
      void entry.lease.then(
        (lease) => (signal.aborted ? lease[Symbol.asyncDispose]() : undefined),
        () => {}, // told to whoever took it
      );
      throw error;
    }
  }

  /** Ends what waits; what was handed out is its holder's. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#refilling?.cancel();
    const entries = this.#waiting.splice(0);
    await Promise.allSettled(entries.map(async ({ lease }) => await (await lease)[Symbol.asyncDispose]()));
    await Promise.allSettled(this.#booting);
  }

  /** As many as are asked for while one boots: with that many ahead nobody waits. */
  #refill(): void {
    this.#refilling = undefined;
    const wanted = Math.min(this.#options.max, this.#upcoming, Math.max(1, Math.ceil(this.#bootMs / this.#gapMs)));
    while (this.#waiting.length < wanted && !this.#closing.signal.aborted) {
      const entry = this.#start();
      this.#waiting.push(entry);
      const forget = (): void => {
        entry.isDead = true;
        const at = this.#waiting.indexOf(entry);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        void entry.lease.then((lease) => lease[Symbol.asyncDispose]()).catch(() => {}); // it never came up: nothing to end
      };
      entry.lease.then((lease) => void lease.exited?.then(forget), forget);
    }
  }

  #start(): Entry<Lease> {
    const { host, boot } = this.#options;
    const startedAt = host.monotonic();
    const lease = boot(this.#closing.signal);
    this.#booting.add(lease);
    const settled = (): void => void this.#booting.delete(lease);
    lease.then(() => (this.#bootMs = smooth(this.#bootMs, host.monotonic() - startedAt))).then(settled, settled);
    return { lease, isDead: false };
  }

  #noteDemand(): void {
    const now = this.#options.host.monotonic();
    if (this.#takenAt !== undefined) this.#gapMs = smooth(this.#gapMs, Math.max(1, now - this.#takenAt));
    this.#takenAt = now;
  }
}

/** Follows within a few values; the first counts whole. */
function smooth(average: number, value: number): number {
  return average === 0 || !Number.isFinite(average) ? value : 0.7 * average + 0.3 * value;
}
