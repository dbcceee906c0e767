/**
 * What is written, in SQL that SQLite and PostgreSQL share, the text of each statement made once. What a row leaves
 * out is NULL.
 */
import type { z } from 'zod';
import { snakeCase } from '../protocol/codec.ts';
import { JobRecord, Lease, RunError, RunFinish, RunStart, TaskRecord } from '../protocol/record.ts';
import { toRow, type Cell, type Row } from './rows.ts';

/** Places are `?`, taken in order. */
export interface Statement {
  sql: string;
  values: Cell[];
}

export interface RowStatement {
  sql: string;
  /** In the order of the statement's places; others may follow. */
  columns: readonly string[];
}

const LEASE = columnsOf(Lease);
const REPLACED = LEASE.filter((column) => column !== 'id').map((column) => `${column} = excluded.${column}`);

export const INSERT_JOB = insertInto('jobs', columnsOf(JobRecord));
/** For a second try of {@link INSERT_JOB}, when nobody knows what became of the first. */
export const ADD_JOB = insertInto('jobs', columnsOf(JobRecord), 'ON CONFLICT (id) DO NOTHING');
export const INSERT_TASK = insertInto('tasks', columnsOf(TaskRecord));
export const ADD_TASK = insertInto('tasks', columnsOf(TaskRecord), 'ON CONFLICT (job_id, slug) DO NOTHING');
export const INSERT_RUN = insertInto('runs', columnsOf(RunStart), 'ON CONFLICT (trace_id) DO NOTHING');
/** Then the trace id. A run without an end has none of these columns yet. */
export const FINISH_RUN: RowStatement = update('runs', columnsOf(RunFinish), 'trace_id = ? AND class IS NULL');
export const INSERT_BLOB = insertInto('blobs', ['sha256', 'media_type', 'size_bytes'], 'ON CONFLICT (sha256) DO NOTHING');
/** Then the owner from whom it may be taken. */
export const PUT_LEASE = insertInto('leases', LEASE, `ON CONFLICT (id) DO UPDATE SET ${REPLACED.join(', ')} WHERE leases.owner = ?`);

export function fill({ sql, columns }: RowStatement, row: Row, ...others: Cell[]): Statement {
  const values = columns.map((column) => row[column] ?? null);
  values.push(...others);
  return { sql, values };
}

/** Changes the columns that the row has, and no others. @returns undefined when it has none */
export function changeRow(table: string, row: Row, id: string): Statement | undefined {
  const columns = Object.keys(row);
  return columns.length === 0 ? undefined : fill(update(table, columns, 'id = ?'), row, id);
}

export function reopenJob(id: string): Statement {
  return { sql: "UPDATE jobs SET status = 'running', ended_at = NULL, error = NULL, reported_at = NULL WHERE id = ?", values: [id] };
}

const RunChanges = RunFinish.partial();

/** Ends what of the job has no end yet. */
export function interruptRuns(jobId: string, error: RunError, endedAt: number): Statement {
  const row = toRow(RunChanges, { class: 'cancelled', status: 'cancelled', error, endedAt });
  const columns = Object.keys(row).map((column) => `${column} = ?`);
  const steps = "steps = (SELECT count(*) FROM spans WHERE spans.trace_id = runs.trace_id AND spans.name LIKE 'step.%')";
  return {
    sql: `UPDATE runs SET ${[...columns, steps].join(', ')} WHERE job_id = ? AND class IS NULL`,
    values: [...Object.values(row), jobId],
  };
}

/** Changes nothing when the job has ended. */
export function cancelJob(jobId: string, error: RunError, endedAt: number): Statement {
  return {
    sql: "UPDATE jobs SET status = 'cancelled', error = ?, ended_at = ? WHERE id = ? AND status = 'running'",
    values: [error.hint === undefined ? error.message : `${error.message} ${error.hint}`, endedAt, jobId],
  };
}

/** @param to its new owner; without one it is dropped */
export function takeLease({ id, owner }: Pick<Lease, 'id' | 'owner'>, to: string | undefined): Statement {
  if (to === undefined) return { sql: 'DELETE FROM leases WHERE id = ? AND owner = ?', values: [id, owner] };
  return { sql: 'UPDATE leases SET owner = ? WHERE id = ? AND owner = ?', values: [to, id, owner] };
}

export function dropLease(id: string): Statement {
  return { sql: 'DELETE FROM leases WHERE id = ?', values: [id] };
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
