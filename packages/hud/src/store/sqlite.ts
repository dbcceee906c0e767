/** The embedded store: one SQLite file and a folder of blobs, written by any number of processes. */
import { join, resolve } from 'node:path';
import type { Host, Timer } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { decode, encode } from '../protocol/codec.ts';
import { HudError } from '../protocol/errors.ts';
import { parseJson, stringifyJson } from '../protocol/json.ts';
import { JobRecord, Lease, RunFinish, RunRecord, RunStart, TaskRecord } from '../protocol/record.ts';
import { Span } from '../protocol/trace.ts';
import { Blobs } from './blobs.ts';
import { Database } from './database.ts';
import { fromRow, toCell, toRow, type Row } from './rows.ts';
import { SPAN_FLUSH_MS, type JobFilter, type Page, type Paged, type Store } from './store.ts';
import { storeError } from './store-errors.ts';

export interface StoreOptions {
  /** @default HUD_DIR, else `.hud` in the current directory */
  directory?: string;
  /** Longest wait for other processes, in milliseconds. @default 10_000 */
  busyTimeoutMs?: number;
  host?: Host;
}

/** @throws HudError STORE_LOCKED, STORE_DAMAGED, STORE_FULL, STORE_UNWRITABLE */
export async function openStore(options: StoreOptions = {}): Promise<Store> {
  const directory = resolve(options.directory ?? process.env.HUD_DIR ?? '.hud');
  const host = options.host ?? nodeHost;
  const database = await Database.open({ directory, host, busyTimeoutMs: options.busyTimeoutMs ?? 10_000 });
  return new SqliteStore(database, new Blobs(join(directory, 'blobs')), host);
}

const MAX_QUEUED_SPANS = 10_000;
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
const SPAN_COLUMNS = 7;
const SPANS_A_STATEMENT = 64;
const JOB_JSON = ['config'];
const RUN_JSON = ['grade', 'error'];

