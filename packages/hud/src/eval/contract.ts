/** What running tasks takes and tells; `taskset.ts` runs, `rollout.ts` is one run, `job.ts` the receipt. */
import type { Host } from '../host/host.ts';
import type { Run } from '../client/run.ts';
import type { FaultClass, HudError } from '../protocol/errors.ts';
import type { Step } from '../protocol/trace.ts';
import type { Provider } from '../runtime/provider.ts';
import type { Store } from '../store/store.ts';
import type { Admission, Held } from './admission.ts';
import type { Job } from './job.ts';

export interface RunOptions {
  /** Where environments run. @default inferred from the tasks: their live environments, or the source they came from */
  runtime?: Provider;
  /** Repeats of each task, at least 1. @default the job's, else 1 */
  group?: number;
  /** Rollouts in flight at once, at least 1. @default as many as the machine has room for */
  maxConcurrent?: number;
  /**
   * An open job to add to, instead of a new one; or the id of a recorded one to go on with: what it
   * finished is taken from the record, and only the rest runs.
   */
  job?: Job | string;
  /** Classes whose recorded runs are tried again when a job goes on; graded ones never are. @default ['cancelled'] */
  rerun?: readonly FaultClass[];
  /** How often a run is tried again at most. @default 1 */
  retries?: number;
  /**
   * Classes that are tried again, whatever the error. @default none; by themselves only lost
   * connections and killed environments are, which may pass
   */
  retryOn?: readonly FaultClass[];
  /** Name of the new job. @default made from the tasks */
  name?: string;
  /** Deadline of a whole rollout, in seconds: no grade beyond it. @default 86_400 */
  rolloutTimeout?: number;
  /**
   * Seconds after which a group is no longer waited for: its runs that have not ended become class
   * `timeout`. Runs of a group start together then. @default no limit but `rolloutTimeout`
   */
  groupTimeout?: number;
  /** Seconds without a sign of life after which an environment counts as dead. @default 10 */
  patience?: number;
  /** Interrupts: running rollouts are cancelled, none is graded. */
  signal?: AbortSignal;
  /** Where everything is recorded; `false` records nothing. @default `.hud` in the current directory, or HUD_DIR */
  store?: Store | false;
  /**
   * Send the job to the platform that the settings name (HUD_BASE_URL or HUD_API_URL, and HUD_API_KEY), while it runs.
   * Nothing waits for that but the end of a job, for some seconds; what is missing then is sent later. @default true
   */
  report?: boolean;
  /**
   * Gives the runs the replies that a platform's gateway recorded, in place of calling models: the trace of the recorded
   * run for each repeat of each task. What it throws becomes that run's failure.
   */
  replay?: (slot: { slug: string; repeat: number }) => string;
  /** Kept in the job's record: whatever is needed to go on with it. */
  config?: Record<string, unknown>;
  host?: Host;
  /** Decides how many run at once. @default one for all batches of this process, by what this machine has */
  admission?: Admission;
}

export type Phase = 'provisioning' | 'starting task' | 'agent loop' | 'grading' | 'verifying';

/** What happens while tasks run, in order of time. Steps of different runs interleave. */
export type RunEvent =
  /** `job.runs` holds what the record had already; `total` counts that in. */
  | { type: 'job-started'; job: Job; total: number }
  | { type: 'run-started'; job: Job; run: Run }
  | { type: 'phase'; job: Job; run: Run; phase: Phase }
  | { type: 'step'; job: Job; run: Run; step: Step }
  /** Its verdict is on disk. */
  | { type: 'run-ended'; job: Job; run: Run }
  /** It ended with a fault and will be tried again; this attempt stays in the record. */
  | { type: 'run-retried'; job: Job; run: Run }
  /** Every run of the group has ended, or was released by its deadline. */
  | { type: 'group-ended'; job: Job; groupId: string; runs: Run[] }
  /** The machine has no room for more, and for want of what; undefined: it has again. */
  | { type: 'held'; job: Job; held: Held | undefined }
  /** The platform does not take something of it. Tasks run on; each reason is told once. */
  | { type: 'warning'; job: Job; error: HudError }
  | { type: 'job-ended'; job: Job };

/** Numbers that add up: `n` plus all of `excluded` is the number of runs that ended. */
export interface JobSummary {
  runs: number;
  /** Graded runs: those the mean is over. */
  n: number;
  /** Mean reward over graded runs; null when there is none. */
  mean: number | null;
  /** Population standard deviation; null below two runs. */
  std: number | null;
  /** 95 % interval of the mean, by Student's t; null below two runs. */
  interval: [number, number] | null;
  /** Runs left out, by class; classes without any are absent. */
  excluded: Partial<Record<Exclude<NonNullable<Run['class']>, 'graded'>, number>>;
}
