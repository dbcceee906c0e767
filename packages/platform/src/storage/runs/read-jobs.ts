/** Jobs of a team with the sums over their runs, which are made for the jobs of a page alone. */
import { normalizeTraceId } from 'hud/protocol';
import { sql, type Selectable } from 'kysely';
import type { Db } from '../database.ts';
import type { Tables } from '../schema/index.ts';
import { likePattern } from '../tasksets/tasksets.ts';
import { openCursor, pageOf, type Paged } from './pages.ts';
import { prefixOf } from './read-runs.ts';

export type JobRow = Selectable<Tables['jobs']>;

/** @param id in any form, or at least four first digits; @returns undefined also when several begin so */
export async function findJob(db: Db, teamId: string, id: string): Promise<JobRow | undefined> {
  const own = db.selectFrom('jobs').selectAll().where('team_id', '=', teamId);
  const job = await own.where('id', '=', normalizeTraceId(id)).executeTakeFirst();
  if (job !== undefined) return job;
  const digits = prefixOf(id);
  if (digits === undefined) return undefined;
  const found = await own.where('id', '>=', digits).where('id', '<', `${digits}g`).limit(2).execute();
  return found.length === 1 ? found[0] : undefined;
}

export interface JobPage {
  limit: number;
  cursor?: string;
  status?: string;
  search?: string;
  taskset?: string;
  agent?: string;
  /** Milliseconds since 1970. */
  since?: number;
  sort: 'newest' | 'oldest' | 'name';
}

/** @throws HudError BAD_ARGUMENT for a cursor that no page gave */
export async function listJobs(db: Db, teamId: string, page: JobPage): Promise<Paged<JobRow>> {
  const key = page.sort === 'name' ? 'name' : 'created_at';
  const direction = page.sort === 'newest' ? 'desc' : 'asc';
  let query = filtered(db, teamId, page);
  if (page.cursor !== undefined) {
    const [value, id] = openCursor(page.cursor, [key === 'name' ? 'string' : 'number', 'string']);
    const compare = sql.raw(direction === 'desc' ? '<' : '>');
    query = query.where(sql<boolean>`(${sql.ref(key)}, id) ${compare} (${value}, ${id})`);
  }
  const rows = await query
    .orderBy(key, direction)
    .orderBy('id', direction)
    .limit(page.limit + 1)
    .execute();
  return pageOf(rows, page.limit, (row) => [row[key], row.id]);
}

function filtered(db: Db, teamId: string, { status, search, taskset, agent, since }: JobPage) {
  let query = db.selectFrom('jobs').selectAll().where('team_id', '=', teamId);
  if (status !== undefined) query = query.where('status', '=', status);
  if (since !== undefined) query = query.where('created_at', '>=', since);
  if (taskset !== undefined) query = query.where((eb) => eb.or([eb('taskset_name', '=', taskset), eb('taskset_id', '=', taskset)]));
  if (search !== undefined && search !== '') {
    const part = likePattern(search);
    const digits = prefixOf(search);
    query = query.where((eb) =>
      eb.or([sql<boolean>`lower(name) LIKE ${part} ESCAPE '!'`, ...(digits === undefined ? [] : [eb('id', 'like', `${digits}%`)])]),
    );
  }
  if (agent !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('agent', '=', agent),
        eb('model', '=', agent),
        eb.exists(
          eb
            .selectFrom('runs')
            .select('runs.trace_id')
            .whereRef('runs.job_id', '=', 'jobs.id')
            .where((run) => run.or([run('runs.agent', '=', agent), run('runs.model', '=', agent)])),
        ),
      ]),
    );
  }
  return query;
}

