/** A record that is kept elsewhere, line by line: what begins before what was done, and that before what ended. */
import { api, type JobRecord, type RunRecord, type TaskRecord } from 'hud/protocol';
import type { Caller } from '../../caller.ts';
import { writeEnds, writeRecord } from '../../storage/record-rows.ts';
import type { Router } from '../bind.ts';
import { cancelledOf } from '../../storage/holdings.ts';
import type { Intake } from './intake.ts';
import { Lines } from './lines.ts';
import type { Held } from './load.ts';
import { readLine } from './record-line.ts';
import { Rejections } from './rejections.ts';
import { SpanSink } from './span-sink.ts';

/** Rows that wait to be written together. */
const MAX_ROWS = 1000;
const NOT_YOURS = 'there is no such job or trace, or another run has its place';

export function addRecordRoute(router: Router, intake: Intake): void {
  router.on(api.ingest.record, async ({ caller, request }) => {
    const lines = new Lines();
    const recording = new Recording(intake, caller);
    return await intake.receive('record', request, {
      take: async (chunk, held) => {
        for (const line of lines.push(chunk)) await recording.add(line, held);
      },
      finish: async (held) => {
        for (const line of lines.end()) await recording.add(line, held);
        return await recording.finish(held);
      },
      settle: async () => await recording.settle(),
    });
  });
}

interface Indexed<T> {
  row: T;
  index: number;
}

class Recording {
  readonly #intake: Intake;
  readonly #caller: Caller;
  readonly #sink: SpanSink;
  readonly #rejected = new Rejections();
  #index = 0;
  #jobs: Indexed<JobRecord>[] = [];
  #tasks: Indexed<TaskRecord>[] = [];
  #runs: Indexed<RunRecord>[] = [];
  /** Their spans have to be durable first. */
  #ends: RunRecord[] = [];
  #rows = 0;
  readonly #traces = new Set<string>();
  readonly #touched = new Set<string>();

  constructor(intake: Intake, caller: Caller) {
    this.#intake = intake;
    this.#caller = caller;
    const onForeign = (_traceId: string, index: number): void => this.#rejected.add(index, NOT_YOURS);
    this.#sink = new SpanSink(intake, { route: 'record', caller, form: 'stored', onForeign });
  }

  /** @returns a promise only when it takes time: most lines do not */
  add(bytes: Uint8Array, held: Held): Promise<void> | undefined {
    const index = this.#index++;
    if (bytes.length === 0) return undefined;
    const line = readLine(bytes);
    if (line.kind === 'malformed') {
      this.#rejected.add(index, line.reason);
      return undefined;
    }
    if (!this.#mayWrite(line.kind === 'span' ? line.span.row.traceId : line.kind === 'run' ? line.run.traceId : undefined)) {
      this.#rejected.add(index, 'this key may write one trace alone, and this is not it');
      return undefined;
    }
    if (line.kind === 'span') {
      this.#traces.add(line.span.row.traceId);
      return this.#sink.add(line.span, index, bytes.length) ? this.#flush(held) : undefined;
    }
    if (line.kind === 'job') this.#jobs.push({ row: line.job, index });
    else if (line.kind === 'task') this.#tasks.push({ row: line.task, index });
    else this.#runs.push({ row: line.run, index });
    this.#rows += 1;
    return this.#rows + this.#ends.length >= MAX_ROWS ? this.#writeAll(held) : undefined;
  }

  async finish(held: Held): Promise<{ accepted: number; rejected: { index: number; reason: string }[]; cancelled: string[] }> {
    await this.#writeAll(held);
    const { teamId } = this.#caller;
    this.#intake.counted('record', { rejected: this.#rejected.count });
    const cancelled = await cancelledOf(this.#intake.context.db, teamId, [...this.#traces]);
    return { accepted: this.#index - this.#rejected.count, rejected: this.#rejected.list(), cancelled };
  }

  async settle(): Promise<void> {
    await this.#sink.settle();
  }

  /** A key that was made for one trace writes that one. */
  #mayWrite(traceId: string | undefined): boolean {
    return this.#caller.traceId === undefined || traceId === this.#caller.traceId;
  }

  /** What begins is there before the spans of it are. */
  async #flush(held: Held): Promise<void> {
    await this.#writeRows();
    await this.#sink.flush(held);
  }

  async #writeAll(held: Held): Promise<void> {
    await this.#writeRows();
    await this.#sink.drain(held);
    const { context } = this.#intake;
    const ends = this.#ends;
    this.#ends = [];
    await writeEnds(context.db, this.#caller.teamId, ends, context.now());
    for (const { traceId, jobId } of ends) context.hub.publish({ teamId: this.#caller.teamId, traceId, jobId });
    for (const jobId of this.#touched) context.hub.publish({ teamId: this.#caller.teamId, jobId });
    this.#touched.clear();
  }

  async #writeRows(): Promise<void> {
    if (this.#rows === 0) return;
    const [jobs, tasks, runs] = [this.#jobs, this.#tasks, this.#runs];
    [this.#jobs, this.#tasks, this.#runs, this.#rows] = [[], [], [], 0];
    const { context } = this.#intake;
    const { teamId } = this.#caller;
    const rows = { jobs: jobs.map(rowOf), tasks: tasks.map(rowOf), runs: runs.map(rowOf) };
    const foreign = await writeRecord(context.db, teamId, rows, context.now());
    for (const { row, index } of jobs) this.#told(row.id, [row.id], index, foreign);
    for (const { row, index } of tasks) this.#told(row.jobId, [row.jobId], index, foreign);
    for (const { row, index } of runs) {
      if (!this.#told(row.jobId, [row.jobId, row.traceId], index, foreign)) continue;
      this.#traces.add(row.traceId);
      this.#intake.runs.note(teamId, row.traceId, row.jobId);
      if (row.class !== undefined) this.#ends.push(row);
    }
  }

  #told(jobId: string, ids: readonly string[], index: number, foreign: ReadonlySet<string>): boolean {
    const isForeign = ids.some((id) => foreign.has(id));
    if (isForeign) this.#rejected.add(index, NOT_YOURS);
    else this.#touched.add(jobId);
    return !isForeign;
  }
}

function rowOf<T>({ row }: Indexed<T>): T {
  return row;
}
