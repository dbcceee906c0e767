/** The embedded store: one SQLite file and a folder of blobs, written by any number of processes. */
import { join, resolve } from 'node:path';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import { JobRecord, Lease, RunError, RunFinish, RunStart, TaskRecord, type RunRecord } from '../protocol/record.ts';
import type { Span } from '../protocol/trace.ts';
import { Blobs } from './blobs.ts';
import { Database } from './database.ts';
import { whileOpen } from './exit.ts';
import * as queries from './queries.ts';
import { toRow, type Row } from './rows.ts';
import { putBack } from './span-blobs.ts';
import { SpanQueue } from './span-queue.ts';
import { ADD_TASK, changeRow, FINISH_RUN, INSERT_BLOB, INSERT_JOB, INSERT_RUN, INSERT_TASK, PUT_LEASE, runOn } from './statements.ts';
import type { JobFilter, Page, Paged, SpanPage, Store } from './store.ts';
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
  host?: Host;
}

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
  return new SqliteStore(database, new Blobs(join(directory, 'blobs')), host);
}

const JobChanges = JobRecord.partial();
const RunChanges = RunFinish.partial();

class SqliteStore implements Store {
  readonly location: string;
  readonly #database: Database;
  readonly #blobs: Blobs;
  readonly #spans: SpanQueue;
  readonly #read: queries.Read;
  readonly #leave: () => void;
  #closing: Promise<void> | undefined;

  constructor(database: Database, blobs: Blobs, host: Host) {
    this.location = database.location;
    this.#database = database;
    this.#blobs = blobs;
    this.#spans = new SpanQueue(database, blobs, host);
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
        runOn(db, INSERT_JOB, row);
        for (const task of rows) runOn(db, INSERT_TASK, task);
      },
      { isCompound: true, isVital: true },
    );
  }

  async addTasks(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    const rows = taskRows(jobId, tasks);
    await this.#database.write(
      (db) => {
        for (const task of rows) runOn(db, ADD_TASK, task);
      },
      { isCompound: true },
    );
  }

  async updateJob(id: string, changes: Partial<Omit<JobRecord, 'id'>>): Promise<void> {
    const row = toRow(JobChanges, changes);
    const isKnown = await this.#database.write((db) => changeRow(db, 'jobs', row, id) > 0, { isVital: true });
    if (!isKnown && Object.keys(row).length > 0) throw new HudError('JOB_NOT_FOUND', `There is no job ${id} in ${this.location}.`);
  }

  async reopenJob(id: string): Promise<void> {
    await this.#database.write((db) => db.run("UPDATE jobs SET status = 'running', ended_at = NULL, error = NULL WHERE id = ?", [id]));
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
    await this.#database.write((db) => runOn(db, INSERT_RUN, row));
  }

  async finishRun(traceId: string, finish: RunFinish): Promise<boolean> {
    const row = toRow(RunFinish, finish);
    const blobs = this.#spans.scheduled();
    if (blobs !== undefined) await blobs;
    return await this.#database.write((db) => runOn(db, FINISH_RUN, row, traceId) > 0, { isVital: true });
  }

  async interruptRuns(jobId: string, error: RunError, endedAt: number): Promise<number> {
    return await this.#database.write((db) => interruptRuns(db, jobId, error, endedAt), { isVital: true });
  }

  async interruptJob(lease: Lease, error: RunError, endedAt: number, to?: string): Promise<boolean> {
    const { id, owner, jobId = '' } = lease;
    return await this.#database.write(
      (db) => {
        const isTaken =
          to === undefined
            ? db.run('DELETE FROM leases WHERE id = ? AND owner = ?', [id, owner]) > 0
            : db.run('UPDATE leases SET owner = ? WHERE id = ? AND owner = ?', [to, id, owner]) > 0;
        if (!isTaken) return false;
        interruptRuns(db, jobId, error, endedAt);
        const end = "UPDATE jobs SET status = 'cancelled', error = ?, ended_at = ? WHERE id = ? AND status = 'running'";
        db.run(end, [error.hint === undefined ? error.message : `${error.message} ${error.hint}`, endedAt, jobId]);
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

  async listSpans(traceId: string, page: SpanPage = {}): Promise<Paged<Span>> {
    const { items, ...rest } = await queries.listSpans(this.#read, traceId, page);
    const texts = new Map<string, string | undefined>();
    const load = async (sha256: string): Promise<string | undefined> => {
      if (!texts.has(sha256)) texts.set(sha256, await this.#base64Of(sha256));
      return texts.get(sha256);
    };
    const spans: Span[] = [];
    for (const { span, mayRefer } of items) spans.push(mayRefer && page.blobs !== 'reference' ? await putBack(span, load) : span);
    return { items: spans, ...rest };
  }

  async putBlob(bytes: Uint8Array, mediaType: string): Promise<string> {
    this.#database.assertWritable();
    try {
      const sha256 = await this.#blobs.put(bytes);
      const row = { sha256, media_type: mediaType, size_bytes: bytes.length };
      await this.#database.write((db) => runOn(db, INSERT_BLOB, row));
      return sha256;
    } catch (error) {
      throw storeError(error, this.location);
    }
  }

  async getBlob(sha256: string): Promise<{ bytes: Uint8Array; mediaType: string } | undefined> {
    const mediaType = await queries.getMediaType(this.#read, sha256);
    const bytes = mediaType === undefined ? undefined : await this.#blobs.get(sha256);
    return mediaType === undefined || bytes === undefined ? undefined : { bytes, mediaType };
  }

  async putLease(lease: Lease, options: { from?: string } = {}): Promise<boolean> {
    const row = toRow(Lease, lease);
    return await this.#database.write((db) => runOn(db, PUT_LEASE, row, options.from ?? lease.owner) > 0);
  }

  async dropLease(id: string): Promise<void> {
    await this.#database.write((db) => db.run('DELETE FROM leases WHERE id = ?', [id]));
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
    const bytes = await this.#blobs.get(sha256);
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

function interruptRuns(db: Database, jobId: string, error: RunError, endedAt: number): number {
  const row = toRow(RunChanges, { class: 'cancelled', status: 'cancelled', error, endedAt });
  const columns = Object.keys(row).map((column) => `${column} = ?`);
  const steps = "steps = (SELECT count(*) FROM spans WHERE spans.trace_id = runs.trace_id AND spans.name LIKE 'step.%')";
  const sql = `UPDATE runs SET ${[...columns, steps].join(', ')} WHERE job_id = ? AND class IS NULL`;
  return db.run(sql, [...Object.values(row), jobId]);
}

function taskRows(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Row[] {
  return tasks.map((task) => toRow(TaskRecord, { ...task, jobId }));
}
