/** Examines subjects in the background, a few at a time. What waits is in the database, so that it outlives the process. */
import { messageOf } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { claimResult, endResult, keepAlive, type Outcome, type StoredResult } from '../../storage/qa/results.ts';

/** @param key of whoever asked, when this process still knows it */
export type Examine = (result: StoredResult, key: string | undefined, signal: AbortSignal) => Promise<Outcome>;

export interface QueueOptions {
  examine: Examine;
  /** Agents that need nothing but the database. */
  openAgents: readonly string[];
  /** Whoever has been silent for longer does not live any more, in milliseconds. @default 20_000 */
  silenceMs?: number;
  /** Subjects at once. @default 2 */
  workers?: number;
}

/** An examination that took the process with it is not begun more often than this. */
const MOST_ATTEMPTS = 3;

export class QaQueue {
  readonly #context: Context;
  readonly #options: Required<QueueOptions>;
  /** Keys stay in memory: by the result that needs them. */
  readonly #keys = new Map<string, string>();
  readonly #held = new Set<string>();
  #wake = Promise.withResolvers<void>();

  constructor(context: Context, options: QueueOptions) {
    this.#context = context;
    this.#options = { silenceMs: 20_000, workers: 2, ...options };
    for (let n = 0; n < this.#options.workers; n += 1) void this.#work();
    const beat = setInterval(() => void this.#beat(), this.#options.silenceMs / 4);
    beat.unref();
    context.closing.addEventListener(
      'abort',
      () => {
        clearInterval(beat);
        this.#wakeAll();
      },
      { once: true },
    );
  }

  /** Something waits. @param key for a result whose agent asks a model */
  notify(resultId: string, key: string | undefined): void {
    if (key !== undefined) this.#keys.set(resultId, key);
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async #work(): Promise<void> {
    const { closing, log } = this.#context;
    while (!closing.aborted) {
      const woken = this.#wake.promise;
      try {
        const result = await this.#claim();
        if (result === undefined) await woken;
        else await this.#examine(result);
      } catch (error) {
        if (closing.aborted) return;
        log.error('QA stopped at a result', { reason: messageOf(error) });
        await woken;
      }
    }
  }

  async #claim(): Promise<StoredResult | undefined> {
    const { db, now } = this.#context;
    const { silenceMs, openAgents } = this.#options;
    return await claimResult(db, { now: now(), silentSince: now() - silenceMs, openAgents, own: [...this.#keys.keys()].slice(0, 100) });
  }

  async #examine(result: StoredResult): Promise<void> {
    const { db, now, closing } = this.#context;
    const key = this.#keys.get(result.id);
    this.#keys.delete(result.id);
    this.#held.add(result.id);
    try {
      const outcome = await this.#outcome(result, key);
      if (!closing.aborted) await endResult(db, result, outcome, now());
    } finally {
      this.#held.delete(result.id);
    }
  }

  async #outcome(result: StoredResult, key: string | undefined): Promise<Outcome> {
    if (result.attempts > MOST_ATTEMPTS) return { error: `The platform stopped ${MOST_ATTEMPTS} times while it examined this.` };
    try {
      return await this.#options.examine(result, key, this.#context.closing);
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  /** Also looks for what others have left behind. */
  async #beat(): Promise<void> {
    const { db, now, closing, log } = this.#context;
    try {
      await keepAlive(db, [...this.#held, ...this.#keys.keys()], now());
    } catch (error) {
      if (!closing.aborted) log.warn('QA could not say that it lives', { reason: messageOf(error) });
    }
    this.#wakeAll();
  }
}
