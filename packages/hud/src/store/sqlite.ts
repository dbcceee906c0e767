/** The embedded store: one SQLite file and a folder of blobs, written by any number of processes. */
import { join, resolve } from 'node:path';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import { JobRecord, Lease, RunFinish, RunStart, TaskRecord, type RunError, type RunRecord } from '../protocol/record.ts';
import type { Span } from '../protocol/trace.ts';
import { Blobs } from './blobs.ts';
import { Database } from './database.ts';
import { whileOpen } from './exit.ts';
import * as queries from './queries.ts';
import { RecentSpans } from './recent-spans.ts';
import { toRow, type Row } from './rows.ts';
import { putBackPage } from './span-blobs.ts';
import { chunksOf, insertSpans, shareOf } from './span-rows.ts';
import { SpanQueue } from './span-queue.ts';
import * as statements from './statements.ts';
import type { JobFilter, Page, Paged, SpanFeed, SpanPage, SpanRow, Store } from './store.ts';
import { storeError } from './store-errors.ts';

export interface StoreOptions {
  /** @default HUD_DIR, else `.hud` in the current directory */
  directory?: string;
  /** Refuses writes, creates nothing, and needs no right to write. @default false */
  readOnly?: boolean;
  /** Longest wait for other processes, in milliseconds. @default 10_000 */
  busyTimeoutMs?: number;
  /** Largest size of the database file; beyond it writes fail with STORE_FULL. @default what the disk holds */
  maxSizeBytes?: number;
  /** Asked for a blob whose file is not here: some may be kept elsewhere. */
  findBlob?: FindBlob;
  host?: Host;
}

type FindBlob = (sha256: string) => Promise<Uint8Array | undefined>;

/** @throws HudError STORE_LOCKED, STORE_DAMAGED, STORE_FULL, STORE_UNWRITABLE; BAD_ARGUMENT when there is nothing to read */
export async function openStore(options: StoreOptions = {}): Promise<Store> {
  const directory = resolve(options.directory ?? (process.env.HUD_DIR || '.hud'));
  const { host = nodeHost, busyTimeoutMs = 10_000, readOnly = false, maxSizeBytes } = options;
  const database = await Database.open({
    directory,
    host,
    busyTimeoutMs,
    readOnly,
    ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
  });
  return new SqliteStore(database, { blobs: new Blobs(join(directory, 'blobs')), findBlob: options.findBlob, host });
}

const JobChanges = JobRecord.partial();

class SqliteStore implements Store {
  readonly location: string;
  readonly #database: Database;
  readonly #blobs: Blobs;
  readonly #findBlob: FindBlob;
  readonly #recent = new RecentSpans();
  readonly #spans: SpanQueue;
  readonly #read: queries.Read;
  readonly #leave: () => void;
  #closing: Promise<void> | undefined;

  constructor(database: Database, { blobs, findBlob, host }: { blobs: Blobs; findBlob: FindBlob | undefined; host: Host }) {
    this.location = database.location;
    this.#database = database;
    this.#blobs = blobs;
    this.#findBlob = async (sha256) => (await blobs.get(sha256)) ?? (await findBlob?.(sha256));
    this.#spans = new SpanQueue(database, { blobs, host, recent: this.#recent });
    this.#read = (sql, ...values) => database.read(sql, ...values);
    this.#leave = whileOpen(() => this.#spans.writeNow());
  }

  get failed(): AbortSignal {
    return this.#spans.failed;
  }

