/** Queries on whichever database there is: one text, two dialects. The hot path of spans goes by the store instead. */
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Kysely, PostgresDialect, SqliteDialect, type SqliteDatabase } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { migrationsFor, type Dialect, type Tables } from './schema/index.ts';

export type Db = Kysely<Tables>;

export interface DatabaseOptions {
  /** Folder of `hud.db`, which the store has made by now. */
  directory: string;
  /** `postgres://…` in place of it. */
  url?: string;
  /** Of PostgreSQL. @default 10 */
  connections?: number;
  /** Its tables are made already, by whoever opened it first. @default false */
  isMigrated?: boolean;
}

/** Longest wait for other writers of the file, in milliseconds; statements stop the event loop meanwhile. */
const BUSY_MS = 2_000;

/** Of log that a commit copies into the database before it returns. The store has a thread that does so long before. */
const LOG_PAGES = 8_000;

/** @throws the driver's error when the database is unreachable */
export async function openDatabase(options: DatabaseOptions): Promise<{ db: Db; dialect: Dialect; pool?: pg.Pool }> {
  const { directory, url, connections, isMigrated = false } = options;
  const ready = async (db: Db, dialect: Dialect): Promise<Db> => (isMigrated ? db : await migrated(db, dialect));
  if (url === undefined) return { db: await ready(openSqlite(directory), 'sqlite'), dialect: 'sqlite' };
  const pool = openPool(url, connections);
  return { db: await ready(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }), 'postgres'), dialect: 'postgres', pool };
}

/** The numbers of PostgreSQL's types `bigint` and `numeric`. */
const WHOLE_NUMBERS: readonly number[] = [20, 1700];

/** Counts of PostgreSQL arrive as numbers, as those of SQLite do. */
export function openPool(url: string, connections = 10): pg.Pool {
  const types: pg.CustomTypesConfig = {
    getTypeParser: ((oid, format) =>
      WHOLE_NUMBERS.includes(oid) ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  };
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    types,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    idle_in_transaction_session_timeout: IDLE_MS,
    application_name: 'hud-platform',
  });
  // A connection that is lost while nobody uses it is replaced at the next query; whoever uses one is told by their own.
  pool.on('error', () => {});
  pool.on('connect', (client) => {
    client.on('error', () => {});
    keepOutNul(client);
  });
  return pool;
}

/** Longest wait for a connection, in milliseconds: to the server, or until another caller gives one back. */
const CONNECT_MS = 10_000;

/** A transaction whose process says nothing for so long is ended by the server, in milliseconds: others may wait for what it holds. */
const IDLE_MS = 60_000;

/** PostgreSQL has no place for the character NUL, which texts of programs do hold. Where it was, a reader sees U+FFFD. */
function keepOutNul(client: pg.ClientBase): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((statement: unknown, values: unknown, ...rest: unknown[]) =>
    query(statement, Array.isArray(values) ? values.map(withoutNul) : values, ...rest)) as typeof client.query;
}

export function withoutNul(value: unknown): unknown {
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
  return Array.isArray(value) ? value.map(withoutNul) : value;
}

function openSqlite(directory: string): Db {
  const database = new DatabaseSync(join(directory, 'hud.db'));
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;`);
  database.exec('PRAGMA case_sensitive_like = ON'); // as PostgreSQL's LIKE is
  database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}; PRAGMA cache_size = -16000;`);
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: asDriver(database) }) });
}

/** `node:sqlite` in the form that Kysely's dialect calls. */
function asDriver(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, StatementSync>();
  const prepare = (text: string): StatementSync => {
    let statement = statements.get(text);
    if (statement === undefined) {
      if (statements.size >= MAX_STATEMENTS) statements.clear();
      statements.set(text, (statement = database.prepare(text)));
    }
    return statement;
  };
  return {
    close: () => database.close(),
    prepare: (text) => {
      const statement = prepare(inPlaceOf(text, database));
      return {
        reader: statement.columns().length > 0,
        all: (values) => statement.all(...(values as [])),
        run: (values) => statement.run(...(values as [])),
        iterate: (values) => statement.iterate(...(values as [])) as IterableIterator<unknown>,
      };
    },
  };
}

const MAX_STATEMENTS = 500;

function inPlaceOf(text: string, database: DatabaseSync): string {
  // One that reads first and writes then could not go on once the store has written in between.
  if (text === 'begin') return 'begin immediate';
  // A full disk has undone the transaction already: that it can't be undone again must not be what the caller is told.
  if (text === 'rollback' && !database.isTransaction) return 'select 1';
  return text;
}

async function migrated(db: Db, dialect: Dialect): Promise<Db> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrationsFor(dialect) },
    migrationTableName: 'platform_migrations',
    migrationLockTableName: 'platform_migrations_lock',
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    throw error;
  }
  return db;
}
