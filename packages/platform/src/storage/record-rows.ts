/** Rows of a record that is kept elsewhere, written here again and again until they are the same: any order, any number of times. */
import { JobRecord, RunFinish, RunStart, TaskRecord, snakeCase, type RunRecord } from 'hud/protocol';
import { toRow, type Row } from 'hud/store';
import { sql, type Insertable, type Updateable } from 'kysely';
import type { z } from 'zod';
import type { Db } from './database.ts';
import { ABANDONED, isOpen, ownJob, REPORTED, settleJob } from './runs/index.ts';
import type { Tables } from './schema/index.ts';
import { inTransaction } from './transaction.ts';

export interface RecordRows {
  jobs: readonly JobRecord[];
  tasks: readonly TaskRecord[];
  /** Their beginning alone is written, see {@link writeEnds}. */
  runs: readonly RunRecord[];
}

/** Ids of jobs and traces that are another's. */
export type Foreign = ReadonlySet<string>;

/** How many rows one statement takes: with their columns well below what both databases allow. */
const CHUNK = 200;

/**
 * The last job told counts, but no earlier state of it; tasks and the beginnings of runs that are known stay.
 * A run that begins after its job's end opens that again. In one transaction.
 */
export async function writeRecord(db: Db, teamId: string, { jobs, tasks, runs }: RecordRows, now: number): Promise<Foreign> {
  return await inTransaction(db, async (transaction) => {
    const foreign = new Set<string>();
    const told = Map.groupBy(jobs, ({ id }) => id);
    // Their jobs first, in the order of their ids: nobody waits for one who waits for them.
    for (const jobId of new Set([...told.keys(), ...[...tasks, ...runs].map((of) => of.jobId)].toSorted())) {
      for (const job of told.get(jobId) ?? []) await writeJob(transaction, teamId, job);
      if (!(await ownJob(transaction, teamId, { jobId, by: 'run', now }))) foreign.add(jobId);
      else if (!told.has(jobId)) await lockJob(transaction, jobId);
    }
    await insertTasks(
      transaction,
      tasks.filter(({ jobId }) => !foreign.has(jobId)),
    );
    await startRuns(
      transaction,
      teamId,
      runs.filter(({ jobId }) => !foreign.has(jobId)),
      { now, foreign },
    );
    return foreign;
  });
}

/** The first end of a run stays, unless it was only presumed. @param runs begun by {@link writeRecord}. In one transaction. */
export async function writeEnds(db: Db, teamId: string, runs: readonly RunRecord[], now: number): Promise<void> {
  if (runs.length === 0) return;
  await inTransaction(db, async (transaction) => {
    const jobIds = [...new Set(runs.map(({ jobId }) => jobId))].toSorted();
    for (const jobId of jobIds) await lockJob(transaction, jobId);
    for (const run of runs) {
      await transaction
        .updateTable('runs')
        .set({ ...NO_END, ...(row(RunFinish, run) as Updateable<Tables['runs']>), seen_at: now })
        .where('trace_id', '=', run.traceId)
        .where('team_id', '=', teamId)
        .where(isOpen)
        .execute();
    }
    for (const jobId of jobIds) await settleJob(transaction, jobId, now);
  });
}

async function writeJob(db: Db, teamId: string, job: JobRecord): Promise<void> {
  const { reported_to: _to, reported_at: _at, ...columns } = row(JobRecord, job);
  const values = { ...columns, team_id: teamId } as Insertable<Tables['jobs']>;
  const isEarlier = sql<boolean>`(coalesce(excluded.ended_at, -1) < coalesce(jobs.ended_at, -1) AND jobs.config NOT LIKE ${REPORTED} AND coalesce(jobs.error, '') <> ${ABANDONED})`;
  const latest = <T>(column: string) =>
    sql<T>`CASE WHEN ${isEarlier} THEN ${sql.ref(`jobs.${column}`)} ELSE ${sql.ref(`excluded.${column}`)} END`;
  await db
    .insertInto('jobs')
    .values(values)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet({
          name: latest('name'),
          group: latest('group'),
          status: latest('status'),
          taskset_name: latest('taskset_name'),
          taskset_id: latest('taskset_id'),
          agent: latest('agent'),
          model: latest('model'),
          error: latest('error'),
          created_at: sql<number>`excluded.created_at`,
          ended_at: latest('ended_at'),
          config: latest('config'),
        })
        .where('jobs.team_id', '=', teamId),
    )
    .execute();
}

/** Whoever else writes something of it waits for the end of this transaction. */
async function lockJob(db: Db, jobId: string): Promise<void> {
  await db
    .updateTable('jobs')
    .set(({ ref }) => ({ team_id: ref('team_id') }))
    .where('id', '=', jobId)
    .execute();
}

