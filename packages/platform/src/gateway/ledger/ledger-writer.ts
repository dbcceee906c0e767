/** Rows of model calls on their way to the disk: gathered for a moment, written together, kept until they are written. */
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from 'hud/protocol';
import type { Log } from '../../log.ts';
import type { ModelCallsTable } from '../../storage/schema/gateway.ts';

export interface WriterOptions {
  write: (rows: readonly ModelCallsTable[]) => Promise<void>;
  log: Log;
}

/** How long rows are gathered, in milliseconds. */
const GATHER_MS = 15;
/** Bounded by the parameters that a statement may have. */
const BATCH = 500;
/** Waiting for a database that is away. Beyond this no further call is let through. */
const MAX_PENDING = 20_000;
const [RETRY_MIN_MS, RETRY_MAX_MS] = [100, 5_000];
/** Longest wait for the last rows, in milliseconds. */
const CLOSE_MS = 10_000;

export class LedgerWriter {
  readonly #options: WriterOptions;
  /** By id; tries of one call are added up. */
  #pending = new Map<string, ModelCallsTable>();
  /** Being written. */
  #writing: ReadonlyMap<string, ModelCallsTable> = new Map();
  #timer: NodeJS.Timeout | undefined;
  /** Writing and reading in turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosing = false;
  #retryMs = RETRY_MIN_MS;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Nothing more can be kept. */
  get isFull(): boolean {
    return this.#pending.size + this.#writing.size >= MAX_PENDING;
  }

  add(row: ModelCallsTable): void {
    const earlier = this.#pending.get(row.id);
    this.#pending.set(row.id, earlier === undefined ? row : together(earlier, row));
    this.#flushSoon(this.#pending.size >= BATCH ? 0 : GATHER_MS);
  }

  /** Everything added before is on disk when it resolves. @throws the database's error */
  async flush(): Promise<void> {
    while (this.#pending.size > 0) await this.#next(async () => await this.#writeBatch());
    await this.#turn;
  }

  /** Runs between two batches: what is not in `pending` is on disk, and nothing is written meanwhile. */
  async between<T>(read: () => Promise<T>, then: (value: T, pending: Iterable<ModelCallsTable>) => void): Promise<void> {
    await this.#next(async () => {
      const value = await read();
      then(value, this.#pending.values());
    });
  }

  /** Writes what is left, for a while also to a database that is away. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    const deadline = Date.now() + CLOSE_MS;
    for (;;) {
      try {
        return await this.flush();
      } catch (error) {
        if (Date.now() > deadline) {
          this.#options.log.error('model calls were not written', { calls: this.#pending.size, reason: messageOf(error) });
          return;
        }
        await wait(this.#retryMs);
      }
    }
  }

  #flushSoon(ms: number): void {
    if (this.#isClosing || (this.#timer !== undefined && ms > 0)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush().then(
        () => (this.#retryMs = RETRY_MIN_MS),
        (error: unknown) => {
          this.#options.log.error('the ledger can not be written', { waiting: this.#pending.size, reason: messageOf(error) });
          this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
          this.#flushSoon(this.#retryMs);
        },
      );
    }, ms);
  }

  async #next<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act, act);
    this.#turn = turn.catch(() => undefined); // whoever waits for the turn itself hears of the failure
    return await turn;
  }

  async #writeBatch(): Promise<void> {
    const batch = new Map([...this.#pending].slice(0, BATCH));
    for (const id of batch.keys()) this.#pending.delete(id);
    this.#writing = batch;
    try {
      await this.#options.write([...batch.values()]);
    } catch (error) {
      for (const [id, row] of batch) {
        const later = this.#pending.get(id);
        this.#pending.set(id, later === undefined ? row : together(row, later));
      }
      throw error;
    } finally {
      this.#writing = new Map();
    }
  }
}

function together(earlier: ModelCallsTable, later: ModelCallsTable): ModelCallsTable {
  const sum = (a: number | null, b: number | null): number | null => (a === null ? b : a + (b ?? 0));
  return {
    ...later,
    started_at: earlier.started_at,
    day: earlier.day,
    tries: earlier.tries + later.tries,
    prompt_tokens: sum(earlier.prompt_tokens, later.prompt_tokens),
    completion_tokens: sum(earlier.completion_tokens, later.completion_tokens),
    cached_tokens: sum(earlier.cached_tokens, later.cached_tokens),
    cache_write_tokens: sum(earlier.cache_write_tokens, later.cache_write_tokens),
    reasoning_tokens: sum(earlier.reasoning_tokens, later.reasoning_tokens),
    cost_usd: sum(earlier.cost_usd, later.cost_usd),
    charged_usd: earlier.charged_usd + later.charged_usd,
  };
}
