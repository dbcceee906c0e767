/** The engine's models, as far as it has told them. One that was out of reach is asked again, seldom while it stays so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from 'hud/protocol';
import { Fault } from '../../fault.ts';
import type { Log } from '../../log.ts';
import type { BaseModel } from '../engine.ts';

export interface KnownBasesOptions {
  ask: () => Promise<readonly BaseModel[]>;
  log: Pick<Log, 'error' | 'info'>;
  /** `performance.now()` unless given. */
  now?: (() => number) | undefined;
}

const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [1_000, 30_000];

export class KnownBases {
  readonly #options: KnownBasesOptions;
  #bases: readonly BaseModel[] = [];
  #asked: Promise<void> | undefined;
  #nextAt = 0;
  #waitMs = FIRST_WAIT_MS;
  #reason = 'it has not answered yet';

  constructor(options: KnownBasesOptions) {
    this.#options = options;
  }

  /** Those that are known at this moment; while there are none, the engine is asked in the background. */
  get known(): readonly BaseModel[] {
    if (this.#bases.length === 0) void this.#ask();
    return this.#bases;
  }

  /** Waits for an answer that is due, as long as that. Never throws. */
  async within(patienceMs: number): Promise<readonly BaseModel[]> {
    if (this.#bases.length > 0) return this.#bases;
    const over = new AbortController();
    const patience = sleep(patienceMs, undefined, { signal: over.signal, ref: false }).catch(() => {}); // the answer came before
    await Promise.race([this.#ask(), patience]);
    over.abort();
    return this.#bases;
  }

  /** Why there are none. */
  get missing(): Fault {
    const retryAfter = Math.max(1, Math.ceil((this.#nextAt - this.#now()) / 1_000));
    return new Fault(503, `The training engine has no models: ${this.#reason.replace(/\.$/, '')}.`, { retryAfter });
  }

  /** Not before the last failure is long enough ago. Never throws. */
  async #ask(): Promise<void> {
    if (this.#asked === undefined && this.#now() < this.#nextAt) return;
    await (this.#asked ??= this.#answer().finally(() => (this.#asked = undefined)));
  }

  async #answer(): Promise<void> {
    const { ask, log } = this.#options;
    try {
      const bases = await ask();
      if (bases.length === 0) throw new Error('it names none');
      this.#bases = bases;
      if (this.#waitMs > FIRST_WAIT_MS) log.info('the training engine has models again', { models: this.#bases.length });
      this.#waitMs = FIRST_WAIT_MS;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#reason) log.error('the training engine has no models', { reason });
      this.#reason = reason;
      this.#nextAt = this.#now() + this.#waitMs;
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    }
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }
}
