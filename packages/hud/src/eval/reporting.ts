/** A job and the platform that it is reported to: where it can be seen there, and whether all of it is there. */
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { HudError } from '../protocol/errors.ts';
import type { RunFinish, RunStart, TaskRecord } from '../protocol/record.ts';
import type { Store } from '../store/index.ts';
import { openExporter, reportTarget, type Exporter, type JobReport, type ReportListener, type ReportTarget } from '../telemetry/index.ts';

/** How long the end of a job waits for the platform, in milliseconds; and for one that does not answer. */
const PATIENCE = { ms: 10_000, awayMs: 1_000 };

export class Reporting {
  /** The platform's API. */
  readonly platform: string;
  /** The job's page. */
  readonly url: string;
  /** What the platform would not take, each reason once. */
  readonly warnings: HudError[] = [];
  /** Batches that run. */
  readonly listeners = new Set<ReportListener>();
  readonly #exporter: Exporter;
  readonly #jobId: string;
  #report: JobReport | undefined;
  #isComplete: boolean | undefined;

  private constructor(jobId: string, target: ReportTarget, exporter: Exporter) {
    this.#jobId = jobId;
    this.#exporter = exporter;
    this.platform = target.url;
    this.url = `${target.webUrl}/jobs/${jobId}`;
  }

  /** @returns undefined where nothing is recorded, no platform is set, or the machine is simulated */
  static of(jobId: string, store: Store | undefined, host: Host): Reporting | undefined {
    const target = store === undefined || host !== nodeHost ? undefined : reportTarget();
    if (store === undefined || target === undefined) return undefined;
    return new Reporting(jobId, target, openExporter(store, target, host));
  }

  /** Does the platform have all of the job? undefined before its end. */
  get isComplete(): boolean | undefined {
    return this.#isComplete;
  }

  /** Why the platform can't be reached now. */
  get problem(): HudError | undefined {
    return this.#exporter.problem;
  }

  /** Once the job's row is in the store, before its first run. @throws HudError STORE_* */
  async begin({ isNew }: { isNew: boolean }): Promise<void> {
    this.#report = await this.#exporter.follow(this.#jobId, {
      isNew,
      listener: {
        onWarning: (error) => {
          this.warnings.push(error);
          for (const listener of this.listeners) listener.onWarning?.(error);
        },
        onCancel: (traceId) => {
          for (const listener of this.listeners) listener.onCancel?.(traceId);
        },
      },
    });
  }

  tasksAdded(tasks: readonly TaskRecord[]): void {
    this.#report?.tasksAdded(tasks);
  }

  runStarted(row: RunStart): void {
    this.#report?.runStarted(row);
  }

  runEnded(traceId: string, finish: RunFinish): void {
    this.#report?.runEnded(traceId, finish);
  }

  /**
   * Once the job's end is in the store. Never rejects; what is missing stays marked as owed.
   * @param wasInterrupted runs may have been ended that nobody told of
   */
  async finish({ wasInterrupted }: { wasInterrupted: boolean }): Promise<void> {
    if (wasInterrupted && this.#report !== undefined) this.#report.mustCompare = true;
    this.#isComplete = await this.#exporter.finish(this.#jobId, PATIENCE);
  }
}
