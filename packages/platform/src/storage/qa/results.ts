/** What QA agents are to examine, and what they found. */
import type { Db } from '../database.ts';
import type { QaAgentsTable, QaResultsTable } from '../schema/registry.ts';
import { newId } from '../tasksets/tasksets.ts';

export type StoredResult = Readonly<QaResultsTable>;
export type StoredAgent = Readonly<QaAgentsTable>;

/** By name. */
export async function listAgents(db: Db, teamId: string): Promise<StoredAgent[]> {
  return await db.selectFrom('qa_agents').selectAll().where('team_id', '=', teamId).orderBy('name').execute();
}

export async function saveAgent(
  db: Db,
  teamId: string,
  agent: { name: string; subjectType: string; modelName: string; instructions: string },
  now: number,
): Promise<StoredAgent> {
  const changes = { subject_type: agent.subjectType, model_name: agent.modelName, instructions: agent.instructions };
  return await db
    .insertInto('qa_agents')
    .values({ id: newId(), team_id: teamId, name: agent.name, created_at: now, ...changes })
    .onConflict((conflict) => conflict.columns(['team_id', 'name']).doUpdateSet(changes))
    .returningAll()
    .executeTakeFirstOrThrow();
}

export interface Request {
  teamId: string;
  agentId: string;
  subjectType: string;
  subjectId: string;
  /** SHA-256 of what is examined, and by what. */
  evidence: string;
}

/**
 * A result to be filled in.
 * @returns the one for the same evidence that is there, or under way, unless `overwrite`; one that failed is none
 */
export async function requestResult(db: Db, request: Request, overwrite: boolean, now: number): Promise<StoredResult> {
  const { teamId, agentId, subjectType, subjectId, evidence } = request;
  return await db.transaction().execute(async (transaction) => {
    const known = await transaction
      .selectFrom('qa_results')
      .selectAll()
      .where('team_id', '=', teamId)
      .where('subject_type', '=', subjectType)
      .where('subject_id', '=', subjectId)
      .where('agent_id', '=', agentId)
      .where('evidence', '=', evidence)
      .where('status', 'in', overwrite ? ['pending', 'running'] : ['pending', 'running', 'completed'])
      .orderBy('created_at', 'desc')
      .executeTakeFirst();
    if (known !== undefined) return known;
    return await transaction
      .insertInto('qa_results')
      .values({
        id: newId(),
        team_id: teamId,
        agent_id: agentId,
        subject_type: subjectType,
        subject_id: subjectId,
        evidence,
        status: 'pending',
        result: null,
        error: null,
        created_at: now,
        ended_at: null,
        alive_at: null,
        attempts: 0,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

export async function resultsById(db: Db, teamId: string, ids: readonly string[]): Promise<StoredResult[]> {
  if (ids.length === 0) return [];
  return await db
    .selectFrom('qa_results')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('id', 'in', ids)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** The newest of each agent on each subject. */
export async function resultsOfSubjects(
  db: Db,
  teamId: string,
  subjectType: string,
  subjectIds: readonly string[],
): Promise<StoredResult[]> {
  if (subjectIds.length === 0) return [];
  const rows = await db
    .selectFrom('qa_results')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('subject_type', '=', subjectType)
    .where('subject_id', 'in', subjectIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return [...new Map(rows.map((row) => [`${row.subject_id} ${row.agent_id}`, row])).values()];
}

export interface Claim {
  now: number;
  /** Whoever holds one and was last alive before is not any more. */
  silentSince: number;
  /** Agents that anybody may work for. */
  openAgents: readonly string[];
  /** Results that only this process can fill in. */
  own: readonly string[];
}

/** @returns undefined when none is left */
export async function claimResult(db: Db, { now, silentSince, openAgents, own }: Claim): Promise<StoredResult | undefined> {
  const next = await db
    .selectFrom('qa_results')
    .select(['id', 'status', 'attempts'])
    .where('status', 'in', ['pending', 'running'])
    .where((e) =>
      e.or([
        e.and([e('status', '=', 'pending'), e('agent_id', 'in', openAgents)]),
        ...(own.length === 0 ? [] : [e.and([e('status', '=', 'pending'), e('id', 'in', own)])]),
        e(e.fn.coalesce('alive_at', 'created_at'), '<', silentSince),
      ]),
    )
    .orderBy('created_at')
    .orderBy('id')
    .executeTakeFirst();
  if (next === undefined) return undefined;
  const taken = await db
    .updateTable('qa_results')
    .set({ status: 'running', alive_at: now, attempts: next.attempts + 1 })
    .where('id', '=', next.id)
    .where('status', '=', next.status)
    .where('attempts', '=', next.attempts)
    .returningAll()
    .executeTakeFirst();
  return taken ?? (await claimResult(db, { now, silentSince, openAgents, own })); // another process was faster
}

/** Of those that wait for this process, or that it works on. */
export async function keepAlive(db: Db, ids: readonly string[], now: number): Promise<void> {
  for (let at = 0; at < ids.length; at += 200) {
    await db
      .updateTable('qa_results')
      .set({ alive_at: now })
      .where('id', 'in', ids.slice(at, at + 200))
      .where('status', 'in', ['pending', 'running'])
      .execute();
  }
}

export async function countOpen(db: Db, teamId: string): Promise<number> {
  const { open } = await db
    .selectFrom('qa_results')
    .select((e) => e.fn.countAll<number>().as('open'))
    .where('team_id', '=', teamId)
    .where('status', 'in', ['pending', 'running'])
    .executeTakeFirstOrThrow();
  return Number(open);
}

/** `evidence`: of what was examined in the end. */
export type Outcome = { result: string; evidence: string; error?: undefined } | { error: string; result?: undefined };

/** Only of the attempt that holds it: one that was given up for dead has no say. */
export async function endResult(
  db: Db,
  { id, attempts }: Pick<StoredResult, 'id' | 'attempts'>,
  outcome: Outcome,
  now: number,
): Promise<void> {
  const end =
    outcome.result === undefined
      ? { status: 'error', error: outcome.error }
      : { status: 'completed', result: outcome.result, evidence: outcome.evidence };
  await db
    .updateTable('qa_results')
    .set({ ...end, ended_at: now })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .where('attempts', '=', attempts)
    .execute();
}
