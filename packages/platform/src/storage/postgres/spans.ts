/** Spans into PostgreSQL, many callers' to a transaction. */
import { HudError, isHudError } from 'hud/protocol';
import type { SpanRow } from 'hud/store';
import { textArray } from './arrays.ts';
import type { PostgresDatabase, Transaction } from './database.ts';

/** Beyond these what waits is left to the next transaction. */
const BATCH_ROWS = 8_192;
const BATCH_BYTES = 16 * 1024 * 1024;
/** What one statement takes. */
const STATEMENT_ROWS = 4_096;
const STATEMENT_BYTES = 8 * 1024 * 1024;
/** Beyond it callers are refused until the database has caught up. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/** Of the database: held from before a span gets its number until it can be seen, so that no smaller number comes later. */
const LOCK = 'SELECT pg_advisory_xact_lock(4885440815)';
const INSERT = `INSERT INTO spans (trace_id, span_id, name, start_time, end_time, status_code, body)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) ON CONFLICT DO NOTHING`;

interface Batch {
  rows: readonly SpanRow[];
  bytes: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** One transaction at a time: while it waits for the disk, the next gathers. */
export class SpanLane {
  readonly #database: PostgresDatabase;
  #waiting: Batch[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  /** All of them or none; durable when it settles. @throws HudError STORE_*, BAD_ARGUMENT */
  append(rows: readonly SpanRow[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    const bytes = rows.reduce((sum, { body }) => sum + body.length, 0);
    if (this.#waiting.length > 0 && this.#waitingBytes + bytes > MAX_WAITING_BYTES) return Promise.reject(tooMuch(this.#database.location));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ rows, bytes, resolve, reject });
    this.#waitingBytes += bytes;
    this.#running ??= this.#run();
    return promise;
  }

  /** Settles when nothing waits any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // lets the callers of this turn gather
    while (this.#waiting.length > 0) {
      const batches = this.#take();
      try {
        await this.#write(batches);
        for (const { resolve } of batches) resolve();
      } catch (error) {
        await this.#refuse(batches, error);
      }
    }
    this.#running = undefined;
  }

  /** One that is at fault takes none of the others with it. */
  async #refuse(batches: readonly Batch[], error: unknown): Promise<void> {
    const isOneAtFault = isHudError(error) && error.code === 'BAD_ARGUMENT' && batches.length > 1;
    for (const batch of batches) {
      if (isOneAtFault) await this.#write([batch]).then(batch.resolve, batch.reject);
      else batch.reject(error);
    }
  }

  async #write(batches: readonly Batch[]): Promise<void> {
    await this.#database.transaction(async (transaction) => {
      await transaction.native(LOCK, []);
      for (const rows of statementsOf(batches)) await insert(transaction, rows);
    });
  }

  #take(): Batch[] {
    let rows = 0;
    let bytes = 0;
    let count = 0;
    for (const batch of this.#waiting) {
      rows += batch.rows.length;
      bytes += batch.bytes;
      if (count > 0 && (rows > BATCH_ROWS || bytes > BATCH_BYTES)) break;
      count += 1;
    }
    const taken = this.#waiting.splice(0, count);
    for (const batch of taken) this.#waitingBytes -= batch.bytes;
    return taken;
  }
}

function* statementsOf(batches: readonly Batch[]): Generator<SpanRow[]> {
  let rows: SpanRow[] = [];
  let bytes = 0;
  for (const batch of batches) {
    for (const row of batch.rows) {
      rows.push(row);
      bytes += row.body.length;
      if (rows.length < STATEMENT_ROWS && bytes < STATEMENT_BYTES) continue;
      yield rows;
      rows = [];
      bytes = 0;
    }
  }
  if (rows.length > 0) yield rows;
}

const MEMBERS = ['traceId', 'spanId', 'name', 'startTime', 'endTime', 'statusCode', 'body'] as const;

async function insert(transaction: Transaction, rows: readonly SpanRow[]): Promise<void> {
  await transaction.native(
    INSERT,
    MEMBERS.map((member) => textArray(rows.map((row) => row[member]))),
  );
}

function tooMuch(location: string): HudError {
  return new HudError('STORE_LOCKED', `${location} takes spans more slowly than they come: ${MAX_WAITING_BYTES / 1024 / 1024} MiB wait.`, {
    hint: 'Send them again in a moment.',
  });
}
