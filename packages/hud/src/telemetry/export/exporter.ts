/**
 * Sends what the store holds to a platform, in the background: rows of jobs and runs as they change, spans as they are
 * committed, blobs before the spans that name them. It delays nothing, fails nothing, and keeps little in memory:
 * while the platform is away everything waits in the store.
 */
import type { PlatformClient } from '../../api-client/client.ts';
import type { Host } from '../../host/host.ts';
import { HudError, toHudError } from '../../protocol/errors.ts';
import { REFERENCE_PREFIX } from '../../protocol/blob-reference.ts';
import type { SpanRow, Store } from '../../store/store.ts';
import { BlobSender } from './blob-sender.ts';
import { sendMissing, staysIncomplete } from './comparison.ts';
import { deliver, type Channel, type Delivered } from './delivery.ts';
import type { ExporterOptions, FollowOptions, ReportCounters, ShipOptions } from './exporter-contract.ts';
import { JobReport } from './job-report.ts';
import { Lanes } from './lanes.ts';
import { jobLine, runLine, spanLine, taskLine, type Line } from './lines.ts';
import { Reach, sleepLightly } from './reach.ts';
import { claimReport } from './report-lease.ts';
import { isClosedStore, Warnings } from './warnings.ts';
import { within } from './within.ts';

/** What happened is sent at most so much later, in milliseconds. */
const AGE_MS = 200;
const SPANS = 256;
/** A run that does nothing is mentioned as often: for a platform a long silence is an end, and its answer tells who cancels. */
const MENTION_MS = 5_000;
/** In a crowd less often, so that at most 400 a second are. */
const MENTION_MS_PER_RUN = 2.5;
const CLAIM_MS = 1_000;
/** When jobs of earlier processes are looked for: once those are ended whose process was killed, and then again. */
const FIRST_LOOK_MS = 1_000;
const LOOK_MS = 30_000;
/** More traces than this are not followed: what they lack is looked up in the end. */
const MAX_TRACES = 50_000;
/** Two rounds should do; what a platform loses at once is not sent for ever. */
const MAX_ROUNDS = 4;
const BLOB = `"${REFERENCE_PREFIX}sha256=`;

interface Followed {
  report: JobReport;
  isNew: boolean;
  /** It ended in another process, and is only sent. */
  isOwed: boolean;
  /** Gives back the right to send it; undefined while another process has it. */
  giveBack?: () => Promise<void>;
  claimAt: number;
  comparing: Promise<void> | undefined;
  completing: Promise<boolean> | undefined;
}

export class Exporter implements AsyncDisposable {
  /** Of the platform, without a slash at its end. */
  readonly url: string;
  readonly #store: Store;
  readonly #client: PlatformClient;
  readonly #host: Host;
  readonly #counters: ReportCounters;
  readonly #closed = new AbortController();
  readonly #reach: Reach;
  readonly #channel: Channel;
  readonly #lanes: Lanes;
  readonly #blobs: BlobSender;
  readonly #jobs = new Map<string, Followed>();
  /** Whose spans are sent as they come. */
  readonly #traces = new Map<string, JobReport>();
  readonly #warnings: Warnings;
  #waiting: (() => void)[] = [];
  #alarm = new AbortController();
  /** Where the feed of spans goes on; undefined while nobody follows. */
  #cursor: number | undefined;
  #pumping: Promise<void> | undefined;
  #isLooking = false;
  #passes = 0;
  /** The last pass that left nothing behind. */
  #drained = 0;

