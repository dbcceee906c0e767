/** The end of a run. The first one stays, unless it was only presumed because nothing was heard. */
import { stringifyJson, type RunClass, type StopReason, type TraceStatus } from 'hud/protocol';
import type { ExpressionBuilder } from 'kysely';
import type { Db } from '../database.ts';
import type { Tables } from '../schema/index.ts';
import { settleJob } from './reported-jobs.ts';

/** Why a run ended without a verdict, or with one in spite of it. */
export interface RunFault {
  code: string;
  message: string;
  hint?: string;
}

export interface RunEnd {
  class: RunClass;
  status: TraceStatus;
  stopReason?: StopReason;
  reward?: number;
  error?: RunFault;
  /** 32 hex digits. */
  traceId: string;
  /** The grade frame as JSON text, as it came. */
  grade?: string;
  /** JSON text. */
  metadata?: string;
  /** Milliseconds since 1970. */
  now: number;
}

/** The code of an end that was presumed: what the driver tells later counts instead. */
export const SILENT = 'SILENT';

/** @returns false when it had ended already; nothing was changed then */
export async function endRun(db: Db, teamId: string, end: RunEnd): Promise<boolean> {
  const ended = await db
    .updateTable('runs')
    .set({
      class: end.class,
      status: end.status,
      stop_reason: end.stopReason ?? null,
      reward: end.reward ?? null,
      error: end.error === undefined ? null : stringifyJson(end.error),
      ended_at: end.now,
      seen_at: end.now,
      ...(end.grade === undefined ? {} : { grade: end.grade }),
      ...(end.metadata === undefined ? {} : { metadata: end.metadata }),
    })
    .where('trace_id', '=', end.traceId)
    .where('team_id', '=', teamId)
    .where(isOpen)
    .returning('job_id')
    .executeTakeFirst();
  if (ended === undefined) return false;
  await settleJob(db, ended.job_id, end.now);
  return true;
}

/** Has it no end, or one that was presumed? */
export function isOpen(eb: ExpressionBuilder<Tables, 'runs'>) {
  return eb.or([eb('class', 'is', null), eb('error', 'like', `{"code":"${SILENT}"%`)]);
}

/** How a run is written that nobody will end any more. */
export function presumedEnd(error: RunFault, now: number) {
  return { class: 'cancelled', status: 'cancelled', error: stringifyJson(error), ended_at: now };
}
