/** A record's database, its blobs and the weights of its models, from one place to another: SQLite or PostgreSQL, folder or bucket. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HudError } from 'hud/protocol';
import { sql } from 'kysely';
import { readMark, writeMark } from './mark.ts';
import { moveBlobs } from './blobs.ts';
import { countRows, fingerprint, lastKey, listTables, readPages, type TableRow, type TableShape } from './tables.ts';
import { openStorage, type Storage, type StorageConfig } from '../open.ts';
import { moveWeights } from './weights.ts';

export interface MoveOptions {
  /** @param progress `table`: which, or what is done with it */
  onProgress?: (progress: { table: string; done: number; total: number }) => void;
  signal?: AbortSignal;
}

export interface Moved {
  /** By name; both sides hold the same rows of each. */
  tables: { name: string; rows: number }[];
  /** Files, in the source. */
  blobs: number;
  /** Files of trained models, likewise. */
  weights: number;
}

/** The one table that is large and only grows: a move that was interrupted goes on with it where it stopped. */
const GROWING = 'spans';
/** What one statement may hold on both databases. */
const MAX_VALUES = 30_000;

/**
 * Copies, then compares the two, row by row. Nothing may use either meanwhile; the source stays as it is. May be called
 * again: after an interruption it goes on, after its end it finds nothing to do.
 * @throws HudError BAD_ARGUMENT when the source is not there, or the target holds something else; STORE_*
 */
export async function moveRecord(from: StorageConfig, to: StorageConfig, options: MoveOptions = {}): Promise<Moved> {
  assertThere(from);
  const source = await openStorage(from);
  try {
    const target = await openStorage(to, { isMove: true });
    try {
      const weights = async (): Promise<number> => {
        const onProgress = (done: number, total: number): void => options.onProgress?.({ table: 'weights', done, total });
        return await moveWeights(from.HUD_PLATFORM_DIR, to.HUD_PLATFORM_DIR, { signal: options.signal, onProgress });
      };
      return await move(source, target, { ...options, weights });
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function move(source: Storage, target: Storage, options: MoveOptions & { weights: () => Promise<number> }): Promise<Moved> {
  const { onProgress, signal } = options;
  const isSameDatabase = source.location === target.location; // blobs alone are moved then
  const tables = await listTables(source);
  if (!isSameDatabase) await moveTables(tables, source, target, options);
  const blobs = await moveBlobs(source.blobs, target.blobs, {
    signal,
    onProgress: (done, total) => onProgress?.({ table: 'blob files', done, total }),
  });
  const weights = await options.weights();
  const compared = await compare(tables, source, target, options);
  if (!isSameDatabase) await writeMark(target.db, { source: source.location, state: 'done' });
  return { tables: compared, blobs, weights };
}

async function moveTables(tables: readonly TableShape[], source: Storage, target: Storage, options: MoveOptions): Promise<void> {
  const mark = await readMark(target.db);
  if (mark?.state === 'done' && mark.source === source.location) return; // compared below, and refused when they differ
  if (mark === undefined) await assertEmpty(target, tables);
  else if (mark.source !== source.location) throw holdsOther(target, `a move from ${mark.source}`);
  await writeMark(target.db, { source: source.location, state: 'copying' });
  for (const { name } of tables.toReversed()) if (name !== GROWING) await sql`DELETE FROM ${sql.table(name)}`.execute(target.db);
  for (const table of tables) await copyTable(table, source, target, options);
  if (target.dialect !== 'postgres') return;
  for (const table of tables) await continueNumbers(table, target);
  await sql`ANALYZE`.execute(target.db);
}

async function copyTable(table: TableShape, source: Storage, target: Storage, { onProgress, signal }: MoveOptions): Promise<void> {
  const { name } = table;
  const total = await countRows(source.db, name);
  let done = name === GROWING ? await countRows(target.db, name) : 0;
  const after = done > 0 ? await lastKey(target.db, table) : undefined;
  onProgress?.({ table: name, done, total });
  for await (const rows of readPages(source.db, table, after)) {
    signal?.throwIfAborted();
    await insert(table, rows, target);
    onProgress?.({ table: name, done: (done += rows.length), total });
  }
}

async function insert({ name, columns }: TableShape, rows: readonly TableRow[], target: Storage): Promise<void> {
  const size = Math.max(1, Math.floor(MAX_VALUES / columns.length));
  const names = sql.join(columns.map((column) => sql.ref(column)));
  await target.db.transaction().execute(async (transaction) => {
    for (let at = 0; at < rows.length; at += size) {
      const values = rows.slice(at, at + size).map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`);
      await sql`INSERT INTO ${sql.table(name)} (${names}) VALUES ${sql.join(values)}`.execute(transaction);
    }
  });
}

/** Columns that number themselves go on after the last number; SQLite's do so by themselves. */
async function continueNumbers({ name, columns }: TableShape, { db }: Storage): Promise<void> {
  for (const column of columns) {
    const found = await sql<{
      sequence: string | null;
    }>`SELECT pg_get_serial_sequence(quote_ident(${name}), ${column}) AS sequence`.execute(db);
    const sequence = found.rows[0]?.sequence;
    if (typeof sequence !== 'string') continue;
    await sql`SELECT setval(${sequence}, max(${sql.ref(column)})) FROM ${sql.table(name)}`.execute(db);
  }
}

async function compare(tables: readonly TableShape[], source: Storage, target: Storage, options: MoveOptions): Promise<Moved['tables']> {
  const { onProgress, signal } = options;
  const compared: Moved['tables'] = [];
  for (const table of tables) {
    const total = 2 * (await countRows(source.db, table.name));
    const read = async ({ db }: Storage, before: number): ReturnType<typeof fingerprint> =>
      await fingerprint(db, table, (count) => {
        signal?.throwIfAborted();
        onProgress?.({ table: `${table.name}, compared`, done: before + count, total });
      });
    const there = await read(source, 0);
    const here = await read(target, total / 2);
    if (there.rows !== here.rows || there.hash !== here.hash) throw differs(table.name, source, target);
    compared.push({ name: table.name, rows: here.rows });
  }
  return compared;
}

function assertThere(from: StorageConfig): void {
  const file = join(from.HUD_PLATFORM_DIR, 'hud.db');
  if (from.DATABASE_URL === undefined && !existsSync(file)) throw new HudError('BAD_ARGUMENT', `There is no record at ${file}.`);
}

async function assertEmpty(target: Storage, tables: readonly TableShape[]): Promise<void> {
  for (const { name } of tables) if ((await countRows(target.db, name)) > 0) throw holdsOther(target, `rows in ${name}`);
}

function holdsOther(target: Storage, what: string): HudError {
  return new HudError('BAD_ARGUMENT', `${target.location} already holds ${what}.`, {
    hint: 'Move to a database that is empty. Nothing was changed.',
  });
}

function differs(table: string, source: Storage, target: Storage): HudError {
  return new HudError('BAD_ARGUMENT', `Table ${table} is not the same in ${source.location} and ${target.location}.`, {
    hint: 'One of them was written to since the move began. Stop the platform and move to a database that is empty.',
  });
}
