/**
 * The contract of the record: jobs, their tasks and runs, every step as a span, blobs, leases.
 * `sqlite.ts` is the embedded implementation; one suite (`store.contract.ts`) runs on each.
 */
import type { JobRecord, Lease, RunError, RunFinish, RunRecord, RunStart, TaskRecord } from '../protocol/record.ts';
import type { Span } from '../protocol/trace.ts';

export interface Page {
  /** @default 100 */
  limit?: number;
  /** As a previous page returned it. */
  cursor?: string;
}

export interface Paged<T> {
  items: T[];
  /** Absent on the last page. */
  nextCursor?: string;
}

export interface JobFilter extends Page {
  status?: JobRecord['status'];
  /** Created at or after, milliseconds since 1970. */
  since?: number;
  /** Meant for the platform at this URL, which has not confirmed all of it. */
  owedTo?: string;
}

export interface SpanPage extends Page {
  /**
   * `inline`: as they were appended. `reference`: each image and file that the store keeps as a blob is a string that
   * `readReference` understands, which costs nothing to read.
   * @default 'inline'
   */
  blobs?: 'inline' | 'reference';
}

/** A span as it is kept: its envelope beside the text of the whole, in which pictures are references to blobs. */
export interface SpanRow {
  traceId: string;
  spanId: string;
  name: string;
  startTime: string;
  endTime: string;
  statusCode: string;
  /** JSON in the wire's spelling. */
  body: string;
}

/** What was committed since. */
export interface SpanFeed {
  /** In the order of their commits. */
  rows: SpanRow[];
  /** Where the next call goes on. */
  cursor: number;
}

/**
 * Promises of writes settle when the data is durable: it survives the death of any process. Jobs and
 * the ends of runs, with all that was written before them, survive the loss of power as well.
 * Several processes may use one store at once. Reads see all settled writes.
 *
 * A file that is refused stays as it was. Damage is told where it is met: a page that can't be one, a row that is
 * none, an index that contradicts its table. A record that was not closed is checked whole when it is opened, up
 * to 1 MiB; any is by `checkWhole`, which `hud doctor` runs. What no opening sees: in a record that is larger or
 * was closed, rows that an index lacks. What nothing sees, because SQLite keeps no checksums: values that changed
 * into others that are as good.
 *
 * Failures are HudErrors: STORE_FULL (no space; what was recorded stays), STORE_LOCKED (another
 * process held it too long), STORE_DAMAGED (not a store, or broken), STORE_UNWRITABLE (permissions).
 */
export interface Store extends AsyncDisposable {
  /** Where it lives, for messages. */
  readonly location: string;
  /**
   * Fires with the HudError of the first background write that failed: from then on nothing is safe to
   * start. Once all that waited is on disk after all, this is another signal, which has not fired.
   */
  readonly failed: AbortSignal;

  createJob(job: JobRecord, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void>;
  /** Adds rows to an open job; rows whose slug is there already stay as they are. */
  addTasks(jobId: string, tasks: readonly Omit<TaskRecord, 'jobId'>[]): Promise<void>;
  updateJob(id: string, changes: Partial<Omit<JobRecord, 'id'>>): Promise<void>;
  /** It runs again: without an end, without an error, and no platform has all of it. */
  reopenJob(id: string): Promise<void>;
  /** Newest first. */
  listJobs(filter?: JobFilter): Promise<Paged<JobRecord>>;
  /** By id or unambiguous prefix of at least 4 digits; undefined when there is none. */
  getJob(idOrPrefix: string): Promise<JobRecord | undefined>;
  listTasks(jobId: string): Promise<TaskRecord[]>;

  /** The same start twice is one. @throws HudError BAD_ARGUMENT when another run is this attempt of this repeat */
  startRun(run: RunStart): Promise<void>;
  /**
   * Writes the end of a run together with all its spans. Idempotent: the first end stays, and a
   * second call reports it by returning false.
   */
  finishRun(traceId: string, finish: RunFinish): Promise<boolean>;
  /**
   * Ends every run of the job that has no end yet: `cancelled`, with this reason and the steps that were recorded.
   * @returns how many there were
   */
  interruptRuns(jobId: string, error: RunError, endedAt: number): Promise<number>;
  /**
   * Takes the lease of a job from its owner, which has ended, and ends what that left open: its runs as
   * {@link interruptRuns} does, the job as `cancelled`. All in one step, so that nobody ever holds the
   * lease of a job and does not run it.
   * @param to the lease's new owner; without one it is dropped
   * @returns false when the lease is not that owner's any more; nothing was changed then
   */
  interruptJob(lease: Lease, error: RunError, endedAt: number, to?: string): Promise<boolean>;
  /** In order of task position, repeat, attempt. */
  listRuns(jobId: string, page?: Page): Promise<Paged<RunRecord>>;
  /** By trace id or unambiguous prefix of at least 4 digits. */
  getRun(traceIdOrPrefix: string): Promise<RunRecord | undefined>;

  /**
   * Queues a span; it is on disk after at most {@link SPAN_FLUSH_MS}, and before any later
   * `finishRun` of its trace settles. The queue is bounded: when full, the call writes it out first.
   * A repeated (`traceId`, `spanId`) is kept once. So is each image and file of at least 4 KiB in its attributes: as a
   * blob, which is on disk before the span that names it.
   */
  appendSpan(span: Span): void;
  /**
   * Writes spans whose pictures are blobs by now; settles when all are on disk, the loss of power included.
   * A repeated (`traceId`, `spanId`) is kept once.
   */
  appendRows(rows: readonly SpanRow[]): Promise<void>;
  /**
   * The spans of every trace that were committed after `cursor`: what exporters and live views follow.
   * Nothing is ever committed behind a cursor that was given out.
   * @param options `limit` @default 1000; `traceId`: of one trace alone
   */
  spansSince(cursor: number, options?: { limit?: number; traceId?: string }): Promise<SpanFeed>;
  /** Where {@link spansSince} begins to see only what comes from now on. */
  spanCursor(): Promise<number>;
  /** In the order they were appended. A blob whose file is gone stays a reference. @throws HudError STORE_DAMAGED for one that changed */
  listSpans(traceId: string, page?: SpanPage): Promise<Paged<Span>>;

  /** @returns the content's SHA-256 as hex, its name from now on. The same bytes are kept once. */
  putBlob(bytes: Uint8Array, mediaType: string): Promise<string>;
  getBlob(sha256: string): Promise<{ bytes: Uint8Array; mediaType: string } | undefined>;

  /**
   * Writes the lease where there is none of this id, or its owner is `from`. @param options `from` @default the lease's own owner
   * @returns whether it is written
   */
  putLease(lease: Lease, options?: { from?: string }): Promise<boolean>;
  dropLease(id: string): Promise<void>;
  listLeases(): Promise<Lease[]>;

  /** Settles when everything queued before is durable. */
  flush(): Promise<void>;
  /** Flushes, then closes. May be called twice. */
  close(): Promise<void>;
}

/** Longest time a queued span stays in memory, in milliseconds. */
export const SPAN_FLUSH_MS = 50;
