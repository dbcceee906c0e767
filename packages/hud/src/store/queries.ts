/**
 * What is read, in SQL that SQLite and PostgreSQL share. Pages go on after the last row that was seen,
 * so rows that come meanwhile neither repeat nor hide others.
 */
import { HudError } from '../protocol/errors.ts';
import { JobRecord, Lease, RunRecord, TaskRecord } from '../protocol/record.ts';
import { Span } from '../protocol/trace.ts';
import { decode } from '../protocol/codec.ts';
import { fromRow, parseCell, type Cell, type Row } from './rows.ts';
import { mayRefer } from './span-blobs.ts';
import type { JobFilter, Page, Paged, SpanFeed } from './store.ts';

/** Runs one query. Places are `?`, taken in order. */
export type Read = (sql: string, ...values: Cell[]) => Promise<Row[]>;

export async function listJobs(read: Read, filter: JobFilter): Promise<Paged<JobRecord>> {
  const conditions = new Conditions();
  if (filter.status !== undefined) conditions.add('status = ?', filter.status);
  if (filter.since !== undefined) conditions.add('created_at >= ?', filter.since);
  if (filter.owedTo !== undefined) conditions.add('reported_to = ? AND reported_at IS NULL', filter.owedTo);
  if (filter.cursor !== undefined) conditions.add('(created_at, id) < (?, ?)', ...openCursor(filter.cursor, ['number', 'string']));
  const rows = await read(
    `SELECT * FROM jobs ${conditions.where()} ORDER BY created_at DESC, id DESC LIMIT ?`,
    ...conditions.values,
    limitOf(filter) + 1,
  );
  return paged(rows, filter, ({ created_at, id }) => [created_at, id], jobOf);
}

export async function getJob(read: Read, idOrPrefix: string): Promise<JobRecord | undefined> {
  const row = await byPrefix(read, { table: 'jobs', column: 'id' }, idOrPrefix);
  return row === undefined ? undefined : jobOf(row);
}

export async function listTasks(read: Read, jobId: string): Promise<TaskRecord[]> {
  const rows = await read('SELECT * FROM tasks WHERE job_id = ? ORDER BY position, slug', jobId);
  return rows.map((row) => fromRow(TaskRecord, row, { json: ['row'], lossless: true }));
}

/** After every task that has a place. */
const NO_PLACE = 2_147_483_647;

/** Where a list of runs goes on, in the order in which they are listed. */
interface RunPlace {
  position: number;
  slug: string;
  repeat: number;
  attempt: number;
}

/**
 * What is left of the task at which the page before ended, the runs of later tasks, and then those of no task.
 * Each is read in the order of an index, so that a page costs what it holds, however long the list is.
 */
export async function listRuns(read: Read, jobId: string, page: Page): Promise<Paged<RunRecord>> {
  const after = page.cursor === undefined ? undefined : runPlace(page.cursor);
  const parts = [...(after === undefined ? [] : [restOfTask(jobId, after)]), laterTasks(jobId, after), withoutTask(jobId, after)];
  const wanted = limitOf(page) + 1;
  const rows: Row[] = [];
  for (const { sql, values } of parts) {
    if (rows.length < wanted) rows.push(...(await read(`${sql} LIMIT ?`, ...values, wanted - rows.length)));
  }
  return paged(rows, page, (row) => [row.place, row.slug, row.repeat, row.attempt], runOf);
}

interface Query {
  sql: string;
  values: Cell[];
}

function restOfTask(jobId: string, { position, slug, repeat, attempt }: RunPlace): Query {
  return {
    sql: `SELECT runs.*, CAST(? AS bigint) AS place FROM runs
      WHERE job_id = ? AND slug = ? AND (repeat, attempt) > (?, ?) ORDER BY repeat, attempt`,
    values: [position, jobId, slug, repeat, attempt],
  };
}

/** CROSS JOIN keeps the tasks outside: their order is the order of the result. */
function laterTasks(jobId: string, after: RunPlace | undefined): Query {
  return {
    sql: `SELECT runs.*, tasks.position AS place FROM tasks CROSS JOIN runs
      WHERE tasks.job_id = ? AND runs.job_id = ? AND runs.slug = tasks.slug ${after === undefined ? '' : 'AND (tasks.position, tasks.slug) > (?, ?)'}
      ORDER BY tasks.position, tasks.slug, runs.repeat, runs.attempt`,
    values: [jobId, jobId, ...(after === undefined ? [] : [after.position, after.slug])],
  };
}

function withoutTask(jobId: string, after: RunPlace | undefined): Query {
  const isAmongThem = after?.position === NO_PLACE;
  return {
    sql: `SELECT runs.*, ${NO_PLACE} AS place FROM runs
      WHERE job_id = ? ${isAmongThem ? 'AND slug > ?' : ''} AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.job_id = runs.job_id AND tasks.slug = runs.slug)
      ORDER BY slug, repeat, attempt`,
    values: [jobId, ...(isAmongThem ? [after.slug] : [])],
  };
}

function runPlace(cursor: string): RunPlace {
  const [position, slug, repeat, attempt] = openCursor(cursor, ['number', 'string', 'number', 'number']);
  return { position: Number(position), slug: String(slug), repeat: Number(repeat), attempt: Number(attempt) };
}

export async function getRun(read: Read, traceIdOrPrefix: string): Promise<RunRecord | undefined> {
  const row = await byPrefix(read, { table: 'runs', column: 'trace_id' }, traceIdOrPrefix);
  return row === undefined ? undefined : runOf(row);
}

