/** Statements on PostgreSQL. A server that restarts is waited for, for a while. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HudError } from 'hud/protocol';
import type { Cell, Row, statements } from 'hud/store';
import type pg from 'pg';
import { isCollision, isLost, postgresError } from './errors.ts';

type Statement = statements.Statement;

export interface Transaction {
  /** @returns the number of rows that changed */
  run(statement: Statement): Promise<number>;
  read(sql: string, ...values: Cell[]): Promise<Row[]>;
  /** In the dialect of PostgreSQL: `$1`, arrays. */
  native(sql: string, values: readonly unknown[]): Promise<void>;
}

/**
 * May run several times.
 * @param isRepeat an earlier time ended with the connection, so that nobody knows whether it counts
 */
export type Work<T> = (transaction: Transaction, isRepeat: boolean) => Promise<T>;

/** How long a server that is away is waited for, in milliseconds. */
const PATIENCE_MS = 20_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
/** Of one transaction, in milliseconds; a server that says nothing for so long counts as lost. */
const TRANSACTION_MS = 60_000;

export class PostgresDatabase {
  readonly location: string;
  readonly #pool: pg.Pool;
  readonly #patienceMs: number;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(pool: pg.Pool, location: string, patienceMs = PATIENCE_MS) {
    this.#pool = pool;
    this.location = location;
    this.#patienceMs = patienceMs;
  }

  /** @throws HudError STORE_UNWRITABLE after `close` */
  assertOpen(): void {
    if (this.#isClosed) throw new HudError('STORE_UNWRITABLE', `${this.location} was closed.`);
  }

  /** Sees everything that was settled. Places are `?`. @throws HudError STORE_* */
  read = async (sql: string, ...values: Cell[]): Promise<Row[]> => await this.alone(async (on) => await on.read(sql, ...values));

  /** One statement that is a transaction by itself. @returns the number of rows that changed. @throws HudError STORE_* */
  async run(statement: Statement): Promise<number> {
    return await this.alone(async (on) => await on.run(statement));
  }

  /** {@link run} for work that has to know whether it is repeated: each statement is a transaction by itself. */
  async alone<T>(work: Work<T>): Promise<T> {
    return await this.#tracked(async (isRepeat) => await this.#connected(async (client) => await work(on(client), isRepeat)));
  }

  /** All of it or nothing, durable when it settles. @throws HudError STORE_* */
  async transaction<T>(work: Work<T>): Promise<T> {
    return await this.#tracked(
      async (isRepeat) =>
        await this.#connected(async (client) => {
          await client.query('BEGIN');
          try {
            const value = await work(on(client), isRepeat);
            await client.query('COMMIT');
            return value;
          } catch (error) {
            if (!isLost(error)) await client.query('ROLLBACK');
            throw error;
          }
        }),
    );
  }

  /** Settles when what runs has settled; refuses what comes later. The connections are their owner's to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Settles when everything that was asked for has settled. */
  async settled(): Promise<void> {
    this.assertOpen();
    await Promise.allSettled(this.#running);
  }

  async #tracked<T>(attempt: (isRepeat: boolean) => Promise<T>): Promise<T> {
    this.assertOpen();
    const running = this.#patiently(attempt);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #patiently<T>(attempt: (isRepeat: boolean) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patienceMs;
    let isRepeat = false;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await attempt(isRepeat);
      } catch (error) {
        const mayPass = isLost(error) || isCollision(error);
        if (!mayPass || performance.now() >= deadline) throw postgresError(error, this.location);
        isRepeat ||= isLost(error);
      }
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  async #connected<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let isBack = false;
    const giveBack = (problem?: Error): void => {
      if (!isBack) client.release(problem);
      isBack = true;
    };
    // Given back as broken it is destroyed, and what waits for it fails.
    const timer = setTimeout(() => giveBack(new Error('silent')), TRANSACTION_MS);
    try {
      const value = await work(client);
      giveBack();
      return value;
    } catch (error) {
      giveBack(isLost(error) ? (error as Error) : undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function on(client: pg.PoolClient): Transaction {
  return {
    run: async ({ sql, values }) => (await client.query(dollars(sql), values)).rowCount ?? 0,
    read: async (sql, ...values) => (await client.query<Row>(dollars(sql), values)).rows,
    native: async (sql, values) => void (await client.query(sql, values as unknown[])),
  };
}

const MAX_TEXTS = 500;
const texts = new Map<string, string>();

/** `?` as `$1`, `$2`, …: no text of ours holds one in quotes. */
function dollars(sql: string): string {
  let text = texts.get(sql);
  if (text === undefined) {
    let count = 0;
    text = sql.replaceAll('?', () => `$${++count}`);
    if (texts.size >= MAX_TEXTS) texts.clear();
    texts.set(sql, text);
  }
  return text;
}