  async createJob(job: JobRecord, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    const rows = taskRows(job.id, tasks);
    const row = toRow(JobRecord, job);
    await this.#database.write(
      (db) => {
        runOn(db, statements.fill(statements.INSERT_JOB, row));
        for (const task of rows) runOn(db, statements.fill(statements.INSERT_TASK, task));
      },
      { isCompound: true, isVital: true },
    );
  }

  async addTasks(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    const rows = taskRows(jobId, tasks);
    await this.#database.write(
      (db) => {
        for (const task of rows) runOn(db, statements.fill(statements.ADD_TASK, task));
      },
      { isCompound: true },
    );
  }

  async updateJob(id: string, changes: Partial<Omit<JobRecord, 'id'>>): Promise<void> {
    const row = toRow(JobChanges, changes);
    const change = statements.changeRow('jobs', row, id);
    const isKnown = await this.#database.write((db) => change === undefined || runOn(db, change) > 0, { isVital: true });
    if (!isKnown) throw new HudError('JOB_NOT_FOUND', `There is no job ${id} in ${this.location}.`);
  }

  async reopenJob(id: string): Promise<void> {
    await this.#database.write((db) => runOn(db, statements.reopenJob(id)));
  }

  listJobs(filter: JobFilter = {}): Promise<Paged<JobRecord>> {
    return queries.listJobs(this.#read, filter);
  }

  getJob(idOrPrefix: string): Promise<JobRecord | undefined> {
    return queries.getJob(this.#read, idOrPrefix);
  }

  listTasks(jobId: string): Promise<TaskRecord[]> {
    return queries.listTasks(this.#read, jobId);
  }

  async startRun(run: RunStart): Promise<void> {
    const row = toRow(RunStart, run);
    await this.#database.write((db) => runOn(db, statements.fill(statements.INSERT_RUN, row)));
  }

  async finishRun(traceId: string, finish: RunFinish): Promise<boolean> {
    const row = toRow(RunFinish, finish);
    const blobs = this.#spans.scheduled();
    if (blobs !== undefined) await blobs;
    return await this.#database.write((db) => runOn(db, statements.fill(statements.FINISH_RUN, row, traceId)) > 0, { isVital: true });
  }

  async interruptRuns(jobId: string, error: RunError, endedAt: number): Promise<number> {
    return await this.#database.write((db) => runOn(db, statements.interruptRuns(jobId, error, endedAt)), { isVital: true });
  }

  async interruptJob(lease: Lease, error: RunError, endedAt: number, to?: string): Promise<boolean> {
    const { jobId = '' } = lease;
    return await this.#database.write(
      (db) => {
        if (runOn(db, statements.takeLease(lease, to)) === 0) return false;
        runOn(db, statements.interruptRuns(jobId, error, endedAt));
        runOn(db, statements.cancelJob(jobId, error, endedAt));
        return true;
      },
      { isCompound: true, isVital: true },
    );
  }

  listRuns(jobId: string, page: Page = {}): Promise<Paged<RunRecord>> {
    return queries.listRuns(this.#read, jobId, page);
  }

  getRun(traceIdOrPrefix: string): Promise<RunRecord | undefined> {
    return queries.getRun(this.#read, traceIdOrPrefix);
  }

  appendSpan(span: Span): void {
    this.#database.assertWritable();
    this.#spans.push(span);
  }

  async appendRows(rows: readonly SpanRow[]): Promise<void> {
    const chunks = [...chunksOf(rows)];
    const written = chunks.map(async (chunk) => {
      await this.#database.write((db) => insertSpans(db, chunk), { isVital: true, share: shareOf(chunk) });
    });
    const [failed] = (await Promise.allSettled(written)).filter((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async spansSince(cursor: number, options: { limit?: number; traceId?: string } = {}): Promise<SpanFeed> {
    const { limit = 1000, traceId } = options;
    const isPlain = traceId === undefined && Number.isSafeInteger(limit) && limit > 0;
    const recent = isPlain ? this.#recent.since(cursor, limit) : undefined;
    return recent ?? (await queries.spansSince(this.#read, cursor, options));
  }

  spanCursor(): Promise<number> {
    return queries.spanCursor(this.#read);
  }

  async listSpans(traceId: string, page: SpanPage = {}): Promise<Paged<Span>> {
    const { items, ...rest } = await queries.listSpans(this.#read, traceId, page);
    return { items: await putBackPage(items, page, async (sha256) => await this.#base64Of(sha256)), ...rest };
  }

  async putBlob(bytes: Uint8Array, mediaType: string): Promise<string> {
    this.#database.assertWritable();
    try {
      const sha256 = await this.#blobs.put(bytes);
      const row = { sha256, media_type: mediaType, size_bytes: bytes.length };
      await this.#database.write((db) => runOn(db, statements.fill(statements.INSERT_BLOB, row)));
      return sha256;
    } catch (error) {
      throw storeError(error, this.location);
    }
  }

  async getBlob(sha256: string): Promise<{ bytes: Uint8Array; mediaType: string } | undefined> {
    const mediaType = await queries.getMediaType(this.#read, sha256);
    const bytes = mediaType === undefined ? undefined : await this.#findBlob(sha256);
    return mediaType === undefined || bytes === undefined ? undefined : { bytes, mediaType };
  }

  async putLease(lease: Lease, options: { from?: string } = {}): Promise<boolean> {
    const row = toRow(Lease, lease);
    return await this.#database.write((db) => runOn(db, statements.fill(statements.PUT_LEASE, row, options.from ?? lease.owner)) > 0);
  }

  async dropLease(id: string): Promise<void> {
    await this.#database.write((db) => runOn(db, statements.dropLease(id)));
  }

  listLeases(): Promise<Lease[]> {
    return queries.listLeases(this.#read);
  }

  async flush(): Promise<void> {
    const blobs = this.#spans.scheduled();
    if (blobs !== undefined) await blobs;
    await this.#database.write(() => undefined, { isVital: true }); // settles after everything queued before it
    if (this.#spans.failure !== undefined) throw this.#spans.failure;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Not by the table of blobs: a file that is there is all that a reference needs. */
  async #base64Of(sha256: string): Promise<string | undefined> {
    const bytes = await this.#findBlob(sha256);
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  }

  async #close(): Promise<void> {
    const isKnown = this.failed.aborted; // whoever had to know was told then
    try {
      // Others may come while blobs are written; after the last of them nothing may come between.
      for (let blobs = this.#spans.scheduled(); blobs !== undefined; blobs = this.#spans.scheduled()) await blobs;
    } catch {
      // `failure` has it, and is thrown below
    }
    try {
      await this.#database.close();
    } finally {
      this.#spans.close();
      this.#leave();
    }
    if (this.#spans.failure !== undefined && !isKnown) throw this.#spans.failure;
  }
}

/** Inside a transaction. @returns the number of rows that changed */
function runOn(db: Database, { sql, values }: statements.Statement): number {
  return db.run(sql, values);
}

function taskRows(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Row[] {
  return tasks.map((task) => toRow(TaskRecord, { ...task, jobId }));
}