/** As it is kept. */
export interface KeptSpan {
  span: Span;
  /** It may hold references to blobs. */
  mayRefer: boolean;
}

export async function listSpans(read: Read, traceId: string, page: Page): Promise<Paged<KeptSpan>> {
  const [after = -1] = page.cursor === undefined ? [] : openCursor(page.cursor, ['number']);
  const rows = await read(
    'SELECT seq, body FROM spans WHERE trace_id = ? AND seq > ? ORDER BY seq LIMIT ?',
    traceId,
    after,
    limitOf(page) + 1,
  );
  return paged(
    rows,
    page,
    ({ seq }) => [Number(seq)],
    ({ body }) => {
      const span = decode(Span, parseCell(body), { what: 'A span of the store', code: 'STORE_DAMAGED' });
      if (span.traceId !== traceId) throw inconsistent(`a span of ${span.traceId} is listed under ${traceId}`);
      return { span, mayRefer: mayRefer(String(body)) };
    },
  );
}

export async function spansSince(read: Read, cursor: number, options: { limit?: number; traceId?: string }): Promise<SpanFeed> {
  const { traceId } = options;
  const rows = await read(
    `SELECT seq, trace_id, span_id, name, start_time, end_time, status_code, body FROM spans
     WHERE seq > ? ${traceId === undefined ? '' : 'AND trace_id = ?'} ORDER BY seq LIMIT ?`,
    cursor,
    ...(traceId === undefined ? [] : [traceId]),
    limitOf({ limit: options.limit ?? 1000 }),
  );
  return {
    rows: rows.map((row) => ({
      traceId: String(row.trace_id),
      spanId: String(row.span_id),
      name: String(row.name),
      startTime: String(row.start_time),
      endTime: String(row.end_time),
      statusCode: String(row.status_code),
      body: String(row.body),
    })),
    cursor: Number(rows.at(-1)?.seq ?? cursor),
  };
}

export async function spanCursor(read: Read): Promise<number> {
  const [row] = await read('SELECT max(seq) AS seq FROM spans');
  return Number(row?.seq ?? 0);
}

export async function listLeases(read: Read): Promise<Lease[]> {
  return (await read('SELECT * FROM leases ORDER BY created_at, id')).map((row) => fromRow(Lease, row, { json: ['target'] }));
}

/** @returns undefined when the bytes were never put */
export async function getMediaType(read: Read, sha256: string): Promise<string | undefined> {
  const [row] = await read('SELECT media_type FROM blobs WHERE sha256 = ?', sha256);
  return row === undefined ? undefined : String(row.media_type);
}

const jobOf = (row: Row): JobRecord => fromRow(JobRecord, row, { json: ['config'] });
const runOf = (row: Row): RunRecord => fromRow(RunRecord, row, { json: ['grade', 'error'] });

/** Ids are hexadecimal, also when they were copied from a link with dashes or in capitals. */
async function byPrefix(read: Read, { table, column }: { table: string; column: string }, idOrPrefix: string): Promise<Row | undefined> {
  const prefix = idOrPrefix.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{4,32}$/.test(prefix)) return undefined;
  const rows = await read(`SELECT * FROM ${table} WHERE ${column} >= ? AND ${column} < ? LIMIT 2`, prefix, `${prefix}g`);
  const ids = rows.map((row) => String(row[column]));
  const other = ids.find((id, i) => !id.startsWith(prefix) || ids.indexOf(id) < i);
  if (other !== undefined) throw inconsistent(`its index of ${table} finds ${other} twice, or for ${idOrPrefix}`);
  if (rows.length <= 1) return rows[0];
  throw new HudError('BAD_ARGUMENT', `Several ids begin with ${idOrPrefix}.`, { hint: 'Give more of it.' });
}

function inconsistent(what: string): HudError {
  return new HudError('STORE_DAMAGED', `The store contradicts itself: ${what}.`, {
    hint: '`hud doctor` looks at the whole of it; `sqlite3 FILE .recover` may read what is left.',
  });
}

class Conditions {
  readonly values: Cell[] = [];
  readonly #parts: string[] = [];

  add(sql: string, ...values: Cell[]): void {
    this.#parts.push(sql);
    this.values.push(...values);
  }

  where(): string {
    return this.#parts.length === 0 ? '' : `WHERE ${this.#parts.join(' AND ')}`;
  }
}

function limitOf({ limit = 100 }: Page): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw new HudError('BAD_ARGUMENT', `A page's limit must be a whole number of at least 1, got ${limit}.`);
}

/** One row more than asked for was read: it only says that there is a next page. */
function paged<T>(rows: Row[], page: Page, keyOf: (row: Row) => unknown[], read: (row: Row) => T): Paged<T> {
  const shown = rows.slice(0, limitOf(page));
  const last = shown.at(-1);
  const hasMore = rows.length > shown.length && last !== undefined;
  return { items: shown.map(read), ...(hasMore ? { nextCursor: JSON.stringify(keyOf(last)) } : {}) };
}

function openCursor(cursor: string, types: readonly ('string' | 'number')[]): Cell[] {
  let values: unknown;
  try {
    values = JSON.parse(cursor);
  } catch {
    values = undefined; // refused below
  }
  if (Array.isArray(values) && values.length === types.length && types.every((type, i) => typeof values[i] === type))
    return values as Cell[];
  throw new HudError('BAD_ARGUMENT', 'This cursor is not one that a page returned.', {
    hint: 'Leave it out to start with the first page.',
  });
}
