/** Whose replies a model server keeps, and which server. They outlive the process that passed them on. */
import type { Db } from './database.ts';

/** Servers keep replies for 30 days. */
const KEPT_MS = 30 * 86_400_000;

export interface KeptResponse {
  responseId: string;
  upstream: string;
  /** Milliseconds since 1970. */
  createdAt: number;
}

export async function keepResponses(db: Db, rows: readonly (KeptResponse & { teamId: string })[]): Promise<void> {
  if (rows.length === 0) return;
  await db
    .insertInto('gateway_responses')
    .values(
      rows.map(({ teamId, responseId, upstream, createdAt }) => ({
        team_id: teamId,
        response_id: responseId,
        upstream,
        created_at: createdAt,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** @returns name of the upstream; undefined for replies of others */
export async function keeperOf(db: Db, teamId: string, responseId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('gateway_responses')
    .select('upstream')
    .where('team_id', '=', teamId)
    .where('response_id', '=', responseId)
    .executeTakeFirst();
  return row?.upstream;
}

/** Forgets those that no server has any more. */
export async function dropOldResponses(db: Db, now: number): Promise<void> {
  await db
    .deleteFrom('gateway_responses')
    .where('created_at', '<', now - KEPT_MS)
    .execute();
}