class SqliteStore implements Store {
  readonly location: string;
  readonly #database: Database;
  readonly #blobs: Blobs;
  readonly #host: Host;
  readonly #failed = new AbortController();
  #spans: (string | null)[][] = [];
  #spanBytes = 0;
  #flushTimer: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(database: Database, blobs: Blobs, host: Host) {
    this.#database = database;
    this.location = database.location;
    this.#blobs = blobs;
    this.#host = host;
  }

  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  async createJob(job: JobRecord, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    await this.#database.write((db) => {
      insert(db, 'INSERT INTO', 'jobs', toRow(JobRecord, job));
      for (const task of tasks) insert(db, 'INSERT INTO', 'tasks', toRow(TaskRecord, { ...task, jobId: job.id }));
    });
  }

  async addTasks(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    await this.#database.write((db) => {
      for (const task of tasks) insert(db, 'INSERT OR IGNORE INTO', 'tasks', toRow(TaskRecord, { ...task, jobId }));
    });
  }

  async updateJob(id: string, changes: Partial<Omit<JobRecord, 'id'>>): Promise<void> {
    const row = toRow(JobRecord.partial(), changes);
    await this.#database.write((db) => update(db, 'jobs', row, 'id = ?', id));
  }

  async listJobs(filter: JobFilter = {}): Promise<Paged<JobRecord>> {
    const [time, id] = filter.cursor?.split(' ') ?? [];
    const rows = this.#database.all(
      // Plain places only: Node 22 skips numbered ones when it binds a list.
      `SELECT * FROM jobs WHERE status = coalesce(?, status) AND created_at >= ? AND (created_at, id) < (?, ?)
       ORDER BY created_at DESC, id DESC LIMIT ?`,
      filter.status ?? null,
      filter.since ?? 0,
      time === undefined ? Number.MAX_SAFE_INTEGER : Number(time),
      id ?? '',
      limitOf(filter) + 1,
    );
    return paged(
      rows,
      filter,
      (row) => fromRow(JobRecord, row, JOB_JSON),
      (row) => `${row.created_at} ${row.id}`,
    );
  }

  async getJob(idOrPrefix: string): Promise<JobRecord | undefined> {
    const row = this.#byPrefix('jobs', 'id', idOrPrefix);
    return row === undefined ? undefined : fromRow(JobRecord, row, JOB_JSON);
  }

  async listTasks(jobId: string): Promise<TaskRecord[]> {
    return this.#database.all('SELECT * FROM tasks WHERE job_id = ? ORDER BY position, slug', jobId).map((row) => ({
      jobId,
      slug: String(row.slug),
      position: Number(row.position),
      row: parseJson(String(row.row), { lossless: true }) as TaskRecord['row'],
    }));
  }

  async startRun(run: RunStart): Promise<void> {
    await this.#database.write((db) => insert(db, 'INSERT INTO', 'runs', toRow(RunStart, run)));
  }

  async finishRun(traceId: string, finish: RunFinish): Promise<boolean> {
    const row = toRow(RunFinish, finish);
    const spans = this.#takeSpans();
    return await this.#database.write((db) => {
      insertSpans(db, spans);
      return update(db, 'runs', row, 'trace_id = ? AND class IS NULL', traceId) > 0;
    });
  }

  async listRuns(jobId: string, page: Page = {}): Promise<Paged<RunRecord>> {
    const offset = Number(page.cursor ?? 0);
    const rows = this.#database.all(
      `SELECT runs.* FROM runs LEFT JOIN tasks ON tasks.job_id = runs.job_id AND tasks.slug = runs.slug
       WHERE runs.job_id = ? ORDER BY tasks.position, runs.slug, runs.repeat, runs.attempt, runs.started_at LIMIT ? OFFSET ?`,
      jobId,
      limitOf(page) + 1,
      offset,
    );
    return paged(
      rows,
      page,
      (row) => fromRow(RunRecord, row, RUN_JSON),
      () => String(offset + limitOf(page)),
    );
  }

  async getRun(traceIdOrPrefix: string): Promise<RunRecord | undefined> {
    const row = this.#byPrefix('runs', 'trace_id', traceIdOrPrefix.replaceAll('-', '').toLowerCase());
    return row === undefined ? undefined : fromRow(RunRecord, row, RUN_JSON);
  }

  appendSpan(span: Span): void {
    const body = stringifyJson(encode(Span, span));
    this.#spans.push([span.traceId, span.spanId, span.name, span.startTime, span.endTime, span.statusCode, body]);
    this.#spanBytes += body.length;
    if (this.#spans.length >= MAX_QUEUED_SPANS || this.#spanBytes >= MAX_QUEUED_BYTES) this.#flushSpans();
    else this.#flushTimer ??= this.#host.setTimer(SPAN_FLUSH_MS, () => this.#flushSpans());
  }

  async listSpans(traceId: string, page: Page = {}): Promise<Paged<Span>> {
    const rows = this.#database.all(
      'SELECT seq, body FROM spans WHERE trace_id = ? AND seq > ? ORDER BY seq LIMIT ?',
      traceId,
      Number(page.cursor ?? -1),
      limitOf(page) + 1,
    );
    return paged(
      rows,
      page,
      (row) => decode(Span, parseJson(String(row.body)), { what: 'A span of the store', code: 'STORE_DAMAGED' }),
      (row) => String(row.seq),
    );
  }

  async putBlob(bytes: Uint8Array, mediaType: string): Promise<string> {
    try {
      const sha256 = await this.#blobs.put(bytes);
      await this.#database.write((db) =>
        insert(db, 'INSERT OR IGNORE INTO', 'blobs', { sha256, media_type: mediaType, size_bytes: bytes.length }),
      );
      return sha256;
    } catch (error) {
      throw storeError(error, this.location);
    }
  }

  async getBlob(sha256: string): Promise<{ bytes: Uint8Array; mediaType: string } | undefined> {
    const [row] = this.#database.all('SELECT media_type FROM blobs WHERE sha256 = ?', sha256);
    const bytes = row === undefined ? undefined : await this.#blobs.get(sha256);
    return row === undefined || bytes === undefined ? undefined : { bytes, mediaType: String(row.media_type) };
  }

  async putLease(lease: Lease): Promise<void> {
    await this.#database.write((db) => insert(db, 'INSERT OR REPLACE INTO', 'leases', toRow(Lease, lease)));
  }

  async dropLease(id: string): Promise<void> {
    await this.#database.write((db) => db.run('DELETE FROM leases WHERE id = ?', id));
  }

  async listLeases(): Promise<Lease[]> {
    return this.#database.all('SELECT * FROM leases ORDER BY created_at, id').map((row) => fromRow(Lease, row, ['target']));
  }

  async flush(): Promise<void> {
    this.#flushSpans();
    await this.#database.settle();
    this.#failed.signal.throwIfAborted();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#flushSpans();
    await this.#database.close();
  }

  #flushSpans(): void {
    const spans = this.#takeSpans();
    if (spans.length === 0) return;
    this.#database.write((db) => insertSpans(db, spans)).catch((error: unknown) => this.#failed.abort(error));
  }

  #takeSpans(): (string | null)[][] {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    this.#spanBytes = 0;
    return this.#spans.splice(0);
  }

  #byPrefix(table: string, column: string, idOrPrefix: string): Row | undefined {
    if (!/^[0-9a-f]{4,32}$/.test(idOrPrefix)) return undefined;
    const rows = this.#database.all(`SELECT * FROM ${table} WHERE ${column} >= ? AND ${column} < ? LIMIT 2`, idOrPrefix, `${idOrPrefix}g`);
    if (rows.length <= 1) return rows[0];
    throw new HudError('BAD_ARGUMENT', `Several ids begin with ${idOrPrefix}.`, { hint: 'Give more of it.' });
  }
}

function insert(db: Database, verb: string, table: string, row: Row): void {
  const columns = Object.keys(row);
  db.run(
    `${verb} ${table} (${columns.map((name) => `"${name}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    ...Object.values(row),
  );
}

function update(db: Database, table: string, row: Row, where: string, key: string): number {
  const columns = Object.keys(row);
  if (columns.length === 0) return 0;
  return db.run(`UPDATE ${table} SET ${columns.map((name) => `"${name}" = ?`).join(', ')} WHERE ${where}`, ...Object.values(row), key);
}

/** Many rows a statement: half the time of one by one. */
function insertSpans(db: Database, spans: readonly (string | null)[][]): void {
  const slots = `(${Array.from({ length: SPAN_COLUMNS }, () => '?').join(',')})`;
  for (let at = 0; at < spans.length; at += SPANS_A_STATEMENT) {
    const some = spans.slice(at, at + SPANS_A_STATEMENT);
    db.run(
      `INSERT OR IGNORE INTO spans (trace_id, span_id, name, start_time, end_time, status_code, body)
      VALUES ${some.map(() => slots).join(',')}`,
      ...some.flat().map(toCell),
    );
  }
}

function limitOf({ limit = 100 }: Page): number {
  return Math.max(1, Math.trunc(limit));
}

/** One row more than asked for was read: it only says that there is a next page. */
function paged<T>(rows: Row[], page: Page, read: (row: Row) => T, cursorAfter: (row: Row) => string): Paged<T> {
  const shown = rows.slice(0, limitOf(page));
  const last = shown.at(-1);
  return { items: shown.map(read), ...(rows.length > shown.length && last !== undefined ? { nextCursor: cursorAfter(last) } : {}) };
}
