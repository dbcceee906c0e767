/** Between a run in memory and its row in the record. */
import { Run } from '../client/run.ts';
import { Trace } from '../client/trace.ts';
import type { Host } from '../host/host.ts';
import { HudError, isErrorCode } from '../protocol/errors.ts';
import { parseGrade, UNGRADED } from '../protocol/grade.ts';
import type { RunFinish, RunRecord } from '../protocol/record.ts';
import type { Task } from '../protocol/task.ts';

/** The row that ends a run. */
export function runFinish(run: Run, host: Host): RunFinish {
  const { trace, verdict, error } = run;
  const usages = trace.collect((step) => (step.source === 'agent' ? step.usage : undefined));
  const total = (pick: (usage: (typeof usages)[number]) => number | undefined): number | undefined => {
    const values = usages.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  };
  const isGraded = Object.keys(verdict.raw).length > 0;
  return withoutUndefined({
    class: run.class ?? 'cancelled',
    status: trace.status ?? 'error',
    stopReason: trace.stopReason,
    reward: isGraded ? verdict.reward : undefined,
    grade: isGraded ? verdict.raw : undefined,
    answer: trace.content,
    error:
      error === undefined ? undefined : withoutUndefined({ code: error.code, message: error.message, hint: error.hint, data: error.data }),
    runtime: run.runtime,
    steps: trace.length,
    promptTokens: total((usage) => usage.promptTokens),
    completionTokens: total((usage) => usage.completionTokens),
    costUsd: total((usage) => usage.costUsd),
    endedAt: host.now(),
  }) as RunFinish;
}

/** A run that ended earlier, as the record has it: verdict, end and answer; its steps stay in the store. */
export function recordedRun(record: RunRecord, task: Task): Run {
  const trace = new Trace(record.traceId, { recordedLength: record.steps ?? 0 });
  const { status, stopReason, answer, jobId, groupId, repeat, attempt } = record;
  Object.assign(trace, withoutUndefined({ status, stopReason, content: answer }));
  const run = new Run({ task, trace, jobId, repeat, attempt, ...(groupId === undefined ? {} : { groupId }) });
  run.runtime = record.runtime;
  run.verdict = record.grade === undefined ? UNGRADED : parseGrade(record.grade);
  const error = errorOf(record);
  if (record.class === 'graded') run.end = { class: 'graded', ...(error === undefined ? {} : { error }) };
  else if (record.class !== undefined)
    run.end = { class: record.class, error: error ?? new HudError('UNKNOWN', 'The record does not say why.') };
  trace.fault = error;
  trace.seal();
  return run;
}

function errorOf({ error }: RunRecord): HudError | undefined {
  if (error === undefined) return undefined;
  const { code, message, hint, data } = error;
  return new HudError(isErrorCode(code) ? code : 'UNKNOWN', message, withoutUndefined({ hint, data }));
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
