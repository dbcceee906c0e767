/** One connection to the file. Writes gather into transactions that are durable when they settle. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { sleep } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { BLOCKING_BUSY_MS, configure, SMALL_LOG, databasePath, openFile, type FileOptions, type OpenedFile } from './open-database.ts';
import type { Cell, Row } from './rows.ts';
import { Checkpoints } from './checkpoints.ts';
import { LogSync } from './log-sync.ts';
import { isBusy, isRefusal, storeError } from './store-errors.ts';

export interface DatabaseOptions extends FileOptions {
  /** Longest wait for other processes, in milliseconds. */
  busyTimeoutMs: number;
}

/** Something to do inside a transaction. */
export interface Write {
  /** Runs again when the transaction had to be repeated. What it throws undoes it alone. */
  work(database: Database): unknown;
  /** Called as soon as the transaction is committed, before anything else runs; a vital one's once it is on disk. */
  resolve(value: unknown): void;
  reject(error: HudError): void;
  /** Of several statements, to be undone together. Costs a copy of every page they touch. */
  isCompound?: boolean;
  /** Has to survive the loss of power too, which waits for the disk; the death of any process survives everything written. */
  isVital?: boolean;
  /** How much of a transaction it fills, from 0 to 1: none takes more than one such whole, so that none stops the event loop for long. @default 0 */
  share?: number;
}

const RETRY_MS = 15;

export class Database {
  readonly location: string;
  readonly #db: DatabaseSync;
  readonly #options: DatabaseOptions;
  readonly #statements = new Map<string, StatementSync>();
  readonly #log: LogSync;
  /** Absent where the disk is a simulated one, which no thread can reach. */
  readonly #checkpoints: Checkpoints | undefined;
  /** Text of the transaction. */
  #bytes = 0;
  #queue: Write[] = [];
  #draining: Promise<void> | undefined;
  #isClosing = false;

