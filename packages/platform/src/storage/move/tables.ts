/** The tables of a record as the database itself lists them, so that later ones need no line here. */
import { createHash } from 'node:crypto';
import { HudError } from 'hud/protocol';
import { sql } from 'kysely';
import { withoutNul, type Db } from '../database.ts';
import { MARK_TABLE } from './mark.ts';
import type { Storage } from '../open.ts';

export interface TableShape {
  name: string;
  /** By name. */
  columns: string[];
  /** Of the primary key, in its order. */
  key: string[];
}

export type TableRow = Record<string, string | number | null>;

/** Count and content of a table, whatever the order of its rows. */
export interface Fingerprint {
  rows: number;
  /** Hex. */
  hash: string;
}

/** Of the migrations, not of the record. */
const OWN_TABLES = ['platform_migrations', 'platform_migrations_lock', MARK_TABLE];
const MAX_PAGE_ROWS = 1_000;
const FIRST_PAGE_ROWS = 100;
const PAGE_BYTES = 8 * 1024 * 1024;

/** Those that others refer to come before the others. @throws HudError STORE_DAMAGED for a table without a primary key */
export async function listTables({ db, dialect, location }: Storage): Promise<TableShape[]> {
  const found = (await db.introspection.getTables()).filter(({ name, isView }) => !isView && !OWN_TABLES.includes(name));
  const shapes: TableShape[] = [];
  for (const { name, columns } of found) {
    const key = await namesOf(db, dialect === 'postgres' ? postgresKey(name) : sqliteKey(name));
    if (key.length === 0) throw new HudError('STORE_DAMAGED', `Table ${name} of ${location} has no primary key.`);
    shapes.push({ name, key, columns: columns.map((column) => column.name).toSorted() });
  }
  const needs = new Map<string, string[]>();
  for (const { name } of shapes) needs.set(name, await namesOf(db, dialect === 'postgres' ? postgresParents(name) : sqliteParents(name)));
  return parentsFirst(shapes, needs);
}

/** Every row after `after`, in the order of the primary key, as many at a time as fit into a few MiB. */
export async function* readPages(db: Db, { name, key, columns }: TableShape, after?: TableRow): AsyncGenerator<TableRow[]> {
  const order = sql.join(key.map((column) => sql.ref(column)));
  let last = after;
  let limit = FIRST_PAGE_ROWS;
  for (;;) {
    const place = sql.join(key.map((column) => last?.[column] ?? null));
    const where = last === undefined ? sql`` : sql`WHERE (${order}) > (${place})`;
    const selected = sql.join(columns.map((column) => sql.ref(column)));
    const { rows } = await sql<TableRow>`SELECT ${selected} FROM ${sql.table(name)} ${where} ORDER BY ${order} LIMIT ${limit}`.execute(db);
    if (rows.length > 0) yield rows;
    if (rows.length < limit) return;
    last = rows.at(-1);
    limit = Math.min(MAX_PAGE_ROWS, Math.max(1, Math.floor((limit * PAGE_BYTES) / sizeOf(rows))));
  }
}

export async function countRows(db: Db, table: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM ${sql.table(table)}`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/** The last key of a table whose key is one column; undefined when it is empty. */
export async function lastKey(db: Db, { name, key: [column = ''] }: TableShape): Promise<TableRow | undefined> {
  const { rows } = await sql<TableRow>`SELECT max(${sql.ref(column)}) AS ${sql.ref(column)} FROM ${sql.table(name)}`.execute(db);
  return rows[0]?.[column] === null ? undefined : rows[0];
}

/** @param onRows called with the number of rows so far */
export async function fingerprint(db: Db, table: TableShape, onRows: (count: number) => void): Promise<Fingerprint> {
  const sum = Buffer.alloc(32);
  let count = 0;
  for await (const rows of readPages(db, table)) {
    for (const row of rows) {
      const digest = createHash('sha256').update(textOf(row, table)).digest();
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) ^ (digest[i] ?? 0);
    }
    onRows((count += rows.length));
  }
  return { rows: count, hash: sum.toString('hex') };
}

/** What PostgreSQL can't hold counts as what it holds instead. */
function textOf(row: TableRow, { columns }: TableShape): string {
  return JSON.stringify(columns.map((column) => withoutNul(row[column] ?? null)));
}

function sizeOf(rows: readonly TableRow[]): number {
  let size = 1;
  for (const row of rows) for (const value of Object.values(row)) size += typeof value === 'string' ? value.length : 8;
  return size;
}

function parentsFirst(shapes: readonly TableShape[], needs: ReadonlyMap<string, readonly string[]>): TableShape[] {
  const sorted: TableShape[] = [];
  const place = (shape: TableShape, path: readonly string[]): void => {
    if (sorted.includes(shape) || path.includes(shape.name)) return;
    const parents = shapes.filter(({ name }) => needs.get(shape.name)?.includes(name));
    for (const parent of parents) place(parent, [...path, shape.name]);
    sorted.push(shape);
  };
  for (const shape of shapes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) place(shape, []);
  return sorted;
}

async function namesOf(db: Db, query: ReturnType<typeof sql<{ name: string }>>): Promise<string[]> {
  return (await query.execute(db)).rows.map(({ name }) => name);
}

const sqliteKey = (table: string) => sql<{ name: string }>`SELECT name FROM pragma_table_info(${table}) WHERE pk > 0 ORDER BY pk`;
const sqliteParents = (table: string) => sql<{ name: string }>`SELECT "table" AS name FROM pragma_foreign_key_list(${table})`;
const postgresKey = (table: string) => sql<{ name: string }>`
  SELECT attribute.attname AS name FROM pg_index AS key, unnest(key.indkey) WITH ORDINALITY AS part (number, place), pg_attribute AS attribute
  WHERE key.indrelid = to_regclass(quote_ident(${table})) AND key.indisprimary
    AND attribute.attrelid = key.indrelid AND attribute.attnum = part.number
  ORDER BY part.place`;
const postgresParents = (table: string) => sql<{ name: string }>`
  SELECT parent.relname AS name FROM pg_constraint AS reference JOIN pg_class AS parent ON parent.oid = reference.confrelid
  WHERE reference.contype = 'f' AND reference.conrelid = to_regclass(quote_ident(${table}))`;
