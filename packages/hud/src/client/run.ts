/** What an agent holds: the prompt, a place to record steps, the grade in the end. */
import type { FaultClass, HudError, RunClass } from '../protocol/errors.ts';
import { UNGRADED, evaluationOf, type Grade } from '../protocol/grade.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';
import type { PromptMessage, Step } from '../protocol/trace.ts';
import { HudError as HudErrorClass, toHudError } from '../protocol/errors.ts';
import type { Client } from './client.ts';
import { promptMessages, promptText } from './prompt.ts';
import { Trace } from './trace.ts';

export interface RunInit {
  task: Task;
  trace: Trace;
  jobId?: string;
  groupId?: string;
  /** 0-based repeat of this task within its group. */
  repeat?: number;
  /** 1 for the first try of this repeat. */
  attempt?: number;
  /** See {@link Run.replayOf}. */
  replayOf?: (() => string) | undefined;
}

/** How the run ended; undefined while it lasts. */
export type RunEnd = { class: 'graded'; error?: HudError } | { class: FaultClass; error: HudError };

/** One agent on one task: a live handle while the agent works, the result afterwards. */
export class Run {
  readonly task: Task;
  readonly trace: Trace;
  readonly jobId: string | undefined;
  readonly groupId: string | undefined;
  readonly repeat: number;
  readonly attempt: number;
  readonly #replayOf: (() => string) | undefined;
  /** Where the environment was served, once there was one. */
  runtime: string | undefined;
  /** As the environment sent it. */
  prompt: unknown;
  /** Per-episode data by capability name. */
  bindings: Record<string, JsonObject> = {};
  /** Ungraded (reward 0, empty `raw`) until {@link grade} succeeded. */
  verdict: Grade = UNGRADED;
  end: RunEnd | undefined;
  #client: Client | undefined;

  constructor(init: RunInit) {
    this.task = init.task;
    this.trace = init.trace;
    this.jobId = init.jobId;
    this.groupId = init.groupId;
    this.repeat = init.repeat ?? 0;
    this.attempt = init.attempt ?? 1;
    this.#replayOf = init.replayOf;
  }

  /**
   * Starts the task on the client's session and records the set-up and the prompt.
   * @throws HudError as the environment reported it
   */
  static async start(client: Client, init: Task | RunInit, options: { signal?: AbortSignal } = {}): Promise<Run> {
    const run = init instanceof Object && 'trace' in init ? new Run(init) : new Run({ task: init, trace: new Trace(randomTraceId()) });
    await run.begin(client, options);
    return run;
  }

  /** {@link Run.start} on an existing run, so that a failure to start is part of its record. */
  async begin(client: Client, options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#client = client;
    const startedAt = this.trace.isoNow();
    const frame = await client.start(this.task.id, this.task.args, options);
    this.prompt = frame.prompt;
    this.bindings = frame.bindings ?? {};
    const messages = promptMessages(frame.prompt);
    this.record({
      source: 'task',
      startedAt,
      taskCall: { phase: 'setup', name: this.task.id, arguments: this.task.args },
      ...isolationOf(client),
    });
    if (frame.prompt !== undefined && frame.prompt !== null) this.record({ source: 'user', messages });
  }

  /** @throws HudError CONNECTION_LOST for a run that never had, or no longer has, an environment */
  get client(): Client {
    if (this.#client !== undefined) return this.#client;
    throw new HudErrorClass(
      'CONNECTION_LOST',
      'This run has no environment: it ended before one was connected, or was read from the record.',
    );
  }

  get traceId(): string {
    return this.trace.traceId;
  }

  /**
   * The trace of the recorded run whose model replies are given again to this one; undefined: models are called.
   * @throws HudError when this run is to be replayed and nothing like it was recorded
   */
  get replayOf(): string | undefined {
    return this.#replayOf?.();
  }

  get slug(): string {
    return this.task.slug;
  }

  get taskId(): string {
    return this.task.id;
  }

  get reward(): number {
    return this.verdict.reward;
  }

  /** `graded`, or what kind of fault ended it; undefined while it lasts. */
  get class(): RunClass | undefined {
    return this.end?.class;
  }

  get error(): HudError | undefined {
    return this.end?.error;
  }

  /** The grade frame as it is reported: subscores without their details. */
  get evaluation(): JsonObject {
    return evaluationOf(this.verdict);
  }

  /** The prompt as turns; never empty. */
  get promptMessages(): PromptMessage[] {
    return promptMessages(this.prompt);
  }

  /** The text of all turns, joined by blank lines. */
  get promptText(): string {
    return promptText(this.promptMessages);
  }

  /** Appends a step to the trace and sends it to the record. */
  record(step: Step): Step {
    return this.trace.record(step);
  }

  /**
   * Grades `trace.content`. The task ends whatever comes back.
   * @throws HudError of class `grader` when the grader failed or what it returned is no grade
   */
  async grade(options: { signal?: AbortSignal; answer?: unknown } = {}): Promise<Grade> {
    const answer = 'answer' in options ? options.answer : (this.trace.content ?? null);
    const startedAt = this.trace.isoNow();
    try {
      this.verdict = await this.client.grade(answer, options.signal ? { signal: options.signal } : {});
    } catch (error) {
      throw asGraderFault(error);
    }
    this.record({ source: 'task', startedAt, taskCall: { phase: 'evaluate', name: this.task.id, result: this.verdict.raw } });
    return this.verdict;
  }

  /**
   * Start, work, grade: for programs that drive one task by hand. The body's error is rethrown after
   * the task was graded or, when it was interrupted, cancelled.
   */
  static async with(client: Client, task: Task, body: (run: Run) => Promise<void>, options: { signal?: AbortSignal } = {}): Promise<Run> {
    const run = await Run.start(client, task, options);
    try {
      await body(run);
    } catch (error) {
      if (options.signal?.aborted) await client.cancel();
      else await run.grade(options);
      throw error;
    }
    await run.grade(options);
    return run;
  }
}

/** How far the shells that the environment offers are closed off from its machine: whoever reads the record must know. */
function isolationOf({ manifest }: Client): { extra?: JsonObject } {
  const levels = manifest
    .filter(({ params }) => typeof params.isolation === 'string')
    .map(({ name, params }) => [name, params.level ?? { isolation: params.isolation }]);
  return levels.length === 0 ? {} : { extra: { isolation: Object.fromEntries(levels) as JsonObject } };
}

/** What the environment reports while grading is the grader's, unless the connection itself broke. */
function asGraderFault(value: unknown): HudError {
  const error = toHudError(value);
  if (error.faultClass === 'grader' || error.rpcCode === undefined) return error;
  return new HudErrorClass('GRADE_FAILED', error.message, {
    cause: error,
    rpcCode: error.rpcCode,
    ...(error.hint ? { hint: error.hint } : {}),
  });
}

function randomTraceId(): string {
  return crypto.randomUUID().replaceAll('-', '');
}
