/** The file itself: opened, brought to the current version, written in batches that are durable when they settle. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { sleep, type Host } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { Cell, Row } from './rows.ts';
import { MIGRATIONS } from './schema.ts';
import { isBusy, storeError } from './store-errors.ts';

export interface DatabaseOptions {
  directory: string;
  host: Host;
  /** Longest wait for other processes, in milliseconds. */
  busyTimeoutMs: number;
}

type Work = (database: Database) => unknown;

interface Write {
  work: Work;
  resolve(value: unknown): void;
  reject(error: HudError): void;
}

/** SQLite waits this long by itself, with the event loop stopped; longer waits let it run. */
const BLOCKING_BUSY_MS = 5;
const RETRY_MS = 15;

export class Database {
  readonly location: string;
  readonly #db: DatabaseSync;
  readonly #options: DatabaseOptions;
  readonly #statements = new Map<string, StatementSync>();
  #queue: Write[] = [];
  #draining: Promise<void> | undefined;
  #isClosed = false;

  constructor(db: DatabaseSync, location: string, options: DatabaseOptions) {
    this.#db = db;
    this.location = location;
    this.#options = options;
  }

  /** @throws HudError STORE_* */
  static async open(options: DatabaseOptions): Promise<Database> {
    const location = join(options.directory, 'hud.db');
    let db: DatabaseSync | undefined;
    try {
      prepareDirectory(options.directory);
      const { DatabaseSync: Driver } = await loadSqlite();
      const isNew = !existsSync(location);
      db = new Driver(location, { timeout: BLOCKING_BUSY_MS });
      if (isNew) chmodSync(location, 0o600);
      const database = new Database(db, location, options);
      await database.#whenFree(() => database.#configure());
      return database;
    } catch (error) {
      db?.close();
      throw storeError(error, location);
    }
  }

  all(sql: string, ...values: Cell[]): Row[] {
    try {
      return this.#prepare(sql).all(...values) as Row[];
    } catch (error) {
      throw storeError(error, this.location);
    }
  }

  run(sql: string, ...values: Cell[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /**
   * Runs the work inside the next transaction and settles once that is on disk. Everything that is
   * queued in one turn of the event loop shares one transaction, and so one wait for the disk. Work
   * that throws is undone alone.
   */
  write<T>(work: (database: Database) => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new HudError('STORE_UNWRITABLE', `${this.location} was closed.`));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#queue.push({ work, resolve, reject });
    this.#draining ??= this.#drain();
    return promise as Promise<T>;
  }

  /** Settles when everything queued before is on disk or refused. */
  async settle(): Promise<void> {
    await this.#draining;
  }

  async close(): Promise<void> {
    await this.settle();
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#statements.clear();
    this.#db.close();
  }

  async #drain(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve)); // lets this turn's writes gather
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0);
      try {
        await this.#whenFree(() => this.#commit(batch));
      } catch (error) {
        const reason = storeError(error, this.location);
        for (const write of batch) write.reject(reason);
      }
    }
    this.#draining = undefined;
  }

  #commit(batch: readonly Write[]): void {
    this.#db.exec('BEGIN IMMEDIATE');
    const settled: (() => void)[] = [];
    try {
      for (const write of batch) settled.push(this.#attempt(write));
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    for (const settle of settled) settle();
  }

  /** @returns how to settle the write once the transaction is committed */
  #attempt({ work, resolve, reject }: Write): () => void {
    this.#db.exec('SAVEPOINT one');
    try {
      const value = work(this);
      this.#db.exec('RELEASE one');
      return () => resolve(value);
    } catch (error) {
      if (!this.#db.isTransaction || !(error instanceof HudError)) {
        const failure = storeError(error, this.location);
        // A disk that is full or broken fails the whole batch; a refused row only itself.
        if (!this.#db.isTransaction || failure.code !== 'STORE_UNWRITABLE') throw error;
      }
      this.#db.exec('ROLLBACK TO one; RELEASE one');
      return () => reject(storeError(error, this.location));
    }
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
      await sleep(host, RETRY_MS * (0.5 + Math.random()));
    }
  }

  #configure(): void {
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    if (this.#version() === MIGRATIONS.length) return;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const version = this.#version(); // another process may have been faster
      if (version > MIGRATIONS.length) {
        throw new HudError(
          'STORE_DAMAGED',
          `${this.location} was written by a newer version of this package (store version ${version}, this one knows ${MIGRATIONS.length}).`,
          {
            hint: 'Update the package: npm install hud@latest.',
          },
        );
      }
      for (const migration of MIGRATIONS.slice(version)) this.#db.exec(migration);
      this.#db.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #version(): number {
    return (this.#db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Private to the user, and no business of the project's version control. */
function prepareDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const ignore = join(directory, '.gitignore');
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n');
}

/** Older engines announce on every start that SQLite is experimental; other warnings still get through. */
async function loadSqlite(): Promise<typeof import('node:sqlite')> {
  const emit = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).includes('SQLite')) Reflect.apply(emit, process, [warning, ...rest]);
  };
  try {
    return await import('node:sqlite');
  } finally {
    process.emitWarning = emit;
  }
}
