/** Budgets, and what was spent of them. */
import { sql } from 'kysely';
import type { Db } from '../database.ts';

export type Scope = 'run' | 'job' | 'key' | 'team';
export type Period = 'total' | 'day' | 'month';

export interface BudgetName {
  teamId: string;
  scope: Scope;
  /** Of the trace, the job or the key; empty for the team's own. */
  scopeId: string;
  period: Period;
}

export interface BudgetTerms {
  limitUsd: number;
  allowUnknownPrice: boolean;
}

/** Of every team. */
export async function listBudgets(db: Db): Promise<(BudgetName & BudgetTerms)[]> {
  const rows = await db.selectFrom('budgets').selectAll().execute();
  return rows.map((row) => ({
    teamId: row.team_id,
    scope: row.scope as Scope,
    scopeId: row.scope_id,
    period: row.period as Period,
    limitUsd: row.limit_usd,
    allowUnknownPrice: row.allow_unknown_price === 1,
  }));
}

export async function putBudget(db: Db, { teamId, scope, scopeId, period }: BudgetName, terms: BudgetTerms): Promise<void> {
  const values = { limit_usd: terms.limitUsd, allow_unknown_price: terms.allowUnknownPrice ? 1 : 0 };
  await db
    .insertInto('budgets')
    .values({ team_id: teamId, scope, scope_id: scopeId, period, ...values })
    .onConflict((conflict) => conflict.columns(['team_id', 'scope', 'scope_id', 'period']).doUpdateSet(values))
    .execute();
}

export async function deleteBudget(db: Db, { teamId, scope, scopeId, period }: BudgetName): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('budgets')
    .where('team_id', '=', teamId)
    .where('scope', '=', scope)
    .where('scope_id', '=', scopeId)
    .where('period', '=', period)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** What was charged since then, in USD, by the calls that are written. @param since milliseconds since 1970 */
export async function spentOf(db: Db, { teamId, scope, scopeId }: BudgetName, since: number): Promise<number> {
  let query = db
    .selectFrom('model_calls')
    .select(sql<number | null>`sum(model_calls.charged_usd)`.as('spent'))
    .where('model_calls.team_id', '=', teamId)
    .where('model_calls.started_at', '>=', since);
  if (scope === 'run') query = query.where('model_calls.trace_id', '=', scopeId);
  if (scope === 'key') query = query.where('model_calls.key_id', '=', scopeId);
  if (scope === 'job') {
    const traces = db.selectFrom('runs').select('runs.trace_id').where('runs.job_id', '=', scopeId).where('runs.team_id', '=', teamId);
    query = query.where('model_calls.trace_id', 'in', traces);
  }
  return (await query.executeTakeFirstOrThrow()).spent ?? 0;
}

/** May the team have such a budget? A run may get one before it is known. */
export async function hasScope(db: Db, { teamId, scope, scopeId }: BudgetName): Promise<boolean> {
  if (scope === 'team') return true;
  if (scope === 'run') return true;
  const table = scope === 'job' ? 'jobs' : 'api_keys';
  const row = await db.selectFrom(table).select('id').where('id', '=', scopeId).where('team_id', '=', teamId).executeTakeFirst();
  return row !== undefined;
}
