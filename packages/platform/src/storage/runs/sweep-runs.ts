/** Ends of runs whose driver says nothing any more. */
import type { Db } from '../database.ts';
import { presumedEnd, SILENT } from './end-run.ts';
import { REPORTED, settleJob } from './reported-jobs.ts';

export interface SweptRun {
  traceId: string;
  jobId: string;
  teamId: string;
}

export interface SweepLimits {
  /** Milliseconds since 1970. */
  now: number;
  /** A run without news for this long is taken for ended. */
  silenceMs: number;
  /** A run that was to end and did not say so within this time is taken for ended. */
  cancelMs: number;
}

/** @returns those that were ended. Runs of a record that no platform was told of have no time of news, and are left alone */
export async function sweepRuns(db: Db, { now, silenceMs, cancelMs }: SweepLimits): Promise<SweptRun[]> {
  const minutes = Math.round(silenceMs / 6_000) / 10;
  const silent = {
    code: SILENT,
    message: `Nothing was heard of this run for ${minutes} minutes: its process was killed, or lost its connection.`,
    hint: 'What its driver tells of its end later counts instead.',
  };
  const cancelled = {
    code: 'CANCELLED',
    message: `It was cancelled, and its driver did not say within ${cancelMs / 1000} s that it had ended.`,
  };
  const open = db.updateTable('runs').where('class', 'is', null).returning(['trace_id', 'job_id', 'team_id']);
  const late = await open
    .set(presumedEnd(cancelled, now))
    .where('cancel_requested_at', '<=', now - cancelMs)
    .execute();
  const lost = await open
    .set(presumedEnd(silent, now))
    .where('seen_at', '<=', now - silenceMs)
    .execute();
  const swept = [...late, ...lost].map((row) => ({ traceId: row.trace_id, jobId: row.job_id, teamId: row.team_id }));
  for (const jobId of new Set(swept.map((run) => run.jobId))) {
    await settleJob(db, jobId, now);
    await closeAbandoned(db, jobId, now);
  }
  return swept;
}

/** Why a job was ended that did not say so itself: what its driver tells later counts instead. */
export const ABANDONED = 'Its runs were lost or cancelled, and nothing was heard of their driver.';

/** A job that tells its own end will hardly do so any more; a run that begins in it opens it again. */
async function closeAbandoned(db: Db, jobId: string, now: number): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ status: 'cancelled', ended_at: now, error: ABANDONED })
    .where('id', '=', jobId)
    .where('status', '=', 'running')
    .where('config', 'not like', REPORTED)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('runs').select('trace_id').where('job_id', '=', jobId).where('class', 'is', null))),
    )
    .execute();
}