async function insertTasks(db: Db, tasks: readonly TaskRecord[]): Promise<void> {
  for (const some of chunks(tasks)) {
    await db
      .insertInto('tasks')
      .values(some.map((task) => row(TaskRecord, task) as unknown as Insertable<Tables['tasks']>))
      .onConflict((conflict) => conflict.columns(['job_id', 'slug']).doNothing())
      .execute();
  }
}

interface Starting {
  now: number;
  foreign: Set<string>;
}

async function startRuns(db: Db, teamId: string, runs: readonly RunRecord[], { now, foreign }: Starting): Promise<void> {
  const known = await readRuns(db, runs);
  const fresh = runs.filter(({ traceId }) => !known.has(traceId));
  for (const some of chunks(fresh)) {
    await db
      .insertInto('runs')
      .values(some.map((run) => ({ ...(startOf(run) as unknown as Insertable<Tables['runs']>), team_id: teamId, seen_at: now })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  for (const run of runs) {
    const before = known.get(run.traceId);
    if (before?.team_id === teamId) await placeRun(db, run, before);
  }
  const written = await readRuns(db, runs);
  for (const { traceId } of runs) if (written.get(traceId)?.team_id !== teamId) foreign.add(traceId);
  await reopen(db, fresh);
  for (const jobId of new Set(fresh.map(({ jobId }) => jobId))) await settleJob(db, jobId, now);
}

type Known = Awaited<ReturnType<typeof readRuns>> extends Map<string, infer R> ? R : never;

async function readRuns(db: Db, runs: readonly RunRecord[]) {
  const select = async (ids: string[]) =>
    await db
      .selectFrom('runs')
      .select(['trace_id', 'team_id', 'job_id', 'slug', 'repeat', 'attempt', 'class'])
      .where('trace_id', 'in', ids)
      .execute();
  const known = new Map<string, Awaited<ReturnType<typeof select>>[number]>();
  for (const some of chunks(runs.map(({ traceId }) => traceId))) for (const found of await select(some)) known.set(found.trace_id, found);
  return known;
}

/** A run that was first heard of by a span or a model call gets the place that its driver gave it. */
async function placeRun(db: Db, run: RunRecord, before: Known): Promise<void> {
  const isPlaced =
    before.job_id === run.jobId && before.slug === run.slug && before.repeat === run.repeat && before.attempt === run.attempt;
  if (isPlaced || (before.job_id !== run.jobId && before.job_id !== run.traceId)) return;
  const { trace_id: traceId, ...columns } = startOf(run);
  await db
    .updateTable('runs')
    .set(columns as Updateable<Tables['runs']>)
    .where('trace_id', '=', String(traceId))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('runs as other')
            .select('other.trace_id')
            .where('other.job_id', '=', run.jobId)
            .where('other.slug', '=', run.slug)
            .where('other.repeat', '=', run.repeat)
            .where('other.attempt', '=', run.attempt),
        ),
      ),
    )
    .execute();
  if (before.job_id === run.jobId) return;
  await db
    .deleteFrom('jobs')
    .where('id', '=', before.job_id)
    .where('config', 'like', REPORTED)
    .where(({ not, exists, selectFrom }) => not(exists(selectFrom('runs').select('trace_id').where('job_id', '=', before.job_id))))
    .execute();
}

async function reopen(db: Db, fresh: readonly RunRecord[]): Promise<void> {
  const latest = new Map<string, number>();
  for (const { jobId, startedAt, class: ended } of fresh)
    if (ended === undefined) latest.set(jobId, Math.max(startedAt, latest.get(jobId) ?? 0));
  for (const [jobId, startedAt] of latest) {
    await db
      .updateTable('jobs')
      .set({ status: 'running', ended_at: null, error: null })
      .where('id', '=', jobId)
      .where('ended_at', '<', startedAt)
      .execute();
  }
}

/** Columns of what a run begins with. */
function startOf(run: RunRecord): Row {
  const columns = row(RunStart, run);
  return Object.fromEntries(RUN_START.map((name) => [name, columns[name] ?? null]));
}

/** Whatever a presumed end said. */
const NO_END = Object.fromEntries(Object.keys(RunFinish.shape).map((name) => [snakeCase(name), null])) as Updateable<Tables['runs']>;

const RUN_START = ['trace_id', 'job_id', 'slug', 'task_id', 'repeat', 'attempt', 'group_id', 'agent', 'model', 'started_at'];

/** PostgreSQL has no text with a NUL. Members that the schema lacks are left out. */
function row(schema: z.ZodObject, record: object): Row {
  const known = Object.keys(schema.shape);
  const members = Object.fromEntries(Object.entries(record).filter(([key]) => known.includes(key)));
  const cells = toRow(schema, members);
  for (const [column, value] of Object.entries(cells))
    if (typeof value === 'string' && value.includes('\0')) cells[column] = value.replaceAll('\0', '\uFFFD');
  return cells;
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += CHUNK) yield items.slice(at, at + CHUNK);
}
