/** What `hud eval --json` prints, and one line a run of `--output`. */
import type { Run } from '../../client/index.ts';
import type { Job } from '../../eval/index.ts';
import { evaluationOf } from '../../protocol/grade.ts';

export interface Judgement {
  /** A run succeeded when its reward is above this. */
  successThreshold: number;
  /** Of this process' part of the job. */
  elapsedMs: number;
  /** Runs that ended in it; the others of the job were done before. */
  ran: number;
  /** Attempts that made way for another in it. */
  superseded: number;
  /** It was stopped before its end, and can be resumed. */
  canGoOn: boolean;
}

export interface Numbers {
  /** Mean over graded runs, null without any. */
  mean: number | null;
  /** Runs that were left out counted as 0, null without runs. */
  naiveMean: number | null;
  /** Share of graded runs above the threshold, null without any. */
  successRate: number | null;
}

export function numbersOf(job: Job, successThreshold: number): Numbers {
  const graded = job.runs.filter((run) => run.class === 'graded');
  const total = graded.reduce((sum, run) => sum + run.reward, 0);
  const succeeded = graded.filter((run) => run.reward > successThreshold).length;
  return {
    mean: job.summary().mean,
    naiveMean: job.runs.length === 0 ? null : total / job.runs.length,
    successRate: graded.length === 0 ? null : succeeded / graded.length,
  };
}

export function evalDocument(job: Job, { successThreshold, elapsedMs, superseded }: Judgement): Record<string, unknown> {
  const { runs, n, std, interval, excluded } = job.summary();
  const { mean, naiveMean, successRate } = numbersOf(job, successThreshold);
  return {
    job: {
      id: job.id,
      name: job.name,
      reward: mean,
      group: job.group,
      ...(job.tasksetId === undefined ? {} : { tasksetId: job.tasksetId }),
      ...(job.reporting === undefined ? {} : { url: job.reporting.url, isReported: job.reporting.isComplete ?? false }),
    },
    runs: job.runs.map(runDocument),
    summary: {
      runs,
      graded: n,
      errors: runs - n,
      mean,
      naiveMean,
      std,
      interval,
      excluded,
      retried: superseded,
      successRate,
      successThreshold,
      elapsedS: elapsedMs / 1000,
    },
  };
}

export function runDocument(run: Run, index: number): Record<string, unknown> {
  const { trace, verdict, error } = run;
  const isGraded = Object.keys(verdict.raw).length > 0;
  return {
    index,
    slug: run.slug,
    taskId: run.taskId,
    groupId: run.groupId ?? null,
    repeat: run.repeat,
    attempt: run.attempt,
    class: run.class ?? null,
    reward: isGraded ? run.reward : null,
    status: trace.status ?? null,
    stopReason: trace.stopReason ?? null,
    traceId: run.traceId,
    runtime: run.runtime ?? null,
    answer: trace.content ?? null,
    ...(error === undefined
      ? {}
      : { error: { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) } }),
    ...(verdict.subscores === undefined ? {} : { subscores: evaluationOf(verdict).subscores }),
  };
}
