/** The record on PostgreSQL, for any number of processes: the SDK's statements and queries, its tables column for column. */
import { createHash } from 'node:crypto';
import { HudError, JobRecord, Lease, RunFinish, RunStart, TaskRecord, type RunError, type RunRecord, type Span } from 'hud/protocol';
import {
  putBackPage,
  queries,
  statements,
  toRow,
  type JobFilter,
  type Page,
  type Paged,
  type Row,
  type SpanFeed,
  type SpanPage,
} from 'hud/store';
import type { SpanBlob, SpanRow, Store } from 'hud/store';
import type { BlobFiles } from '../blobs/blob-files.ts';
import type { PostgresDatabase } from './database.ts';
import { PostgresSpanQueue } from './span-queue.ts';
import { SpanLane } from './spans.ts';

const { fill } = statements;
const JobChanges = JobRecord.partial();

/**
 * As the contract says, and: nothing is written when the process ends without `close`, so that spans of the last 50 ms
 * are lost then; a queue of {@link Store.appendSpan} that is full loses what comes, which `failed` tells; the character
 * NUL, which PostgreSQL has no place for, is kept as U+FFFD.
 */
export class PostgresStore implements Store {
  readonly location: string;
  readonly #database: PostgresDatabase;
  readonly #blobs: BlobFiles;
  readonly #lane: SpanLane;
  readonly #spans: PostgresSpanQueue;
  #closing: Promise<void> | undefined;

