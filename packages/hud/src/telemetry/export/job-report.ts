/** What one job still has to tell its platform: told by whoever runs it, taken by the exporter. Knows nothing of networks. */
import type { HudError } from '../../protocol/errors.ts';
import type { RunFinish, RunRecord, RunStart, TaskRecord } from '../../protocol/record.ts';
import { runLine, taskLine, type Line } from './lines.ts';

/** Of what happens to a report. Called between two turns of the event loop; must not throw. */
export interface ReportListener {
  /** The platform will not have something, or can't be used: told once for each reason. */
  onWarning?(error: HudError): void;
  /** Somebody asked the platform to cancel this run. */
  onCancel?(traceId: string): void;
}

/** More rows than this are not kept in memory: they are looked up in the store once the platform is back. */
const MAX_ROWS = 5_000;

interface Running {
  row: RunStart;
  /** When the platform heard of it last; 0: not yet. */
  toldAt: number;
}

export class JobReport {
  readonly jobId: string;
  /** Of whoever runs it. */
  listener: ReportListener = {};
  /** Something was not kept in memory, or another process told the beginning: what the platform has is compared with the store. */
  mustCompare: boolean;
  /** The job's row and its first tasks are there. */
  isOpen = false;
  /** Lines on their way. */
  pending = 0;
  /** Lines that the platform will not have. */
  rejected = 0;
  /** In the order in which the platform heard of them, the longest silent first. */
  readonly running = new Map<string, Running>();
  #tasks: TaskRecord[] = [];
  #starts = new Map<string, RunRecord>();
  #ends: RunRecord[] = [];

  constructor(jobId: string, { mustCompare }: { mustCompare: boolean }) {
    this.jobId = jobId;
    this.mustCompare = mustCompare;
  }

  tasksAdded(tasks: readonly TaskRecord[]): void {
    this.#tasks.push(...tasks);
  }

  runStarted(row: RunStart): void {
    this.running.set(row.traceId, { row, toldAt: 0 });
    if (this.#isFull) this.mustCompare = true;
    else this.#starts.set(row.traceId, row);
  }

  runEnded(traceId: string, finish: RunFinish): void {
    const row = this.running.get(traceId)?.row;
    this.running.delete(traceId);
    if (row === undefined) return;
    if (this.#starts.has(traceId)) this.#starts.set(traceId, { ...row, ...finish });
    else if (this.#isFull) this.mustCompare = true;
    else this.#ends.push({ ...row, ...finish });
  }

  /** Nothing waits here or is on its way. */
  get isSettled(): boolean {
    return this.pending === 0 && this.#starts.size === 0 && this.#ends.length === 0 && this.#tasks.length === 0;
  }

  get #isFull(): boolean {
    return this.#starts.size + this.#ends.length >= MAX_ROWS;
  }

  takeTasks(): Line[] {
    const lines = this.#tasks.map(taskLine);
    this.#tasks = [];
    return lines;
  }

  /** Of runs that the platform has not heard of, some of which may be over. */
  *takeStarts(now: number): Generator<{ run: RunRecord; line: Line }> {
    for (const [traceId, run] of this.#starts) {
      this.#starts.delete(traceId);
      this.#told(traceId, now);
      yield { run, line: runLine(run) };
    }
  }

  /** Of the others, so far: to be sent behind their spans, and dropped then. */
  ends(): RunRecord[] {
    return [...this.#ends];
  }

  /** The first ones of {@link ends} are on their way. */
  dropEnds(count: number): void {
    this.#ends.splice(0, count);
  }

  /** Runs that the platform has heard nothing of since then: it takes silence for an end. */
  *takeSilent(before: number, now: number): Generator<Line> {
    for (const [traceId, { row, toldAt }] of this.running) {
      if (toldAt >= before) return;
      if (toldAt === 0) continue;
      this.#told(traceId, now);
      yield runLine(row);
    }
  }

  #told(traceId: string, now: number): void {
    const running = this.running.get(traceId);
    if (running === undefined) return;
    this.running.delete(traceId);
    this.running.set(traceId, { ...running, toldAt: now });
  }
}
