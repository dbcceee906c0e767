/**
 * Jobs that nobody keeps a row of: the Python package tells a job's name at most, and never its end. Their status
 * follows from their runs. Those of our exporter come with a status of their own, which is left alone.
 */
import { normalizeTraceId, stringifyJson } from 'hud/protocol';
import { sql } from 'kysely';
import type { Db } from '../database.ts';

/** Who told of it: its own enter, one of its runs, or a run that has no job and so makes one of its own. */
export type ReportedBy = 'job' | 'run' | 'trace';

/** How the `config` of such a job begins, for LIKE. */
export const REPORTED = '{"reported_by":%';

export interface JobTouch {
  /** 32 hex digits. */
  jobId: string;
  by: ReportedBy;
  /** As its driver spells the id. */
  given?: string;
  now: number;
}

/** A job for one run alone may vanish again while it is made, once that run has found its real one. */
const MAX_TRIES = 20;

/** Makes the job unless it is known. @returns false when it belongs to another team */
export async function ownJob(db: Db, teamId: string, job: JobTouch): Promise<boolean> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const known = await db.selectFrom('jobs').select('team_id').where('id', '=', job.jobId).executeTakeFirst();
    if (known !== undefined) return known.team_id === teamId;
    await insertJob(db, teamId, job);
  }
  throw new Error(`job ${job.jobId} can not be written: it vanishes again and again`);
}

async function insertJob(db: Db, teamId: string, { jobId, by, given, now }: JobTouch): Promise<void> {
  await db
    .insertInto('jobs')
    .values({
      id: jobId,
      name: `${by === 'trace' ? 'run' : 'job'} ${jobId.slice(0, 8)}`,
      group: 1,
      status: 'running',
      created_at: now,
      config: reportedConfig(by, given),
      team_id: teamId,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

export interface JobEnter {
  /** In any form. */
  jobId: string;
  name?: string;
  group?: number;
  tasksetId?: string;
  tasksetName?: string;
  now: number;
}

/** The last values told count. @returns its id as it is kept; undefined when it belongs to another team */
export async function enterJob(db: Db, teamId: string, enter: JobEnter): Promise<string | undefined> {
  const jobId = normalizeTraceId(enter.jobId);
  if (!(await ownJob(db, teamId, { jobId, by: 'job', given: enter.jobId, now: enter.now }))) return undefined;
  await db
    .updateTable('jobs')
    .set({
      config: reportedConfig('job', enter.jobId),
      ...(enter.name === undefined ? {} : { name: enter.name }),
      ...(enter.group === undefined ? {} : { group: enter.group }),
      ...(enter.tasksetId === undefined ? {} : { taskset_id: enter.tasksetId }),
      ...(enter.tasksetName === undefined ? {} : { taskset_name: enter.tasksetName }),
    })
    .where('id', '=', jobId)
    .where('config', 'like', REPORTED)
    .execute();
  return jobId;
}

function reportedConfig(by: ReportedBy, given: string | undefined): string {
  const isOther = given !== undefined && given !== normalizeTraceId(given);
  return stringifyJson({ reported_by: by, ...(isOther ? { id: given } : {}) });
}

/** Writes the status that follows from the runs of the job; after every change of one of them. Without any it runs. */
export async function settleJob(db: Db, jobId: string, now: number): Promise<void> {
  const isOpen = sql`EXISTS (SELECT 1 FROM runs WHERE runs.job_id = ${jobId} AND runs.class IS NULL)`;
  const hasVerdict = sql`EXISTS (SELECT 1 FROM runs WHERE runs.job_id = ${jobId} AND runs.class <> 'cancelled')`;
  const status = sql<string>`CASE WHEN ${isOpen} THEN 'running' WHEN ${hasVerdict} THEN 'completed' ELSE 'cancelled' END`;
  await db
    .updateTable('jobs')
    .set({ status, ended_at: sql<number | null>`CASE WHEN ${isOpen} THEN NULL ELSE CAST(${now} AS double precision) END` })
    .where('id', '=', jobId)
    .where('config', 'like', REPORTED)
    .where(sql<boolean>`EXISTS (SELECT 1 FROM runs WHERE runs.job_id = ${jobId})`)
    .where(sql<boolean>`status <> ${status}`)
    .execute();
}
