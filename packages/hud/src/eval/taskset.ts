/** Named tasks, in order, and the one call that runs an agent on them. */
import { asAgent, type AgentLike } from '../agents/agent.ts';
import { HudError, toHudError } from '../protocol/errors.ts';
import { Task, isTask, type TaskInit } from '../protocol/task.ts';
import { asProvider } from '../runtime/index.ts';
import { nodeHost } from '../host/node.ts';
import { keepReaping, Leases, openStore, type Store } from '../store/index.ts';
import { closeExporters } from '../telemetry/index.ts';
import { runBatch } from './batch.ts';
import type { RunEvent, RunOptions } from './contract.ts';
import { EventQueue } from './event-queue.ts';
import { Job } from './job.ts';
import { loadModuleTasks, loadTasks, writeTasks } from './load-tasks.ts';
import { inferProvider } from './placement.ts';
import { fetchTaskset, type PlatformLike } from './sync.ts';
import { checkTimeouts } from './timeouts.ts';

export type TaskSelection = readonly string[] | ((task: Task) => boolean);

/** Nothing runs for ever, not even without a deadline of its own. */
const ROLLOUT_SECONDS = 86_400;
const PATIENCE_SECONDS = 10;

export class Taskset implements Iterable<Task> {
  readonly name: string;
  /** The platform's id, for tasksets that come from there. */
  readonly tasksetId: string | undefined;
  readonly #tasks = new Map<string, Task>();

  /** @throws HudError DUPLICATE_SLUG listing all of them */
  constructor(name = 'taskset', tasks: Iterable<Task | TaskInit> = [], options: { tasksetId?: string } = {}) {
    this.name = name;
    this.tasksetId = options.tasksetId;
    const duplicates = new Set<string>();
    const rows = new Set<TaskInit>();
    for (const row of tasks) {
      if (!isTask(row) && rows.size === rows.add(row).size) continue; // the very same row again
      const task = isTask(row) ? row : new Task(row);
      const known = this.#tasks.get(task.slug);
      if (known !== undefined && known !== task) duplicates.add(task.slug);
      this.#tasks.set(task.slug, task);
    }
    if (duplicates.size > 0) {
      throw new HudError(
        'DUPLICATE_SLUG',
        `Taskset '${name}' has more than one task with the slug ${[...duplicates].toSorted().join(', ')}.`,
        {
          hint: 'Give each task a slug of its own, or different arguments.',
        },
      );
    }
  }

  /** `.json`, `.jsonl`, `.csv`, a source file (`.ts`, `.js`, …), or a directory of them. */
  static async fromFile(path: string): Promise<Taskset> {
    const { name, tasks } = await loadTasks(path);
    return new Taskset(name, tasks);
  }

  /** The exported tasks of a source file or directory. */
  static async fromModule(path: string): Promise<Taskset> {
    const { name, tasks } = await loadModuleTasks(path);
    return new Taskset(name, tasks);
  }

  /**
   * A taskset of the platform.
   * @param nameOrId a UUID is an id
   * @param platform @default that of the settings
   * @throws HudError PLATFORM_NOT_FOUND when there is none, PLATFORM_*
   */
  static async fromApi(nameOrId: string, platform?: PlatformLike): Promise<Taskset> {
    const found = await fetchTaskset(nameOrId, platform);
    if (found === undefined) {
      throw new HudError('PLATFORM_NOT_FOUND', `The platform has no taskset '${nameOrId}'.`, {
        hint: 'Upload one with `hud sync tasks`; names are taken as they are written.',
      });
    }
    return new Taskset(found.name, found.tasks, { tasksetId: found.id });
  }

  /** Writes `.json`, `.jsonl` or `.csv` (lossy). */
  async toFile(path: string): Promise<void> {
    await writeTasks([...this], path);
  }

  get size(): number {
    return this.#tasks.size;
  }

  [Symbol.iterator](): Iterator<Task> {
    return this.#tasks.values();
  }

  get(slug: string): Task | undefined {
    return this.#tasks.get(slug);
  }

  entries(): IterableIterator<[string, Task]> {
    return this.#tasks.entries();
  }

  filter(selection: TaskSelection): Taskset {
    return this.#select((task) => isSelected(task, selection));
  }

  exclude(selection: TaskSelection): Taskset {
    return this.#select((task) => !isSelected(task, selection));
  }

  /** Of all tasks and their verifiers, each once, in order of appearance. */
  environmentNames(): string[] {
    return [...new Set([...this].flatMap((task) => [task.env, ...(task.verifier ? [task.verifier.env] : [])]))];
  }

  /**
   * Runs the agent on every task, `group` times each. A rollout that fails is a run of its class in
   * the job, never a rejection.
   * @throws HudError for options that make no sense (before anything starts), the signal's reason when
   *   interrupted, STORE_* when the record can't be kept
   */
  async run(agent: AgentLike, options: RunOptions = {}): Promise<Job> {
    return await this.#run(agent, options, () => {});
  }

