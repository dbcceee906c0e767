/** Asking for the end of runs that others drive: the wish is kept until their driver hears of it. */
import { normalizeTraceId } from 'hud/protocol';
import type { Db } from '../database.ts';

export interface CancelledRun {
  traceId: string;
  jobId: string;
}

export interface CancelScope {
  /** One run, in any form. */
  traceId?: string;
  /** Runs of this job alone, in any form. */
  jobId?: string;
  now: number;
}

/** Every run of the team in this scope that has no end; those that were asked before are among them. */
export async function requestCancel(db: Db, teamId: string, { traceId, jobId, now }: CancelScope): Promise<CancelledRun[]> {
  let query = db.updateTable('runs').where('team_id', '=', teamId).where('class', 'is', null);
  if (traceId !== undefined) query = query.where('trace_id', '=', normalizeTraceId(traceId));
  if (jobId !== undefined) query = query.where('job_id', '=', normalizeTraceId(jobId));
  const rows = await query
    .set(({ fn, val }) => ({ cancel_requested_at: fn.coalesce('cancel_requested_at', val(now)) }))
    .returning(['trace_id', 'job_id'])
    .execute();
  return rows.map((row) => ({ traceId: row.trace_id, jobId: row.job_id }));
}
