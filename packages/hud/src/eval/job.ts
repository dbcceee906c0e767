/** The receipt of a batch: its runs, and numbers over them that always add up. */
import type { Run } from '../client/run.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import type { JobRecord } from '../protocol/record.ts';
import { openStore, type Store } from '../store/index.ts';
import type { JobSummary } from './contract.ts';
import { interval95, mean, populationStd } from './statistics.ts';

export interface JobInit {
  id?: string;
  name: string;
  group?: number;
  tasksetId?: string;
  tasksetName?: string;
  /** Where its runs are recorded; undefined: nowhere. */
  store?: Store;
}

export class Job {
  /** 32 hex digits. */
  readonly id: string;
  readonly name: string;
  /** Repeats of each task. */
  readonly group: number;
  readonly tasksetId: string | undefined;
  readonly tasksetName: string | undefined;
  readonly store: Store | undefined;
  /** Those that ended, task by task in the order of the taskset, then by repeat. */
  readonly runs: Run[] = [];
  #ownStore: Store | undefined;
  #isEnded = false;

  constructor(init: JobInit) {
    this.id = init.id ?? nodeHost.randomHex(16);
    this.name = init.name;
    this.group = init.group ?? 1;
    this.tasksetId = init.tasksetId;
    this.tasksetName = init.tasksetName;
    this.store = init.store;
    if (!Number.isInteger(this.group) || this.group < 1)
      throw new HudError('BAD_ARGUMENT', `A job's group must be at least 1, got ${init.group}.`);
  }

  /**
   * Opens a job that spans several calls of `run`, such as a training session. `await using` ends it.
   * @param options `store` as for `run`: `.hud` by default, `false` for none
   */
  static async start(name: string, options: Omit<JobInit, 'name' | 'id' | 'store'> & { store?: Store | false } = {}): Promise<Job> {
    const { store: given, ...rest } = options;
    const own = given === undefined ? await openStore() : undefined;
    const store = given === false ? undefined : (given ?? own);
    const job = new Job({ name, ...rest, ...(store === undefined ? {} : { store }) });
    job.#ownStore = own;
    await store?.createJob(job.record(), []);
    return job;
  }

  /** Marks the job as over, and closes the record if the job opened it. May be called twice. */
  async end(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.store?.updateJob(this.id, { status: 'completed', endedAt: nodeHost.now() });
    await this.#ownStore?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** Mean reward over graded runs; 0 when there is none. Faults are no zeros: they are left out, see {@link summary}. */
  get reward(): number {
    return this.summary().mean ?? 0;
  }

  /** The runs that are left out of {@link reward}. */
  get errors(): Run[] {
    return this.runs.filter((run) => !isCounted(run));
  }

  /** Runs by task. */
  get results(): Map<string, Run[]> {
    return Map.groupBy(this.runs, (run) => run.slug);
  }

  summary(): JobSummary {
    const counted = this.runs.filter(isCounted);
    const rewards = counted.map((run) => run.reward);
    const excluded: JobSummary['excluded'] = {};
    for (const { class: kind } of this.errors) {
      if (kind !== undefined && kind !== 'graded') excluded[kind] = (excluded[kind] ?? 0) + 1;
    }
    return {
      runs: this.runs.length,
      n: counted.length,
      mean: counted.length === 0 ? null : mean(rewards),
      std: counted.length < 2 ? null : populationStd(rewards),
      interval: interval95(
        rewards,
        counted.map((run) => run.slug),
      ),
      excluded,
    };
  }

  /** The row that opens it in the record. */
  record(details: Partial<JobRecord> = {}): JobRecord {
    return {
      id: this.id,
      name: this.name,
      group: this.group,
      status: 'running',
      ...(this.tasksetName === undefined ? {} : { tasksetName: this.tasksetName }),
      ...(this.tasksetId === undefined ? {} : { tasksetId: this.tasksetId }),
      createdAt: nodeHost.now(),
      config: {},
      ...details,
    };
  }
}

function isCounted(run: Run): boolean {
  return run.class === 'graded';
}