  constructor({ store, client, host, counters }: ExporterOptions) {
    this.url = client.baseUrl;
    this.#warnings = new Warnings(client.baseUrl);
    this.#store = store;
    this.#client = client;
    this.#host = host;
    this.#counters = counters;
    const { signal: closed } = this.#closed;
    this.#reach = new Reach(host, closed);
    this.#channel = { client, reach: this.#reach, closed, onSent: (lines) => void (counters.sent += lines) };
    this.#lanes = new Lanes(this.#channel, host, (lines, delivered) => this.#settle(lines, delivered));
    this.#blobs = new BlobSender({
      ...this.#channel,
      store,
      onRejected: (sha256, reason) => this.#warn(undefined, `blob ${sha256.slice(0, 12)}`, reason),
    });
  }

  /** Why the platform can't be reached now; undefined while it answers. */
  get problem(): HudError | undefined {
    return this.#reach.problem;
  }

  /** From now on the job is sent. To be called before its first run, with its row in the store. @throws HudError STORE_* */
  async follow(jobId: string, { isNew, listener = {} }: FollowOptions): Promise<JobReport> {
    const job = await this.#followed(jobId, isNew);
    job.isOwed = false;
    job.report.listener = listener;
    if (!this.#isLooking) void this.#lookForOwed();
    return job.report;
  }

  /** Sends a job that ended before, in whatever process. @returns as {@link finish} */
  async ship(jobId: string, { listener = {}, patience, signal }: ShipOptions = {}): Promise<boolean> {
    const isKnown = this.#jobs.has(jobId);
    const job = await this.#followed(jobId, false);
    if (!isKnown) job.isOwed = true;
    if (!isKnown) job.report.listener = listener;
    const completed = this.#completed(job);
    if (patience === undefined) return await completed;
    return await within(completed, {
      ...patience,
      host: this.#host,
      isAway: () => this.problem !== undefined,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async #followed(jobId: string, isNew: boolean): Promise<Followed> {
    this.#closed.signal.throwIfAborted();
    this.#cursor ??= await this.#store.spanCursor();
    let job = this.#jobs.get(jobId);
    if (job === undefined) {
      const report = new JobReport(jobId, { mustCompare: !isNew });
      job = { report, isNew, isOwed: false, claimAt: 0, comparing: undefined, completing: undefined };
      this.#jobs.set(jobId, job);
    }
    this.#pumping ??= this.#pump();
    this.wake();
    return job;
  }

  /** Jobs that earlier processes did not get sent. Never rejects. */
  async #lookForOwed(): Promise<void> {
    this.#isLooking = true;
    const { signal: closed } = this.#closed;
    for (let pauseMs = FIRST_LOOK_MS; !closed.aborted; pauseMs = LOOK_MS) {
      await sleepLightly(this.#host, pauseMs, closed);
      if (this.#jobs.size === 0 || this.problem !== undefined) continue;
      try {
        const { items } = await this.#store.listJobs({ owedTo: this.url, limit: 100 });
        for (const { id } of items.filter(({ id, status }) => status !== 'running' && !this.#jobs.has(id))) await this.ship(id);
      } catch (error) {
        if (closed.aborted || isClosedStore(error)) return;
        this.#warn(undefined, 'job', toHudError(error).message);
      }
    }
  }

  /**
   * Everything of a job that has ended is sent, compared where it was not sent from its beginning, and then marked in the
   * store as reported. What is not done in time goes on in the background.
   * @returns false when the platform did not have all of it by then, or refuses some of it for good
   */
  async finish(jobId: string, patience: { ms: number; awayMs: number }): Promise<boolean> {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return false;
    const completed = this.#completed(job);
    if (this.problem !== undefined) this.#reach.hurry();
    return await within(completed, { ...patience, host: this.#host, isAway: () => this.problem !== undefined });
  }

  /** Never rejects. */
  async #completed(job: Followed): Promise<boolean> {
    job.completing ??= this.#complete(job)
      .catch((error: unknown) => {
        if (!this.#closed.signal.aborted) this.#warn(job.report, 'job', toHudError(error).message);
        return false;
      })
      .finally(() => (job.completing = undefined));
    return await job.completing;
  }

  /**
   * @returns true once everything that was recorded before of the jobs that are followed is acknowledged; false when time
   *   is up, or the store was closed: what it owes stays marked in it
   * @throws HudError STORE_* when what was recorded can't be written
   */
  async flush(patience: { ms: number; awayMs: number }): Promise<boolean> {
    try {
      await this.#store.flush();
    } catch (error) {
      if (isClosedStore(error)) return this.#jobs.size === 0;
      throw error;
    }
    if (this.problem !== undefined) this.#reach.hurry();
    const jobs = [...this.#jobs.values()];
    const all = Promise.all(jobs.map(async (job) => await this.#settled(job)))
      .then(() => jobs.every(({ report }) => report.rejected === 0))
      .catch(() => false);
    return await within(all, { ...patience, host: this.#host, isAway: () => this.problem !== undefined });
  }

  /** Stops. What was not acknowledged stays in the store, marked as owed. May be called twice. */
  async close(): Promise<void> {
    this.#closed.abort(new HudError('CANCELLED', 'Reporting was closed.'));
    this.#change();
    await this.#pumping;
    for (const { completing } of this.#jobs.values()) await completing;
    for (const job of this.#jobs.values()) await job.giveBack?.().catch(() => {}); // a reaper drops what a closed store keeps
    this.#jobs.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Does not wait for the clock. */
  wake(): void {
    this.#alarm.abort();
  }

  /** Never rejects. */
  async #pump(): Promise<void> {
    const { signal: closed } = this.#closed;
    while (!closed.aborted && this.#jobs.size > 0) {
      let isMore = false;
      try {
        isMore = await this.#pass();
      } catch (error) {
        if (closed.aborted || isClosedStore(error)) break;
        this.#warn(undefined, 'reporting', toHudError(error).message);
        await this.#reach.failed(toHudError(error)).catch(() => {}); // closed: the loop ends
      }
      this.#change();
      if (isMore) await new Promise<void>((resolve) => this.#host.defer(resolve));
      else await this.#rest();
    }
    this.#pumping = undefined;
    if (this.#jobs.size === 0) this.#cursor = undefined;
  }

  async #rest(): Promise<void> {
    if (!this.#alarm.signal.aborted) await sleepLightly(this.#host, AGE_MS, AbortSignal.any([this.#alarm.signal, this.#closed.signal]));
    this.#alarm = new AbortController();
  }

  /** Rows first, then spans, then the ends of runs whose spans are ahead of them. @returns whether there is more to do at once */
  async #pass(): Promise<boolean> {
    const pass = ++this.#passes;
    const over: string[] = [];
    for (const job of this.#jobs.values()) {
      if (await this.#isReady(job)) this.#takeStarts(job.report, over);
    }
    if (!this.#lanes.hasRoom) {
      await this.#nextChange();
      return true;
    }
    const reports = [...this.#jobs.values()].filter(({ report }) => report.isOpen).map(({ report }) => report);
    const ending = reports.map((report) => ({ report, ends: report.ends() }));
    if (!(await this.#sendSpans())) return true;
    for (const { report, ends } of ending) {
      report.dropEnds(ends.length);
      for (const run of ends) this.#send(report, runLine(run));
      over.push(...ends.map(({ traceId }) => traceId));
    }
    for (const traceId of over) this.#traces.delete(traceId);
    this.#drained = pass;
    return false;
  }

  /** May it be sent, and does the platform know its row and its tasks? */
  async #isReady(job: Followed): Promise<boolean> {
    const { report } = job;
    if (job.giveBack === undefined && !(await this.#claim(job))) return false;
    if (!report.isOpen) {
      const record = await this.#store.getJob(report.jobId);
      if (record === undefined) throw new HudError('JOB_NOT_FOUND', `Job ${report.jobId} is not in the record any more.`);
      const tasks = await this.#store.listTasks(report.jobId);
      await this.#sendFirst(report, [jobLine(record), ...tasks.map(taskLine)]);
      report.isOpen = true;
    }
    await this.#sendFirst(report, report.takeTasks());
    if (report.mustCompare && job.comparing === undefined && this.problem === undefined) {
      job.comparing = this.#compareInBackground(job);
    }
    return true;
  }

  async #claim(job: Followed): Promise<boolean> {
    if (this.#host.monotonic() < job.claimAt) return false;
    job.claimAt = this.#host.monotonic() + CLAIM_MS;
    const giveBack = await claimReport(this.#store, this.#host, job.report.jobId);
    if (giveBack === undefined) {
      job.report.mustCompare = true; // what the other process sent is not known here
      return false;
    }
    job.giveBack = giveBack;
    return true;
  }

  /** What others refer to goes ahead of everything. */
  async #sendFirst(report: JobReport, lines: readonly Line[]): Promise<void> {
    for (let at = 0; at < lines.length; at += 1_000) {
      const part = lines.slice(at, at + 1_000);
      this.#counters.queued += part.length;
      report.pending += part.length;
      this.#settle(part, await deliver(part, this.#channel));
    }
  }

  #takeStarts(report: JobReport, over: string[]): void {
    const now = this.#host.monotonic();
    const silence = Math.max(MENTION_MS, report.running.size * MENTION_MS_PER_RUN);
    for (const line of report.takeSilent(now - silence, now)) this.#send(report, line);
    for (const { run, line } of report.takeStarts(now)) {
      this.#send(report, line);
      if (this.#traces.size >= MAX_TRACES) report.mustCompare = true;
      else this.#traces.set(run.traceId, report);
      if (run.class !== undefined) over.push(run.traceId);
      if (!this.#lanes.hasRoom) return;
    }
  }

  /** @returns false when there are more, or no room for them */
  async #sendSpans(): Promise<boolean> {
    if (this.#traces.size === 0) {
      this.#cursor = await this.#store.spanCursor();
      return true;
    }
    const { rows, cursor } = await this.#store.spansSince(this.#cursor ?? 0, { limit: SPANS });
    const known = rows.filter(({ traceId }) => this.#traces.has(traceId));
    await this.#sendRows(known, ({ traceId }) => this.#traces.get(traceId));
    this.#cursor = cursor;
    return rows.length < SPANS;
  }

  async #sendRows(rows: readonly SpanRow[], reportOf: (row: SpanRow) => JobReport | undefined): Promise<void> {
    const referring = rows.filter(({ body }) => body.includes(BLOB));
    const bodies = referring.length === 0 ? [] : await this.#blobs.send(referring.map(({ body }) => body));
    const changed = new Map(referring.map((row, i) => [row, bodies[i]]));
    for (const row of rows) {
      const report = reportOf(row);
      if (report !== undefined) this.#send(report, spanLine(report.jobId, row.traceId, changed.get(row) ?? row.body));
    }
  }

  #send(report: JobReport, line: Line): void {
    report.pending += 1;
    this.#counters.queued += 1;
    this.#lanes.add(line);
  }

  #settle(lines: readonly Line[], { rejected, cancelled }: Delivered): void {
    for (const { jobId } of lines) {
      const job = this.#jobs.get(jobId);
      if (job !== undefined) job.report.pending -= 1;
    }
    this.#counters.acknowledged += lines.length - rejected.length;
    this.#counters.rejected += rejected.length;
    for (const { line, reason } of rejected) {
      const report = this.#jobs.get(line.jobId)?.report;
      if (report !== undefined) report.rejected += 1;
      this.#warn(report, line.kind, reason);
    }
    for (const traceId of cancelled) {
      for (const { report } of this.#jobs.values()) if (report.running.has(traceId)) report.listener.onCancel?.(traceId);
    }
    this.#change();
  }

  async #compare(report: JobReport): Promise<number> {
    report.mustCompare = false;
    const room = async (): Promise<void> => {
      while (!this.#lanes.hasRoom) await this.#nextChange();
      this.#closed.signal.throwIfAborted();
    };
    return await sendMissing(report.jobId, {
      store: this.#store,
      client: this.#client,
      reach: this.#reach,
      closed: this.#closed.signal,
      isLive: (traceId) => this.#traces.has(traceId),
      sendRun: async (line) => {
        await room();
        this.#send(report, line);
      },
      sendSpans: async (_jobId, rows) => {
        await room();
        await this.#sendRows(rows, () => report);
      },
    });
  }

  /** Never rejects. */
  async #compareInBackground(job: Followed): Promise<void> {
    try {
      await this.#compare(job.report);
    } catch (error) {
      job.report.mustCompare = true;
      if (!this.#closed.signal.aborted) this.#warn(job.report, 'job', toHudError(error).message);
    }
    job.comparing = undefined;
    this.#change();
  }

  async #complete(job: Followed): Promise<boolean> {
    const { report, isNew } = job;
    let mustVerify = !isNew;
    for (let round = 1; ; round += 1) {
      mustVerify ||= report.mustCompare;
      await this.#settled(job);
      if (!mustVerify || report.rejected > 0) break;
      const missing = await this.#compare(report);
      if (missing === 0) break;
      if (round < MAX_ROUNDS) continue;
      const error = staysIncomplete(report.jobId, this.url, missing);
      report.rejected += 1;
      report.listener.onWarning?.(error);
      break;
    }
    const record = await this.#store.getJob(report.jobId);
    if (record !== undefined && report.rejected === 0) await this.#sendFirst(report, [jobLine(record)]);
    if (record?.status === 'running' && !job.isOwed) return false; // it was taken up again meanwhile
    const isWhole = report.rejected === 0 && record?.status !== 'running';
    if (isWhole) await this.#store.updateJob(report.jobId, { reportedAt: this.#host.now() });
    this.#jobs.delete(report.jobId);
    await job.giveBack?.();
    return isWhole;
  }

  /** Settles once the platform has what was told and committed before. @throws when it is closed */
  async #settled(job: Followed): Promise<void> {
    const since = this.#passes;
    const { report } = job;
    this.wake();
    const isDone = (): boolean =>
      report.isOpen && report.isSettled && !report.mustCompare && job.comparing === undefined && this.#drained > since;
    while (!isDone()) {
      await this.#nextChange();
      this.#closed.signal.throwIfAborted();
    }
  }

  #change(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #nextChange(): Promise<void> {
    if (!this.#closed.signal.aborted) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #warn(report: JobReport | undefined, what: string, reason: string): void {
    const error = this.#warnings.next(what, reason);
    if (error === undefined) return;
    const reports = report === undefined ? [...this.#jobs.values()].map((job) => job.report) : [report];
    for (const { listener } of reports) listener.onWarning?.(error);
  }
}
