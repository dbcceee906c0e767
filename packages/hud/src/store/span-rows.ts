/** Spans into their table, many a statement. */
import type { Database } from './database.ts';
import type { Cell } from './rows.ts';
import type { SpanRow } from './store.ts';

/** What one transaction takes: some 15 ms, so that the event loop never waits long. */
export const CHUNK_SPANS = 1024;
export const CHUNK_BYTES = 2 * 1024 * 1024;

const COLUMNS = ['trace_id', 'span_id', 'name', 'start_time', 'end_time', 'status_code', 'body'];
/** Many rows a statement take half the time of one by one; few sizes keep the prepared statements few. */
const STATEMENTS = [64, 8, 1].map((rows) => ({ rows, sql: insertOf(rows) }));

/** In the order of the table's columns. */
export function cellsOf(row: SpanRow): Cell[] {
  return [row.traceId, row.spanId, row.name, row.startTime, row.endTime, row.statusCode, row.body];
}

/**
 * Inside a transaction. Those that are there already stay as they are.
 * @returns the place of the last in the order of all; undefined when some were there already
 */
export function insertSpans(database: Database, rows: readonly Cell[][]): number | undefined {
  let at = 0;
  let inserted = 0;
  let last: number | undefined;
  for (const statement of STATEMENTS) {
    for (; rows.length - at >= statement.rows; at += statement.rows) {
      const { changes, lastKey } = database.insert(statement.sql, rows.slice(at, at + statement.rows).flat());
      inserted += changes;
      last = lastKey;
    }
  }
  return inserted === rows.length ? last : undefined;
}

/** What {@link cellsOf} made cells of. */
export function rowOf([traceId, spanId, name, startTime, endTime, statusCode, body]: readonly Cell[]): SpanRow {
  return {
    traceId: String(traceId),
    spanId: String(spanId),
    name: String(name),
    startTime: String(startTime),
    endTime: String(endTime),
    statusCode: String(statusCode),
    body: String(body),
  };
}

/** In their order, each part small enough for one transaction. */
export function* chunksOf(rows: readonly SpanRow[]): Generator<Cell[][]> {
  let chunk: Cell[][] = [];
  let bytes = 0;
  for (const row of rows) {
    chunk.push(cellsOf(row));
    bytes += row.body.length;
    if (chunk.length < CHUNK_SPANS && bytes < CHUNK_BYTES) continue;
    yield chunk;
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) yield chunk;
}

/** How much of a transaction a part of {@link chunksOf} fills, so that small ones share one, and its wait for the disk. */
export function shareOf(rows: readonly Cell[][]): number {
  const bytes = rows.reduce((sum, row) => sum + String(row.at(-1)).length, 0);
  return Math.min(1, Math.max(rows.length / CHUNK_SPANS, bytes / CHUNK_BYTES));
}

function insertOf(rows: number): string {
  const places = `(${COLUMNS.map(() => '?').join(', ')})`;
  // IGNORE, not ON CONFLICT DO NOTHING: a statement that may fail halfway keeps a copy of every page it touches.
  return `INSERT OR IGNORE INTO spans (${COLUMNS.join(', ')}) VALUES ${Array.from({ length: rows }, () => places).join(', ')}`;
}