  /** @param database the connections stay its owner's to close */
  constructor(database: PostgresDatabase, blobs: BlobFiles) {
    this.location = database.location;
    this.#database = database;
    this.#blobs = blobs;
    this.#lane = new SpanLane(database);
    this.#spans = new PostgresSpanQueue({
      location: database.location,
      putBlob: async (blob) => await this.#keepBlob(blob),
      append: async (rows) => await this.#lane.append(rows),
    });
  }

  get failed(): AbortSignal {
    return this.#spans.failed;
  }

  async createJob(job: JobRecord, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    const row = toRow(JobRecord, job);
    const rows = taskRows(job.id, tasks);
    await this.#database.transaction(async (transaction, isRepeat) => {
      await transaction.run(fill(isRepeat ? statements.ADD_JOB : statements.INSERT_JOB, row));
      for (const task of rows) await transaction.run(fill(isRepeat ? statements.ADD_TASK : statements.INSERT_TASK, task));
    });
  }

  async addTasks(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void> {
    const rows = taskRows(jobId, tasks);
    await this.#database.transaction(async (transaction) => {
      for (const task of rows) await transaction.run(fill(statements.ADD_TASK, task));
    });
  }

  async updateJob(id: string, changes: Partial<Omit<JobRecord, 'id'>>): Promise<void> {
    const change = statements.changeRow('jobs', toRow(JobChanges, changes), id);
    if (change === undefined || (await this.#database.run(change)) > 0) return;
    throw new HudError('JOB_NOT_FOUND', `There is no job ${id} in ${this.location}.`);
  }

  async reopenJob(id: string): Promise<void> {
    await this.#database.run(statements.reopenJob(id));
  }

  async listJobs(filter: JobFilter = {}): Promise<Paged<JobRecord>> {
    return await queries.listJobs(this.#database.read, filter);
  }

  async getJob(idOrPrefix: string): Promise<JobRecord | undefined> {
    this.#database.assertOpen();
    return await queries.getJob(this.#database.read, idOrPrefix);
  }

  async listTasks(jobId: string): Promise<TaskRecord[]> {
    return await queries.listTasks(this.#database.read, jobId);
  }

  async startRun(run: RunStart): Promise<void> {
    await this.#database.run(fill(statements.INSERT_RUN, toRow(RunStart, run)));
  }

  async finishRun(traceId: string, finish: RunFinish): Promise<boolean> {
    const row = toRow(RunFinish, finish);
    await this.#spans.flush();
    return await this.#database.alone(async (on, isRepeat) => {
      if ((await on.run(fill(statements.FINISH_RUN, row, traceId))) > 0) return true;
      if (!isRepeat) return false;
      const [kept] = await on.read('SELECT * FROM runs WHERE trace_id = ?', traceId);
      return kept !== undefined && statements.FINISH_RUN.columns.every((column) => kept[column] === (row[column] ?? null));
    });
  }

  async interruptRuns(jobId: string, error: RunError, endedAt: number): Promise<number> {
    await this.#spans.flush();
    return await this.#database.run(statements.interruptRuns(jobId, error, endedAt));
  }

  async interruptJob(lease: Lease, error: RunError, endedAt: number, to?: string): Promise<boolean> {
    const { id, owner, jobId = '' } = lease;
    await this.#spans.flush();
    return await this.#database.transaction(async (transaction, isRepeat) => {
      // An earlier try may have taken it already.
      const owners = isRepeat && to !== undefined ? [owner, to] : [owner];
      let taken = 0;
      for (const from of owners) if (taken === 0) taken = await transaction.run(statements.takeLease({ id, owner: from }, to));
      if (taken === 0) return false;
      await transaction.run(statements.interruptRuns(jobId, error, endedAt));
      await transaction.run(statements.cancelJob(jobId, error, endedAt));
      return true;
    });
  }

  async listRuns(jobId: string, page: Page = {}): Promise<Paged<RunRecord>> {
    return await queries.listRuns(this.#database.read, jobId, page);
  }

  async getRun(traceIdOrPrefix: string): Promise<RunRecord | undefined> {
    this.#database.assertOpen();
    return await queries.getRun(this.#database.read, traceIdOrPrefix);
  }

  appendSpan(span: Span): void {
    this.#assertWritable();
    this.#spans.push(span);
  }

  async appendRows(rows: readonly SpanRow[]): Promise<void> {
    this.#assertWritable();
    await this.#lane.append(rows);
  }

  async spansSince(cursor: number, options: { limit?: number; traceId?: string } = {}): Promise<SpanFeed> {
    return await queries.spansSince(this.#database.read, cursor, options);
  }

  async spanCursor(): Promise<number> {
    return await queries.spanCursor(this.#database.read);
  }

  async listSpans(traceId: string, page: SpanPage = {}): Promise<Paged<Span>> {
    const { items, ...rest } = await queries.listSpans(this.#database.read, traceId, page);
    return { items: await putBackPage(items, page, async (sha256) => await this.#base64Of(sha256)), ...rest };
  }

  async putBlob(bytes: Uint8Array, mediaType: string): Promise<string> {
    this.#assertWritable();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await this.#keepBlob({ sha256, bytes, mediaType });
    return sha256;
  }

  async getBlob(sha256: string): Promise<{ bytes: Uint8Array; mediaType: string } | undefined> {
    const mediaType = await queries.getMediaType(this.#database.read, sha256);
    const bytes = mediaType === undefined ? undefined : await this.#blobs.get(sha256);
    return mediaType === undefined || bytes === undefined ? undefined : { bytes, mediaType };
  }

  async putLease(lease: Lease, options: { from?: string } = {}): Promise<boolean> {
    const row = toRow(Lease, lease);
    return await this.#database.alone(async (on, isRepeat) => {
      if ((await on.run(fill(statements.PUT_LEASE, row, options.from ?? lease.owner))) > 0) return true;
      return isRepeat && (await on.run(fill(statements.PUT_LEASE, row, lease.owner))) > 0;
    });
  }

  async dropLease(id: string): Promise<void> {
    await this.#database.run(statements.dropLease(id));
  }

  async listLeases(): Promise<Lease[]> {
    return await queries.listLeases(this.#database.read);
  }

  async flush(): Promise<void> {
    this.#assertWritable();
    await this.#spans.flush();
    await this.#lane.settled();
    await this.#database.settled();
    if (this.#spans.failure !== undefined) throw this.#spans.failure;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertWritable(): void {
    if (this.#closing !== undefined) throw new HudError('STORE_UNWRITABLE', `${this.location} was closed.`);
  }

  async #close(): Promise<void> {
    const isKnown = this.failed.aborted; // whoever had to know was told then
    try {
      await this.#spans.flush();
    } catch {
      // `failure` has it, and is thrown below
    }
    this.#spans.close();
    await this.#lane.settled();
    await this.#database.close();
    if (this.#spans.failure !== undefined && !isKnown) throw this.#spans.failure;
  }

  /** The row by itself: many in one transaction could wait for each other's. */
  async #keepBlob({ sha256, bytes, mediaType }: SpanBlob): Promise<void> {
    await this.#blobs.write(sha256, bytes);
    const row: Row = { sha256, media_type: mediaType, size_bytes: bytes.length };
    await this.#database.run(fill(statements.INSERT_BLOB, row));
  }

  /** Not by the table of blobs: a file that is there is all that a reference needs. */
  async #base64Of(sha256: string): Promise<string | undefined> {
    const bytes = await this.#blobs.get(sha256);
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  }
}

function taskRows(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Row[] {
  return tasks.map((task) => toRow(TaskRecord, { ...task, jobId }));
}
