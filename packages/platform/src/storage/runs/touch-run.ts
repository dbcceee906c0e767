/** A run is known from the first that is told of it, whatever that is: its enter, its end, a span, a model call. */
import { normalizeTraceId } from 'hud/protocol';
import { sql } from 'kysely';
import type { Db } from '../database.ts';
import { isTaken } from '../postgres/errors.ts';
import { ownJob, settleJob } from './reported-jobs.ts';

export interface RunTouch {
  /** In any form; one that is no hex id is kept as the run's alias. */
  traceId: string;
  /** In any form. A run that had none so far moves there. */
  jobId?: string;
  slug?: string;
  groupId?: string;
  agent?: string;
  model?: string;
  /** Milliseconds since 1970. */
  now: number;
}

export interface KnownRun {
  /** 32 hex digits. */
  traceId: string;
  jobId: string;
  hasEnded: boolean;
  /** Its owner asked for its end: its driver should stop. */
  isCancelled: boolean;
}

/** How old the time of the last news may get before it is written again, in milliseconds. */
const SEEN_EVERY_MS = 10_000;
/** Others may take the same repeat at the same moment. */
const MAX_TRIES = 20;

/**
 * Makes the run, and its job, unless they are known; fills in what is told for the first time.
 * One read when there is nothing new.
 * @returns undefined when the run, or the job it names, belongs to another team
 */
export async function touchRun(db: Db, teamId: string, touch: RunTouch): Promise<KnownRun | undefined> {
  const traceId = normalizeTraceId(touch.traceId);
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const row = await readRow(db, traceId);
    if (row !== undefined) {
      if (attempt > 0 && row.job_id !== traceId) await dropEmpty(db, traceId); // another call placed it, in its real job
      return row.team_id === teamId ? await refresh(db, row, touch) : undefined;
    }
    const jobId = touch.jobId === undefined ? traceId : normalizeTraceId(touch.jobId);
    if (!(await ownJob(db, teamId, { jobId, by: touch.jobId === undefined ? 'trace' : 'run', given: touch.jobId, now: touch.now })))
      return undefined;
    await insertRun(db, teamId, { ...touch, traceId, jobId, alias: traceId === touch.traceId ? null : touch.traceId });
  }
  throw new Error(`run ${traceId} can not be written: others take its place again and again`);
}

type Row = NonNullable<Awaited<ReturnType<typeof readRow>>>;

async function readRow(db: Db, traceId: string) {
  return await db
    .selectFrom('runs')
    .select(['trace_id', 'team_id', 'job_id', 'slug', 'group_id', 'agent', 'model', 'class', 'seen_at', 'cancel_requested_at'])
    .where('trace_id', '=', traceId)
    .executeTakeFirst();
}

/** Places it as the next repeat of its job and slug; does nothing where the run or that place is taken. */
async function insertRun(db: Db, teamId: string, run: RunTouch & { jobId: string; alias: string | null }): Promise<void> {
  const slug = run.slug ?? '';
  await db
    .insertInto('runs')
    .values({
      trace_id: run.traceId,
      job_id: run.jobId,
      slug,
      task_id: '',
      repeat: nextRepeat(run.jobId, slug),
      attempt: 1,
      group_id: run.groupId ?? null,
      agent: run.agent ?? null,
      model: run.model ?? null,
      started_at: run.now,
      team_id: teamId,
      alias: run.alias,
      seen_at: run.now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await settleJob(db, run.jobId, run.now);
}

function nextRepeat(jobId: string, slug: string) {
  return sql<number>`(SELECT coalesce(max(r.repeat) + 1, 0) FROM runs AS r WHERE r.job_id = ${jobId} AND r.slug = ${slug})`;
}

async function refresh(db: Db, row: Row, touch: RunTouch): Promise<KnownRun | undefined> {
  const news = newsOf(row, touch);
  if (Object.keys(news).length > 0) await db.updateTable('runs').set(news).where('trace_id', '=', row.trace_id).execute();
  const jobId = await move(db, row, touch);
  if (jobId === undefined) return undefined;
  return { traceId: row.trace_id, jobId, hasEnded: row.class !== null, isCancelled: row.cancel_requested_at !== null };
}

/** What was not known so far; what was told first stays. */
function newsOf(row: Row, { groupId, agent, model, now }: RunTouch) {
  return {
    ...(row.group_id === null && groupId !== undefined ? { group_id: groupId } : {}),
    ...(row.agent === null && agent !== undefined ? { agent } : {}),
    ...(row.model === null && model !== undefined ? { model } : {}),
    ...(row.seen_at === null || now - row.seen_at > SEEN_EVERY_MS ? { seen_at: now } : {}),
  };
}

/**
 * From the job of its own to the one it names, and to the slug it names.
 * @returns the job it is in; undefined when the one it names is not the team's
 */
async function move(db: Db, row: Row, touch: RunTouch): Promise<string | undefined> {
  const named = touch.jobId === undefined ? row.job_id : normalizeTraceId(touch.jobId);
  const isHomeless = row.job_id === row.trace_id && named !== row.job_id;
  const slug = row.slug === '' ? (touch.slug ?? '') : row.slug;
  if (!isHomeless && slug === row.slug) return row.job_id;
  const jobId = isHomeless ? named : row.job_id;
  if (isHomeless && !(await ownJob(db, row.team_id, { jobId, by: 'run', given: touch.jobId, now: touch.now }))) return undefined;
  await place(db, row, jobId, slug);
  await settleJob(db, jobId, touch.now);
  if (isHomeless) await dropEmpty(db, row.job_id);
  return jobId;
}

/** PostgreSQL lets two take the same repeat and refuses the second, which then takes the next. */
async function place(db: Db, row: Row, jobId: string, slug: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await db
        .updateTable('runs')
        .set({ job_id: jobId, slug, repeat: nextRepeat(jobId, slug) })
        .where('trace_id', '=', row.trace_id)
        .where('job_id', '=', row.job_id)
        .where('slug', '=', row.slug)
        .execute();
      return;
    } catch (error) {
      // One that failed within a transaction has failed all of it.
      if (attempt >= MAX_TRIES || !isTaken(error) || db.isTransaction) throw error;
    }
  }
}

/** A job that was only there for the one run without a job, once that has moved. */
async function dropEmpty(db: Db, jobId: string): Promise<void> {
  await db
    .deleteFrom('jobs')
    .where('id', '=', jobId)
    .where('config', 'like', '{"reported_by":"trace"%')
    .where(({ not, exists, selectFrom }) => not(exists(selectFrom('runs').select('trace_id').where('job_id', '=', jobId))))
    .execute();
}
