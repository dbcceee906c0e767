/** What running tasks takes and tells; `taskset.ts` runs, `rollout.ts` is one run, `job.ts` the receipt. */
import type { Host } from '../host/host.ts';
import type { Run } from '../client/run.ts';
import type { Step } from '../protocol/trace.ts';
import type { Provider } from '../runtime/provider.ts';
import type { Store } from '../store/store.ts';
import type { Job } from './job.ts';

export interface RunOptions {
  /** Where environments run. @default inferred from the tasks: their live environments, or the source they came from */
  runtime?: Provider;
  /** Repeats of each task, at least 1. @default the job's, else 1 */
  group?: number;
  /** Rollouts in flight at once, at least 1. @default no limit but the machine's */
  maxConcurrent?: number;
  /** An open job to add to, instead of a new one. */
  job?: Job;
  /** Name of the new job. @default made from the tasks */
  name?: string;
  /** Deadline of a whole rollout, in seconds: no grade beyond it. */
  rolloutTimeout?: number;
  /** Interrupts: running rollouts are cancelled, none is graded. */
  signal?: AbortSignal;
  /** Where everything is recorded; `false` records nothing. @default `.hud` in the current directory, or HUD_DIR */
  store?: Store | false;
  /** Kept in the job's record: whatever is needed to go on with it. */
  config?: Record<string, unknown>;
  host?: Host;
}

export type Phase = 'provisioning' | 'starting task' | 'agent loop' | 'grading' | 'verifying';

/** What happens while tasks run, in order of time. Steps of different runs interleave. */
export type RunEvent =
  | { type: 'job-started'; job: Job; total: number }
  | { type: 'run-started'; job: Job; run: Run }
  | { type: 'phase'; job: Job; run: Run; phase: Phase }
  | { type: 'step'; job: Job; run: Run; step: Step }
  /** Its verdict is on disk. */
  | { type: 'run-ended'; job: Job; run: Run }
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
