/** What was promised and what happened, kept outside every process: against it the record is held in the end. */
import type { RunClass } from '../packages/hud/src/protocol/errors.ts';
import type { RunFinish, RunStart } from '../packages/hud/src/protocol/record.ts';
import type { Store } from '../packages/hud/src/store/index.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

interface Acknowledged {
  class: RunClass;
  reward: number | undefined;
  steps: number;
}

export interface Attempt {
  jobId: string;
  slug: string;
  repeat: number;
  traceId: string;
  sessionId: string;
}

export class Ledger {
  readonly #world: World;
  /** Ends that a process was told are on disk, by trace. */
  readonly acknowledged = new Map<string, Acknowledged>();
  /** Jobs that a process was told are on disk. */
  readonly jobs: string[] = [];
  readonly #starts = new Map<string, RunStart>();
  readonly #gradedSlots = new Map<string, string>();
  /** The last end of each slot, and who was told. */
  readonly #ends = new Map<string, { class: RunClass; by: SimProcess }>();
  /** Whose session it is, by session. */
  readonly #sessions = new Map<string, string>();
  /** Rewards that an environment gave, by trace. */
  readonly #rewards = new Map<string, number[]>();
  readonly #gradings = new Set<string>();
  attempts = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** The same store, heard. */
  listen(store: Store, process: SimProcess): Store {
    const heard: Partial<Store> = {
      createJob: async (job, tasks) => {
        await store.createJob(job, tasks);
        if (process.isAlive) this.jobs.push(job.id);
      },
      startRun: async (run) => {
        this.#starts.set(run.traceId, run);
        const slot = slotOf(run);
        if (this.#ends.get(slot)?.by === process) this.#ends.delete(slot); // it tries again itself
        await store.startRun(run);
      },
      finishRun: async (traceId, finish) => {
        const isFirst = await store.finishRun(traceId, finish);
        if (isFirst && process.isAlive) this.#acknowledge(process, traceId, finish);
        return isFirst;
      },
    };
    return new Proxy(store, {
      get: (target, key) => {
        if (Object.hasOwn(heard, key)) return heard[key as keyof Store];
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** @param rerun classes of ends that another process may try again */
  agentStarted(process: SimProcess, attempt: Attempt, rerun: readonly RunClass[]): void {
    const { traceId, sessionId } = attempt;
    const slot = slotOf(attempt);
    this.attempts += 1;
    const graded = this.#gradedSlots.get(slot);
    if (graded !== undefined) this.#world.fail('slot-once', `${slot} was graded in ${graded} and is run again in ${traceId}`);
    const end = this.#ends.get(slot);
    if (end !== undefined && end.by !== process && !rerun.includes(end.class))
      this.#world.fail('slot-once', `${slot} had ended as ${end.class}, which stays, and is run again in ${traceId}`);
    this.own(sessionId, traceId);
  }

  /** From now on this session's task may be graded with answers of this name only. */
  own(sessionId: string, name: string): void {
    this.#sessions.set(sessionId, name);
  }

  /** An environment grades. `trace` is what the answer says of itself, where there is one. */
  graded(process: SimProcess, task: { sessionId: string; template: string }, trace: string | undefined, reward: number): void {
    const owner = this.#sessions.get(task.sessionId);
    const key = `${task.sessionId} ${task.template}`;
    this.#world.log(process, `grades ${key}`);
    if (trace !== undefined && trace !== owner)
      this.#world.fail('graded-once', `session ${task.sessionId} of ${owner ?? 'nobody'} was graded with the answer of ${trace}`);
    if (this.#gradings.has(key)) this.#world.fail('graded-once', `session ${key} was graded twice`);
    this.#gradings.add(key);
    if (owner !== undefined) this.#rewards.set(owner, [...(this.#rewards.get(owner) ?? []), reward]);
  }

  #acknowledge(process: SimProcess, traceId: string, finish: RunFinish): void {
    const start = this.#starts.get(traceId);
    if (this.acknowledged.has(traceId)) this.#world.fail('slot-once', `the end of ${traceId} was written twice`);
    this.acknowledged.set(traceId, { class: finish.class, reward: finish.reward, steps: finish.steps });
    if (start === undefined) return;
    const slot = slotOf(start);
    this.#ends.set(slot, { class: finish.class, by: process });
    if (finish.class !== 'graded') return;
    const before = this.#gradedSlots.get(slot);
    if (before !== undefined) this.#world.fail('slot-once', `${slot} has two counted verdicts, ${before} and ${traceId}`);
    this.#gradedSlots.set(slot, traceId);
    if (this.#rewards.get(traceId)?.includes(finish.reward ?? Number.NaN) !== true)
      this.#world.fail('graded-once', `${traceId} was recorded with a reward of ${finish.reward} that no environment gave`);
  }
}

function slotOf({ jobId, slug, repeat }: Pick<RunStart, 'jobId' | 'slug' | 'repeat'>): string {
  return `${jobId.slice(0, 8)} ${slug} #${repeat}`;
}
