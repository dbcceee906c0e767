/** Which job a trace belongs to, as far as the record knows: it may hear of the run after the run's first calls. */

export interface TraceJobsOptions {
  now(): number;
  find(teamId: string, traceId: string): Promise<string | undefined>;
}

interface Known {
  jobId: string | undefined;
  until: number;
}

/** A run rarely moves to another job. */
const KNOWN_MS = 30_000;
const UNKNOWN_MS = 500;
const MAX_TRACES = 50_000;

export class TraceJobs {
  readonly #options: TraceJobsOptions;
  /** A trace's id is the caller's to choose, so that another team may use the same. */
  readonly #traces = new Map<string, Known>();

  constructor(options: TraceJobsOptions) {
    this.#options = options;
  }

  /** What was found last; undefined: none, or nobody looked. */
  known(teamId: string, traceId: string): string | undefined {
    return this.#traces.get(`${traceId} ${teamId}`)?.jobId;
  }

  isFresh(teamId: string, traceId: string): boolean {
    const known = this.#traces.get(`${traceId} ${teamId}`);
    return known !== undefined && known.until > this.#options.now();
  }

  /** `isNews`: it is another job than was known, so that earlier calls count for it as well. */
  async look(teamId: string, traceId: string): Promise<{ jobId: string | undefined; isNews: boolean }> {
    const jobId = await this.#options.find(teamId, traceId);
    const key = `${traceId} ${teamId}`;
    const before = this.#traces.get(key);
    this.#traces.delete(key);
    if (this.#traces.size >= MAX_TRACES) for (const oldest of this.#traces.keys()) if (this.#traces.delete(oldest)) break;
    this.#traces.set(key, { jobId, until: this.#options.now() + (jobId === undefined ? UNKNOWN_MS : KNOWN_MS) });
    return { jobId, isNews: before === undefined || before.jobId !== jobId };
  }
}