/** How many there are on all pages. */
export async function countJobs(db: Db, teamId: string, page: JobPage): Promise<number> {
  const { count } = await filtered(db, teamId, page)
    .clearSelect()
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

export interface JobSums {
  /** By class, of the newest attempt of each repeat; those without an end under ''. */
  classes: Map<string, number>;
  /** Of what was graded. */
  reward: number;
  /** Over every attempt; undefined when nothing is known. */
  costUsd: number | undefined;
  promptTokens: number | undefined;
  completionTokens: number | undefined;
  /** What all runs have in common. */
  agent: string | undefined;
  model: string | undefined;
}

/** @returns by job; jobs without runs are absent */
export async function jobSums(db: Db, jobIds: readonly string[]): Promise<Map<string, JobSums>> {
  if (jobIds.length === 0) return new Map();
  const [rows, costs] = await Promise.all([sumsOfRuns(db, jobIds), costsOfCalls(db, jobIds)]);
  return new Map([...Map.groupBy(rows, (row) => row.job_id)].map(([id, parts]) => [id, sumsOf(parts, costs.get(id))]));
}

type SumRow = Awaited<ReturnType<typeof sumsOfRuns>>[number];

async function sumsOfRuns(db: Db, jobIds: readonly string[]) {
  const newest = sql`max(attempt) OVER (PARTITION BY job_id, slug, repeat)`;
  const each = db
    .selectFrom('runs')
    .select(['job_id', 'class', 'reward', 'cost_usd', 'prompt_tokens', 'completion_tokens', 'agent', 'model'])
    .select(sql<number>`CASE WHEN attempt < ${newest} THEN 1 ELSE 0 END`.as('is_superseded'))
    .where('job_id', 'in', jobIds);
  return await db
    .selectFrom(each.as('each'))
    .select(({ fn }) => [
      'job_id',
      'class',
      'is_superseded',
      fn.countAll<number>().as('count'),
      fn.sum<number | null>('reward').as('reward'),
      fn.sum<number | null>('cost_usd').as('cost'),
      fn.sum<number | null>('prompt_tokens').as('prompt'),
      fn.sum<number | null>('completion_tokens').as('completion'),
      fn.min('agent').as('first_agent'),
      fn.max('agent').as('last_agent'),
      fn.min('model').as('first_model'),
      fn.max('model').as('last_model'),
    ])
    .groupBy(['job_id', 'class', 'is_superseded'])
    .execute();
}

/** What the gateway counted for runs whose driver told no cost. */
async function costsOfCalls(db: Db, jobIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('runs')
    .innerJoin('model_calls', 'model_calls.trace_id', 'runs.trace_id')
    .select(({ fn }) => ['runs.job_id', fn.sum<number | null>('model_calls.cost_usd').as('cost')])
    .where('runs.job_id', 'in', jobIds)
    .where('runs.cost_usd', 'is', null)
    .whereRef('model_calls.team_id', '=', 'runs.team_id')
    .groupBy('runs.job_id')
    .execute();
  return new Map(rows.flatMap(({ job_id: id, cost }) => (cost === null ? [] : [[id, cost] as const])));
}

function sumsOf(rows: readonly SumRow[], gatewayCost: number | undefined): JobSums {
  const total = (values: readonly (number | null | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, value) => sum + Number(value), 0);
  };
  const only = (first: readonly (string | null)[], last: readonly (string | null)[]): string | undefined => {
    const [one, ...others] = new Set([...first, ...last].filter((value) => value !== null));
    return others.length === 0 ? one : undefined;
  };
  const current = rows.filter(({ is_superseded: isSuperseded }) => Number(isSuperseded) === 0);
  return {
    classes: new Map(current.map((row) => [row.class ?? '', Number(row.count)])),
    reward: total(current.filter((row) => row.class === 'graded').map((row) => row.reward)) ?? 0,
    costUsd: total([...rows.map(({ cost }) => cost), gatewayCost]),
    promptTokens: total(rows.map(({ prompt }) => prompt)),
    completionTokens: total(rows.map(({ completion }) => completion)),
    agent: only(
      rows.map((row) => row.first_agent),
      rows.map((row) => row.last_agent),
    ),
    model: only(
      rows.map((row) => row.first_model),
      rows.map((row) => row.last_model),
    ),
  };
}
