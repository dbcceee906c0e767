/** What there is of a job, counted. */
import type { Db } from './database.ts';
import { isOpen } from './runs/index.ts';

export interface Holdings {
  jobId: string;
  status: string;
  tasks: number;
  runs: { traceId: string; spans: number; hasEnded: boolean; isCancelled: boolean }[];
}

/** How many ids one statement takes. */
const CHUNK = 500;

/** @returns undefined when the team has no such job */
export async function holdingsOf(db: Db, teamId: string, jobId: string): Promise<Holdings | undefined> {
  const job = await db.selectFrom('jobs').select(['id', 'status']).where('id', '=', jobId).where('team_id', '=', teamId).executeTakeFirst();
  if (job === undefined) return undefined;
  const tasks = await db
    .selectFrom('tasks')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('job_id', '=', jobId)
    .executeTakeFirst();
  const runs = await db
    .selectFrom('runs')
    .select((eb) => ['trace_id', 'cancel_requested_at', isOpen(eb).as('is_open')])
    .where('job_id', '=', jobId)
    .where('team_id', '=', teamId)
    .orderBy('trace_id')
    .execute();
  const spans = await db
    .selectFrom('spans')
    .select((eb) => ['trace_id', eb.fn.countAll().as('count')])
    .where('trace_id', 'in', (eb) => eb.selectFrom('runs').select('trace_id').where('job_id', '=', jobId))
    .groupBy('trace_id')
    .execute();
  const counts = new Map(spans.map(({ trace_id: traceId, count }) => [traceId, Number(count)]));
  return {
    jobId,
    status: job.status,
    tasks: Number(tasks?.count ?? 0),
    runs: runs.map((run) => ({
      traceId: run.trace_id,
      spans: counts.get(run.trace_id) ?? 0,
      hasEnded: Number(run.is_open) === 0,
      isCancelled: run.cancel_requested_at !== null,
    })),
  };
}

/** Those that somebody asked to cancel, and that go on. */
export async function cancelledOf(db: Db, teamId: string, traceIds: readonly string[]): Promise<string[]> {
  const cancelled: string[] = [];
  for (let at = 0; at < traceIds.length; at += CHUNK) {
    const rows = await db
      .selectFrom('runs')
      .select('trace_id')
      .where('trace_id', 'in', traceIds.slice(at, at + CHUNK))
      .where('team_id', '=', teamId)
      .where('class', 'is', null)
      .where('cancel_requested_at', 'is not', null)
      .execute();
    cancelled.push(...rows.map((row) => row.trace_id));
  }
  return cancelled;
}
