/** Model calls: written in batches, summed for whoever asks. */
import { sql, type ExpressionBuilder, type RawBuilder, type SelectQueryBuilder } from 'kysely';
import type { Db } from '../database.ts';
import type { ModelCallsTable } from '../schema/gateway.ts';
import type { Tables } from '../schema/index.ts';
import { portions } from './portions.ts';

export interface CallSums {
  calls: number;
  failed: number;
  replayed: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  /** Null when no call's cost is known. */
  costUsd: number | null;
  unknownCost: number;
}

export type CallGroup = 'model' | 'job' | 'key' | 'user' | 'day' | 'trace';

export interface CallRange {
  /** Milliseconds since 1970: calls from then on. */
  since?: number | undefined;
  /** Calls before. */
  until?: number | undefined;
}

/** Written twice, a try counts once; another try of a call that is there adds to it. @param rows one per id */
export async function writeCalls(db: Db, rows: readonly ModelCallsTable[]): Promise<void> {
  for (const portion of portions(rows)) await writePortion(db, portion);
}

async function writePortion(db: Db, rows: readonly ModelCallsTable[]): Promise<void> {
  await db
    .insertInto('model_calls')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet({
          tries: sql`model_calls.tries + excluded.tries`,
          last_try: sql`excluded.last_try`,
          status: sql`excluded.status`,
          http_status: sql`excluded.http_status`,
          prompt_tokens: added('prompt_tokens'),
          completion_tokens: added('completion_tokens'),
          cached_tokens: added('cached_tokens'),
          cache_write_tokens: added('cache_write_tokens'),
          reasoning_tokens: added('reasoning_tokens'),
          cost_usd: added('cost_usd'),
          charged_usd: sql`model_calls.charged_usd + excluded.charged_usd`,
          latency_ms: sql`excluded.latency_ms`,
          first_byte_ms: sql`excluded.first_byte_ms`,
        })
        .where('model_calls.last_try', '!=', sql<string>`excluded.last_try`),
    )
    .execute();
}

/** Nothing plus something is something; nothing plus nothing stays unknown. */
function added(column: keyof ModelCallsTable): RawBuilder<number | null> {
  const [old, more] = [sql.ref(`model_calls.${column}`), sql.ref(`excluded.${column}`)];
  return sql<number | null>`CASE WHEN ${old} IS NULL THEN ${more} ELSE ${old} + coalesce(${more}, 0) END`;
}

/** The largest groups first. @returns at most `limit` of them */
export async function sumCalls(
  db: Db,
  teamId: string,
  { groupBy, limit, since, until }: CallRange & { groupBy: CallGroup; limit: number },
): Promise<(CallSums & { key: string })[]> {
  const key = KEYS[groupBy];
  const rows = await ranged(db, teamId, { since, until })
    .select((eb) => [key.as('key'), ...sums(eb)])
    .groupBy(key)
    .orderBy(sql`coalesce(sum(model_calls.cost_usd), 0) DESC, count(*) DESC`)
    .orderBy(key)
    .limit(limit)
    .execute();
  return rows.map(({ key: text, ...row }) => ({ key: text, ...toSums(row) }));
}

export async function totalOfCalls(db: Db, teamId: string, range: CallRange & { traceId?: string | undefined } = {}): Promise<CallSums> {
  const { traceId } = range;
  const query = ranged(db, teamId, range).select(sums);
  return toSums(await (traceId === undefined ? query : query.where('model_calls.trace_id', '=', traceId)).executeTakeFirstOrThrow());
}

export interface CallPage {
  limit: number;
  /** Of the last call seen. */
  after?: { startedAt: number; id: string } | undefined;
}

/** In the order of their starts. */
export async function callsOfTrace(db: Db, teamId: string, traceId: string, { limit, after }: CallPage): Promise<ModelCallsTable[]> {
  const query = db
    .selectFrom('model_calls')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('trace_id', '=', traceId)
    .orderBy('started_at')
    .orderBy('id')
    .limit(limit);
  if (after === undefined) return await query.execute();
  const { startedAt, id } = after;
  return await query
    .where((eb) => eb.or([eb('started_at', '>', startedAt), eb.and([eb('started_at', '=', startedAt), eb('id', '>', id)])]))
    .execute();
}

