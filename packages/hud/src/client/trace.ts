/** What a run did, in memory: its steps, how it stopped, and the answer. */
import type { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Step, StopReason, TraceStatus } from '../protocol/trace.ts';

/** Who wants each step as it is recorded. Must not throw; called before `record` returns. */
export type StepSink = (step: Step) => void;

/** What happened to files of the environment. */
export interface FileReport {
  /** `setup`: before the agent; `snapshot`: what there is when it begins; `capture`: whole documents. */
  kind: 'setup' | 'snapshot' | 'diff' | 'capture';
  /** As the environment told it. */
  payload: JsonObject;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt: string;
  /** The last step recorded when the environment was asked. */
  stepId?: number;
}

/** As {@link StepSink}, for files. */
export type FileSink = (report: FileReport) => void;

export class Trace {
  /** 32 hex digits. */
  readonly traceId: string;
  readonly steps: Step[] = [];
  status: TraceStatus | undefined;
  stopReason: StopReason | undefined;
  /** The graded answer. */
  content: string | undefined;
  /** What ended the agent, when something did. */
  fault: HudError | undefined;
  extra: Record<string, unknown> = {};
  readonly #sink: StepSink | undefined;
  readonly #fileSink: FileSink | undefined;
  readonly #listeners = new Set<StepSink>();
  readonly #now: () => number;
  readonly #recordedLength: number;
  #isSealed = false;

  /** @param options `recordedLength`: how many steps the record holds of a run that ended earlier; they are not in `steps` */
  constructor(traceId: string, options: { sink?: StepSink; fileSink?: FileSink; now?: () => number; recordedLength?: number } = {}) {
    this.traceId = traceId;
    this.#fileSink = options.fileSink;
    this.#recordedLength = options.recordedLength ?? 0;
    this.#sink = options.sink;
    this.#now = options.now ?? Date.now;
  }

  /** Now, as steps are stamped. */
  isoNow(): string {
    return new Date(this.#now()).toISOString();
  }

  /** Nothing is recorded from now on: an agent that ignores its signal must not write into a run that ended. */
  seal(): void {
    this.#isSealed = true;
  }

  /** Appends a step, stamping its 1-based id and its end. Returns the step as recorded. */
  record(step: Step): Step {
    if (this.#isSealed) return step;
    const endedAt = step.endedAt ?? this.isoNow();
    const recorded: Step = { ...step, stepId: this.steps.length + 1, endedAt };
    this.steps.push(recorded);
    this.#sink?.(recorded);
    for (const listener of this.#listeners) listener(recorded);
    return recorded;
  }

  /** Somebody records what happens to files. */
  get wantsFiles(): boolean {
    return this.#fileSink !== undefined;
  }

  recordFiles(report: FileReport): void {
    if (!this.#isSealed) this.#fileSink?.(report);
  }

  /** Hears of each step after it was recorded, until disposed of. */
  listen(listener: StepSink): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  get isError(): boolean {
    return this.status === 'error';
  }

  /** Stopped for a reason other than being done. */
  get isTruncated(): boolean {
    return this.stopReason !== undefined && this.stopReason !== 'done';
  }

  /** The newest step's error. */
  get error(): string | undefined {
    return this.steps.findLast((step) => step.error !== undefined)?.error;
  }

  /** Steps that were recorded, here or by the process that ran it. */
  get length(): number {
    return Math.max(this.steps.length, this.#recordedLength);
  }

  /** The newest value that `get` finds, looking from the last step back. */
  final<T>(get: (step: Step) => T | undefined): T | undefined {
    for (const step of this.steps.toReversed()) {
      const value = get(step);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Every value that `get` finds, in order. */
  collect<T>(get: (step: Step) => T | undefined): T[] {
    return this.steps.map(get).filter((value) => value !== undefined);
  }
}