  /** The same as a stream of what happens. Leaving the loop early interrupts the job. */
  async *stream(agent: AgentLike, options: RunOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
    const left = new AbortController();
    const signal = AbortSignal.any([left.signal, ...(options.signal ? [options.signal] : [])]);
    const events = new EventQueue<RunEvent>((event) => event.type === 'step');
    const running = this.#run(agent, { ...options, signal }, (event) => events.push(event)).then(
      () => events.end(),
      (error: unknown) => events.end({ error }),
    );
    try {
      yield* events;
    } finally {
      left.abort(new HudError('CANCELLED', 'The reader of the stream left.'));
      await running;
    }
  }

  async #run(agentLike: AgentLike, options: RunOptions, emit: (event: RunEvent) => void): Promise<Job> {
    const agent = asAgent(agentLike);
    const tasks = [...this];
    checkOptions(options);
    checkTimeouts(tasks, agent, options.rolloutTimeout);
    const provider = options.runtime === undefined ? inferProvider(tasks) : asProvider(options.runtime);
    options.signal?.throwIfAborted();
    await using opened = await this.#openJob(tasks, agent, options);
    const { job } = opened;
    const group = options.group ?? job.group;
    const host = options.host ?? nodeHost;
    await using _reaper = job.store === undefined ? undefined : keepReaping(job.store, host);
    let failure: unknown;
    try {
      const groups = await job.plan(tasks, group, options.rerun ?? ['cancelled']);
      emit({ type: 'job-started', job, total: groups.reduce((sum, slots) => sum + slots.length, job.runs.length) });
      await runBatch({
        job,
        groups,
        agent,
        provider,
        emit,
        host,
        leases: new Leases(job.store, host, job.id),
        maxConcurrent: options.maxConcurrent ?? Infinity,
        rolloutTimeout: options.rolloutTimeout ?? ROLLOUT_SECONDS,
        groupTimeout: options.groupTimeout,
        patience: options.patience ?? PATIENCE_SECONDS,
        retries: options.retries ?? 1,
        retryOn: options.retryOn ?? [],
        signal: options.signal,
        ...(options.admission === undefined ? {} : { admission: options.admission }),
        ...(options.replay === undefined ? {} : { replay: options.replay }),
      });
    } catch (error) {
      failure = toHudError(error, options.signal?.aborted ? 'CANCELLED' : 'UNKNOWN');
    }
    if (opened.isOwn) await job.end(failure).catch((error: unknown) => (failure ??= error));
    emit({ type: 'job-ended', job });
    if (failure !== undefined) throw failure;
    return job;
  }

  /** The job to run under, registered; one that was opened here is ended, and its store closed, by `run`. */
  async #openJob(
    tasks: readonly Task[],
    agent: { name: string; model?: string },
    options: RunOptions,
  ): Promise<{ job: Job; isOwn: boolean } & AsyncDisposable> {
    const borrowed = { isOwn: false, [Symbol.asyncDispose]: async () => {} };
    if (options.job instanceof Job) return { job: options.job, ...borrowed };
    const own: Store | undefined = options.store === undefined ? await openStore() : undefined;
    const store = options.store === false ? undefined : (options.store ?? own);
    const host = options.host === undefined ? {} : { host: options.host };
    const close = async (): Promise<void> => {
      if (own !== undefined) await closeExporters(own);
      await own?.close();
    };
    const closing = { isOwn: true, [Symbol.asyncDispose]: close };
    const report = options.report === undefined ? {} : { report: options.report };
    try {
      if (options.job !== undefined)
        return { job: await Job.resume(options.job, { store: store ?? false, ...host, ...report }), ...closing };
      const job = new Job({
        name: options.name ?? this.#jobName(options.group ?? 1),
        group: options.group ?? 1,
        tasksetName: this.name,
        ...(this.tasksetId === undefined ? {} : { tasksetId: this.tasksetId }),
        ...(store === undefined ? {} : { store }),
        ...host,
        ...report,
      });
      const { name, model } = agent;
      await job.open(job.record({ agent: name, ...(model === undefined ? {} : { model }), config: options.config ?? {} }), tasks);
      return { job, ...closing };
    } catch (error) {
      await close();
      throw error;
    }
  }

  #jobName(group: number): string {
    const [only, ...others] = this;
    const base = only !== undefined && others.length === 0 ? only.id : `${this.name} (${this.size} tasks)`;
    return group > 1 ? `${base} (${group} times)` : base;
  }

  #select(keep: (task: Task) => boolean): Taskset {
    return new Taskset(this.name, [...this].filter(keep), this.tasksetId === undefined ? {} : { tasksetId: this.tasksetId });
  }
}

declare module '../protocol/task.ts' {
  interface Task {
    /** {@link Taskset.run} with this one task. */
    run(agent: AgentLike, options?: RunOptions): Promise<Job>;
  }
}

// A task is data and knows no scheduler: the scheduler teaches it to run.
Task.prototype.run = function run(this: Task, agent: AgentLike, options?: RunOptions): Promise<Job> {
  return new Taskset(this.slug, [this]).run(agent, options);
};

function isSelected(task: Task, selection: TaskSelection): boolean {
  return typeof selection === 'function' ? selection(task) : selection.includes(task.slug);
}

function checkOptions({ group, maxConcurrent, retries, groupTimeout, patience }: RunOptions): void {
  if (group !== undefined) checkCount('group', group);
  if (maxConcurrent !== undefined) checkCount('maxConcurrent', maxConcurrent);
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0))
    throw new HudError('BAD_ARGUMENT', `retries must be a whole number of at least 0, got ${retries}.`);
  for (const [name, seconds] of Object.entries({ groupTimeout, patience })) {
    if (seconds !== undefined && !(seconds > 0)) throw new HudError('BAD_ARGUMENT', `${name} must be above 0 seconds, got ${seconds}.`);
  }
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new HudError('BAD_ARGUMENT', `${name} must be a whole number of at least 1, got ${value}.`);
}
