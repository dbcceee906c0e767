/** What QA examines, as it is stored: rows, manifests, runs, and what recorded runs earned. */
import type { Db } from '../database.ts';
import { environmentsByName, findEnvironment } from '../registry/environments.ts';
import { findTaskset } from '../tasksets/tasksets.ts';
import { traceSubject, type TraceSubject } from './traces.ts';

/** Rewards of one task over the jobs of its taskset. */
export interface Spread {
  slug: string;
  runs: number;
  least: number;
  most: number;
}

export interface TasksetSubject {
  kind: 'rows';
  /** Of the taskset, for people. */
  name: string;
  /** Changes with every change of the rows. */
  revision: string;
  rows: () => Promise<{ slug: string; row: string }[]>;
  /** As the rows spell them. */
  environments: string[];
  spreads: Spread[];
}

export interface EnvironmentSubject {
  kind: 'environment';
  name: string;
  revision: string;
  /** JSON. */
  manifest: string | undefined;
}

export type StoredSubject = TasksetSubject | EnvironmentSubject | TraceSubject;

/** @param id 32 hex digits. @returns undefined when the team has none */
export async function findSubject(db: Db, teamId: string, type: string, id: string): Promise<StoredSubject | undefined> {
  if (type === 'taskset') return await tasksetSubject(db, teamId, id);
  if (type === 'task') return await taskSubject(db, teamId, id);
  if (type === 'trace') return await traceSubject(db, teamId, id);
  const environment = await findEnvironment(db, teamId, { id });
  if (environment === undefined) return undefined;
  return { kind: 'environment', name: environment.name, revision: String(environment.version), manifest: environment.manifest };
}

async function tasksetSubject(db: Db, teamId: string, id: string): Promise<TasksetSubject | undefined> {
  const taskset = await findTaskset(db, teamId, { id });
  if (taskset === undefined) return undefined;
  const environments = await db
    .selectFrom('taskset_tasks')
    .select('environment')
    .distinct()
    .where('taskset_id', '=', id)
    .orderBy('environment')
    .execute();
  return {
    kind: 'rows',
    name: taskset.name,
    revision: String(taskset.version),
    rows: async () =>
      await db.selectFrom('taskset_tasks').select(['slug', 'row']).where('taskset_id', '=', id).orderBy('position').execute(),
    environments: environments.map(({ environment }) => environment),
    spreads: await spreadsOf(db, teamId, id),
  };
}

async function taskSubject(db: Db, teamId: string, id: string): Promise<TasksetSubject | undefined> {
  const task = await db
    .selectFrom('taskset_tasks as t')
    .innerJoin('tasksets as s', 's.id', 't.taskset_id')
    .select(['t.slug', 't.row', 't.environment', 't.taskset_id'])
    .where('t.id', '=', id)
    .where('s.team_id', '=', teamId)
    .executeTakeFirst();
  if (task === undefined) return undefined;
  const { slug, row, environment } = task;
  return {
    kind: 'rows',
    name: slug,
    revision: row,
    rows: async () => [{ slug, row }],
    environments: [environment],
    spreads: await spreadsOf(db, teamId, task.taskset_id, slug),
  };
}

/** Manifests by environment, as far as the registry has them, and the version of each. */
export async function manifestsOf(
  db: Db,
  teamId: string,
  names: readonly string[],
): Promise<Map<string, { version: number; manifest: string | undefined }>> {
  const found = new Map<string, { version: number; manifest: string | undefined }>();
  for (let at = 0; at < names.length; at += 200)
    for (const [name, { version, manifest }] of await environmentsByName(db, teamId, names.slice(at, at + 200)))
      found.set(name, { version, manifest });
  return found;
}

/** Of the runs that were graded. Jobs name their taskset with or without dashes. */
async function spreadsOf(db: Db, teamId: string, tasksetId: string, slug?: string): Promise<Spread[]> {
  const dashed = tasksetId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  let query = db
    .selectFrom('runs as r')
    .innerJoin('jobs as j', 'j.id', 'r.job_id')
    .where('j.team_id', '=', teamId)
    .where('j.taskset_id', 'in', [tasksetId, dashed])
    .where('r.class', '=', 'graded')
    .where('r.reward', 'is not', null);
  if (slug !== undefined) query = query.where('r.slug', '=', slug);
  const rows = await query
    .groupBy('r.slug')
    .orderBy('r.slug')
    .select((e) => [
      'r.slug as slug',
      e.fn.countAll<number>().as('runs'),
      e.fn.min<number>('r.reward').as('least'),
      e.fn.max<number>('r.reward').as('most'),
    ])
    .execute();
  return rows.map((row) => ({ slug: row.slug, runs: Number(row.runs), least: Number(row.least), most: Number(row.most) }));
}