/** Has the team a run with this trace, or called models for it? */
export async function isKnownTrace(db: Db, teamId: string, traceId: string): Promise<boolean> {
  const find = async (table: 'runs' | 'model_calls'): Promise<boolean> =>
    (await db
      .selectFrom(table)
      .select('trace_id')
      .where('trace_id', '=', traceId)
      .where('team_id', '=', teamId)
      .limit(1)
      .executeTakeFirst()) !== undefined;
  return (await find('runs')) || (await find('model_calls'));
}

/** @returns undefined while the record does not have the run */
export async function jobOfTrace(db: Db, teamId: string, traceId: string): Promise<string | undefined> {
  const row = await db.selectFrom('runs').select('job_id').where('trace_id', '=', traceId).where('team_id', '=', teamId).executeTakeFirst();
  return row?.job_id;
}

type Joined = Pick<Tables, 'model_calls' | 'runs'>;

function ranged(db: Db, teamId: string, { since, until }: CallRange = {}): SelectQueryBuilder<Joined, 'model_calls' | 'runs', object> {
  let query = db
    .selectFrom('model_calls')
    .leftJoin('runs', (join) => join.onRef('runs.trace_id', '=', 'model_calls.trace_id').onRef('runs.team_id', '=', 'model_calls.team_id'))
    .where('model_calls.team_id', '=', teamId);
  if (since !== undefined) query = query.where('model_calls.started_at', '>=', since);
  if (until !== undefined) query = query.where('model_calls.started_at', '<', until);
  return query;
}

const KEYS: Record<CallGroup, RawBuilder<string>> = {
  model: sql<string>`model_calls.model`,
  job: sql<string>`coalesce(runs.job_id, '')`,
  key: sql<string>`coalesce(model_calls.key_id, '')`,
  user: sql<string>`coalesce(model_calls.user_id, '')`,
  day: sql<string>`model_calls.day`,
  trace: sql<string>`coalesce(model_calls.trace_id, '')`,
};

type SumRow = Record<
  'calls' | 'failed' | 'replayed' | 'prompt' | 'completion' | 'cached' | 'written' | 'reasoning' | 'unknown',
  number | null
> & {
  cost: number | null;
};

function sums(eb: ExpressionBuilder<Joined, 'model_calls' | 'runs'>) {
  const total = (column: keyof ModelCallsTable): RawBuilder<number | null> => sql<number | null>`sum(${eb.ref(`model_calls.${column}`)})`;
  return [
    sql<number>`count(*)`.as('calls'),
    sql<number | null>`sum(CASE WHEN model_calls.status IN ('failed', 'aborted') THEN 1 ELSE 0 END)`.as('failed'),
    sql<number | null>`sum(CASE WHEN model_calls.status = 'replayed' THEN 1 ELSE 0 END)`.as('replayed'),
    total('prompt_tokens').as('prompt'),
    total('completion_tokens').as('completion'),
    total('cached_tokens').as('cached'),
    total('cache_write_tokens').as('written'),
    total('reasoning_tokens').as('reasoning'),
    total('cost_usd').as('cost'),
    sql<number | null>`sum(CASE WHEN model_calls.cost_usd IS NULL THEN 1 ELSE 0 END)`.as('unknown'),
  ] as const;
}

function toSums(row: SumRow): CallSums {
  return {
    calls: row.calls ?? 0,
    failed: row.failed ?? 0,
    replayed: row.replayed ?? 0,
    promptTokens: row.prompt ?? 0,
    completionTokens: row.completion ?? 0,
    cachedTokens: row.cached ?? 0,
    cacheWriteTokens: row.written ?? 0,
    reasoningTokens: row.reasoning ?? 0,
    costUsd: row.cost,
    unknownCost: row.unknown ?? 0,
  };
}
