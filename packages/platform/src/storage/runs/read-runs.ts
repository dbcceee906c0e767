/** Runs as they are kept, each limited to its team. */
import { normalizeTraceId } from 'hud/protocol';
import { sql, type Selectable } from 'kysely';
import type { Db } from '../database.ts';
import type { Tables } from '../schema/index.ts';
import { openCursor, pageOf, type Paged } from './pages.ts';

export type RunRow = Selectable<Tables['runs']>;

/** @param id in any form, or at least four first digits; @returns undefined also when several begin so */
export async function findRun(db: Db, teamId: string, id: string): Promise<RunRow | undefined> {
  const run = await getRun(db, teamId, normalizeTraceId(id));
  if (run !== undefined) return run;
  const digits = prefixOf(id);
  if (digits === undefined) return undefined;
  const found = await db
    .selectFrom('runs')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('trace_id', '>=', digits)
    .where('trace_id', '<', `${digits}g`)
    .limit(2)
    .execute();
  return found.length === 1 ? found[0] : undefined;
}

/** @param traceId 32 hex digits */
export async function getRun(db: Db, teamId: string, traceId: string): Promise<RunRow | undefined> {
  return await db.selectFrom('runs').selectAll().where('trace_id', '=', traceId).where('team_id', '=', teamId).executeTakeFirst();
}

/** At least four hex digits, with or without dashes, but not all of them. */
export function prefixOf(id: string): string | undefined {
  const digits = id.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{4,31}$/.test(digits) ? digits : undefined;
}

export interface RunPage {
  jobId: string;
  limit: number;
  cursor?: string;
  class?: string;
  slug?: string;
}

/** Newest first. @throws HudError BAD_ARGUMENT for a cursor that no page gave */
export async function listRuns(db: Db, teamId: string, page: RunPage): Promise<Paged<RunRow>> {
  let query = db.selectFrom('runs').selectAll().where('job_id', '=', page.jobId).where('team_id', '=', teamId);
  if (page.class !== undefined) query = query.where('class', '=', page.class);
  if (page.slug !== undefined) query = query.where('slug', '=', page.slug);
  if (page.cursor !== undefined) {
    const [time, id] = openCursor(page.cursor, ['number', 'string']);
    query = query.where(sql<boolean>`(started_at, trace_id) < (${time}, ${id})`);
  }
  const rows = await query
    .orderBy('started_at', 'desc')
    .orderBy('trace_id', 'desc')
    .limit(page.limit + 1)
    .execute();
  return pageOf(rows, page.limit, (row) => [row.started_at, row.trace_id]);
}

export async function countRuns(
  db: Db,
  teamId: string,
  { jobId, class: kind, slug }: Pick<RunPage, 'jobId' | 'class' | 'slug'>,
): Promise<number> {
  let query = db
    .selectFrom('runs')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('job_id', '=', jobId)
    .where('team_id', '=', teamId);
  if (kind !== undefined) query = query.where('class', '=', kind);
  if (slug !== undefined) query = query.where('slug', '=', slug);
  return Number((await query.executeTakeFirstOrThrow()).count);
}

/** The attempt that counts for the same repeat; undefined when it is this one. */
export async function supersededBy(db: Db, run: RunRow): Promise<string | undefined> {
  const newest = await db
    .selectFrom('runs')
    .select('trace_id')
    .where('job_id', '=', run.job_id)
    .where('slug', '=', run.slug)
    .where('repeat', '=', run.repeat)
    .where('attempt', '>', run.attempt)
    .orderBy('attempt', 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest?.trace_id;
}

export interface ModelUse {
  costUsd: number | undefined;
  promptTokens: number;
  completionTokens: number;
}

/** What the gateway counted, by trace id; runs that called no model of it are absent. */
export async function modelUse(db: Db, teamId: string, traceIds: readonly string[]): Promise<Map<string, ModelUse>> {
  if (traceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('model_calls')
    .select(({ fn }) => [
      'trace_id',
      fn.sum<number | null>('cost_usd').as('cost'),
      fn.sum<number | null>('prompt_tokens').as('prompt'),
      fn.sum<number | null>('completion_tokens').as('completion'),
    ])
    .where('trace_id', 'in', traceIds)
    .where('team_id', '=', teamId)
    .groupBy('trace_id')
    .execute();
  return new Map(
    rows.map(({ trace_id: id, cost, prompt, completion }) => [
      id ?? '',
      { costUsd: cost ?? undefined, promptTokens: Number(prompt ?? 0), completionTokens: Number(completion ?? 0) },
    ]),
  );
}
