/** Keeps every upstream at the rate it bears: all callers share what it allows, and take turns. */
import type { Metrics } from '../../metrics.ts';
import { Gate, type GateClock } from './governor-gate.ts';
import { Refusal } from '../refusals.ts';
import type { Governor, Upstream } from '../seams.ts';

export interface GovernorOptions {
  /** @default this machine's */
  clock?: GateClock;
  /** Calls that may wait for one upstream. @default 10_000 */
  maxWaiting?: number;
  /** Longest wait of a call. @default 120_000 */
  maxWaitMs?: number;
  metrics?: Pick<Metrics, 'gauge'>;
}

const realClock: GateClock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

export class UpstreamGovernor implements Governor {
  readonly #options: GovernorOptions;
  readonly #gates = new Map<string, Gate>();

  constructor(options: GovernorOptions = {}) {
    this.#options = options;
    const sum = (read: (gate: Gate) => number) => (): number => [...this.#gates.values()].reduce((total, gate) => total + read(gate), 0);
    options.metrics?.gauge(
      'hud_model_calls_running',
      'Model calls that run upstream',
      sum(({ running }) => running),
    );
    options.metrics?.gauge(
      'hud_model_calls_waiting',
      'Model calls that wait for room upstream',
      sum(({ waiting }) => waiting),
    );
  }

  enter: Governor['enter'] = (upstream, signal, lane = '') => this.gate(upstream).enter(signal, lane);

  /** How it stands with an upstream. A caller's own key has limits of its own. */
  gate(upstream: Upstream): Gate {
    const name = upstream.isCallersOwn === true ? `${upstream.name} ${upstream.apiKey ?? ''}` : upstream.name;
    let gate = this.#gates.get(name);
    if (gate === undefined) {
      if (this.#gates.size >= MAX_GATES) this.#forget();
      this.#gates.set(name, (gate = this.#open(upstream)));
    }
    return gate;
  }

  #open({ name, maxConcurrent }: Upstream): Gate {
    const { clock = realClock, maxWaiting = 10_000, maxWaitMs = 120_000 } = this.#options;
    const full = (reason: 'waiting' | 'queue', seconds: number): Refusal =>
      new Refusal(
        429,
        reason === 'queue'
          ? `${maxWaiting} model calls wait for ${name} already. Try again later, or run fewer at once.`
          : `There was no room at ${name} within ${maxWaitMs / 1000} s: it limits its rate. Try again later, or run fewer at once.`,
        { retryAfter: seconds },
      );
    return new Gate({ clock, maxWaiting, maxWaitMs, maxConcurrent, full });
  }

  #forget(): void {
    for (const [name, gate] of this.#gates) if (gate.running === 0 && gate.waiting === 0) this.#gates.delete(name);
  }
}

const MAX_GATES = 1_000;
