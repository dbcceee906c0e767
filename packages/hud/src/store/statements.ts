/** The statements that write whole rows, their text made once. What a row leaves out is NULL. */
import type { z } from 'zod';
import { snakeCase } from '../protocol/codec.ts';
import { JobRecord, Lease, RunFinish, RunStart, TaskRecord } from '../protocol/record.ts';
import type { Database } from './database.ts';
import type { Cell, Row } from './rows.ts';

export interface RowStatement {
  sql: string;
  /** In the order of the statement's places; others may follow. */
  columns: readonly string[];
}

const LEASE = columnsOf(Lease);
const REPLACED = LEASE.filter((column) => column !== 'id').map((column) => `${column} = excluded.${column}`);

export const INSERT_JOB = insertInto('jobs', columnsOf(JobRecord));
export const INSERT_TASK = insertInto('tasks', columnsOf(TaskRecord));
export const ADD_TASK = insertInto('tasks', columnsOf(TaskRecord), 'ON CONFLICT (job_id, slug) DO NOTHING');
export const INSERT_RUN = insertInto('runs', columnsOf(RunStart), 'ON CONFLICT (trace_id) DO NOTHING');
/** Then the trace id. A run without an end has none of these columns yet. */
export const FINISH_RUN: RowStatement = update('runs', columnsOf(RunFinish), 'trace_id = ? AND class IS NULL');
export const INSERT_BLOB = insertInto('blobs', ['sha256', 'media_type', 'size_bytes'], 'ON CONFLICT (sha256) DO NOTHING');
/** Then the owner from whom it may be taken. */
export const PUT_LEASE = insertInto('leases', LEASE, `ON CONFLICT (id) DO UPDATE SET ${REPLACED.join(', ')} WHERE leases.owner = ?`);

/** Inside a transaction. @returns the number of rows that changed */
export function runOn(database: Database, { sql, columns }: RowStatement, row: Row, ...others: Cell[]): number {
  const cells = columns.map((column) => row[column] ?? null);
  cells.push(...others);
  return database.run(sql, cells);
}

/** Changes the columns that the row has, and no others. */
export function changeRow(database: Database, table: string, row: Row, id: string): number {
  const columns = Object.keys(row);
  return columns.length === 0 ? 0 : runOn(database, update(table, columns, 'id = ?'), row, id);
}

function columnsOf(schema: z.ZodObject): string[] {
  return Object.keys(schema.shape).map(snakeCase);
}

function insertInto(table: string, columns: readonly string[], onConflict = ''): RowStatement {
  const names = columns.map((name) => `"${name}"`).join(', ');
  return { sql: `INSERT INTO ${table} (${names}) VALUES (${columns.map(() => '?').join(', ')}) ${onConflict}`, columns };
}

function update(table: string, columns: readonly string[], where: string): RowStatement {
  return { sql: `UPDATE ${table} SET ${columns.map((name) => `"${name}" = ?`).join(', ')} WHERE ${where}`, columns };
}