  constructor(db: DatabaseSync, options: DatabaseOptions) {
    this.#db = db;
    this.location = databasePath(options.directory);
    this.#options = options;
    const { host } = options;
    this.#log = new LogSync(host, `${this.location}-wal`, async () => {
      await this.#checkpoints?.copying; // two at once are none
      this.#statement('PRAGMA wal_checkpoint(PASSIVE)');
    });
    if (host.openDatabase === undefined) {
      this.#checkpoints = new Checkpoints({ host, location: this.location, onUnable: () => this.#db.exec(SMALL_LOG) });
    }
  }

  /** @throws HudError STORE_* */
  static async open(options: DatabaseOptions): Promise<Database> {
    let file: OpenedFile | undefined;
    try {
      const opened = (file = openFile(options));
      const database = new Database(opened.db, options);
      await database.#whenFree(() => configure(opened, options));
      return database;
    } catch (error) {
      file?.db.close();
      throw storeError(error, databasePath(options.directory));
    } finally {
      file?.witness?.close(); // last, see `OpenedFile`
    }
  }

  /** @throws HudError STORE_UNWRITABLE after `close`, or when it was opened for reading */
  assertWritable(): void {
    if (this.#isClosing || this.#options.readOnly) throw this.#closed();
  }

  /** Sees everything that was settled. @throws HudError STORE_* */
  async read(sql: string, ...values: Cell[]): Promise<Row[]> {
    try {
      return await this.#whenFree(() => this.#prepare(sql).all(...values) as Row[]);
    } catch (error) {
      throw this.#db.isOpen ? storeError(error, this.location) : this.#closed();
    }
  }

  /** Inside a transaction only. @returns the number of rows that changed */
  run(sql: string, values: readonly Cell[]): number {
    return this.insert(sql, values).changes;
  }

  /** {@link run}, with the key of the last row that it made. */
  insert(sql: string, values: readonly Cell[]): { changes: number; lastKey: number } {
    for (const value of values) if (typeof value === 'string') this.#bytes += value.length;
    const { changes, lastInsertRowid } = this.#prepare(sql).run(...(values as SQLInputValue[]));
    return { changes: Number(changes), lastKey: Number(lastInsertRowid) };
  }

  /**
   * Runs the work inside the next transaction and settles once that is on disk. Everything that is
   * queued in one turn of the event loop shares one transaction, and so one wait for the disk.
   */
  write<T>(work: (database: Database) => T, options: Pick<Write, 'isCompound' | 'isVital' | 'share'> = {}): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.enqueue({ ...options, work, resolve, reject });
    return promise as Promise<T>;
  }

  /** {@link write} for a caller that has to know at once. */
  enqueue(write: Write): void {
    if (this.#isClosing || this.#options.readOnly) return write.reject(this.#closed());
    this.#queue.push(write);
    this.#draining ??= this.#drain();
  }

  /** Writes what is queued before it returns, with the event loop stopped for as long as that takes. */
  commitNow(): void {
    const { busyTimeoutMs } = this.#options;
    this.#db.exec(`PRAGMA busy_timeout = ${Math.ceil(busyTimeoutMs)}`);
    try {
      while (this.#queue.length > 0) this.#commit();
    } catch (error) {
      this.#rejectAll(error);
    } finally {
      this.#db.exec(`PRAGMA busy_timeout = ${BLOCKING_BUSY_MS}`);
    }
  }

  /** Writes what is queued; later writes are refused. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#draining;
    await this.#log.close();
    await this.#checkpoints?.close();
    if (this.#db.isOpen) this.#db.close();
    this.#statements.clear();
  }

  async #drain(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => this.#options.host.defer(resolve)); // lets this turn's writes gather
      if (this.#checkpoints?.pause !== undefined) await this.#checkpoints.pause;
      while (this.#log.syncing !== undefined && this.#mayGather()) await this.#log.syncing;
      if (this.#queue.length === 0) break;
      try {
        await this.#whenFree(() => this.#commit());
      } catch (error) {
        this.#rejectAll(error);
      }
    }
    this.#draining = undefined;
  }

  /** One transaction. Settles its writes, except that it throws when others hold the file and all stays queued. */
  #commit(): void {
    if (this.#queue.length === 0) return;
    const batch = this.#takeBatch();
    const settled: (() => void)[] = [];
    this.#bytes = 0;
    try {
      this.#statement('BEGIN IMMEDIATE');
      for (const write of batch) settled.push(this.#attempt(write));
      this.#statement('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#statement('ROLLBACK');
      if (isBusy(error)) {
        this.#queue = [...batch, ...this.#queue];
        throw error;
      }
      const reason = storeError(error, this.location);
      for (const write of batch) write.reject(reason);
      return;
    }
    this.#checkpoints?.wrote(this.#bytes);
    for (const [i, settle] of settled.entries()) {
      const write = batch[i];
      if (write?.isVital) this.#log.add(settle, (error) => write.reject(storeError(error, this.location)));
      else settle();
    }
  }

  /** @returns how to settle the write once the transaction is on disk */
  #attempt(write: Write): () => void {
    if (write.isCompound) this.#statement('SAVEPOINT one');
    try {
      const value = write.work(this);
      if (write.isCompound) this.#statement('RELEASE one');
      return () => write.resolve(value);
    } catch (error) {
      if (!this.#db.isTransaction || !isRefusal(error)) throw error;
      if (write.isCompound) {
        this.#statement('ROLLBACK TO one');
        this.#statement('RELEASE one');
      }
      return () => write.reject(storeError(error, this.location));
    }
  }

  /** Would all that is queued wait for the disk anyway, behind the wait that is under way? Then more may come along. */
  #mayGather(): boolean {
    let used = 0;
    return this.#queue.length > 0 && this.#queue.every(({ isVital, share = 0 }) => isVital === true && (used += share) < 1);
  }

  #takeBatch(): Write[] {
    let used = 0;
    const end = this.#queue.findIndex(({ share = 0 }) => {
      const isOver = used > 0 && share > 0 && used + share > 1;
      used += share;
      return isOver;
    });
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end);
  }

  #rejectAll(error: unknown): void {
    const reason = storeError(error, this.location);
    for (const write of this.#queue.splice(0)) write.reject(reason);
  }

  /** Retries while another process writes, without stopping the event loop meanwhile. */
  async #whenFree<T>(work: () => T): Promise<T> {
    const { host, busyTimeoutMs } = this.#options;
    const deadline = host.monotonic() + busyTimeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || host.monotonic() >= deadline) throw error;
      }
      const jitter = Number.parseInt(host.randomHex(1), 16) / 255;
      await sleep(host, RETRY_MS * (0.5 + jitter));
    }
  }

  #statement(sql: string): void {
    this.#prepare(sql).run();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #closed(): HudError {
    const why = this.#options.readOnly && !this.#isClosing ? 'was opened for reading' : 'was closed';
    return new HudError('STORE_UNWRITABLE', `${this.location} ${why}.`);
  }
}
