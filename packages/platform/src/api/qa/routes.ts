/** QA: agents that examine tasksets, tasks, environments and runs. */
import { api, dashedUuid, decode, encode, parseJson, stringifyJson } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { absent, Fault } from '../../fault.ts';
import {
  countOpen,
  listAgents,
  requestResult,
  resultsById,
  resultsOfSubjects,
  saveAgent,
  type Outcome,
  type StoredAgent,
  type StoredResult,
} from '../../storage/qa/results.ts';
import type { Router } from '../bind.ts';
import { BUILT_IN, CHECKS_VERSION, runChecks } from './checks.ts';
import { evidenceHash, gatherEvidence, type Evidence } from './evidence.ts';
import { addCheckRoutes, type Qa } from './checks-routes.ts';
import { askModel } from './judge.ts';
import { QaQueue, type QueueOptions } from './queue.ts';
import { addTraceQaRoutes } from './trace-routes.ts';

/** Examinations of one team that wait at once. */
const MOST_OPEN = 2_000;

export function addQaRoutes(router: Router, context: Context, options: Pick<QueueOptions, 'silenceMs'> = {}): void {
  const { db } = context;
  const queue = new QaQueue(context, {
    ...options,
    openAgents: BUILT_IN.map(({ id }) => id),
    examine: async (result, key, signal) => await examine(context, result, key, signal),
  });
  router.on(api.qa.agents, async ({ query, caller }) => {
    const agents = (await agentsOf(context, caller.teamId)).filter(
      ({ subjectType }) => query.subjectType === undefined || subjectType === query.subjectType,
    );
    const { limit, offset } = query;
    return { items: agents.slice(offset, offset + limit).map(shownAgent), total: agents.length, limit, offset };
  });
  router.on(api.qa.createAgent, async ({ body, caller }) => {
    if (BUILT_IN.some(({ name }) => name === body.name))
      throw new Fault(409, `'${body.name}' is an agent that the platform brings; choose another name.`);
    return shownAgent(ownAgent(await saveAgent(db, caller.teamId, body, context.now())));
  });
  router.on(api.qa.run, async ({ params, body, caller, request }) => {
    const agent = (await agentsOf(context, caller.teamId)).find(({ id }) => id === api.hexId(params.id));
    if (agent === undefined) throw absent(`QA agent '${params.id}'`);
    return await run(context, queue, { agent, teamId: caller.teamId, key: keyOf(request), ...body });
  });
  router.on(api.qa.results, async ({ query, caller }) => {
    const rows = await wanted(context, caller.teamId, query);
    return await shownResults(context, caller.teamId, rows);
  });
  const qa: Qa = {
    agents: async (teamId) => await agentsOf(context, teamId),
    run: async (agent, { caller, request }, { subjectIds, overwrite }) =>
      await run(context, queue, { agent, teamId: caller.teamId, key: keyOf(request), subjectIds: [...subjectIds], overwrite }),
    results: async (teamId, which) => await shownResults(context, teamId, await wanted(context, teamId, which)),
  };
  addCheckRoutes(router, qa);
  addTraceQaRoutes(router, qa);
}

interface Run extends api.Body<typeof api.qa.run> {
  agent: api.qa.Agent;
  teamId: string;
  key: string | undefined;
}

/** Nothing is begun unless every subject is there. */
async function run(context: Context, queue: QaQueue, { agent, teamId, key, subjectIds, overwrite }: Run): Promise<api.qa.Result[]> {
  const { db, now } = context;
  const subjects = new Map<string, string>();
  for (const text of subjectIds) {
    const id = api.hexId(text);
    if (id !== undefined && subjects.has(id)) continue;
    const evidence = id === undefined ? undefined : await gatherEvidence(db, teamId, agent.subjectType, id);
    if (id === undefined || evidence === undefined) throw absent(`${agent.subjectType} '${text}'`);
    subjects.set(id, evidenceHash(evidence, definitionOf(agent)));
  }
  if ((await countOpen(db, teamId)) + subjects.size > MOST_OPEN)
    throw new Fault(429, `More than ${MOST_OPEN} examinations would wait; come back when some are done.`, { retryAfter: 30 });
  const rows: StoredResult[] = [];
  for (const [subjectId, evidence] of subjects) {
    const row = await requestResult(
      db,
      { teamId, agentId: agent.id, subjectType: agent.subjectType, subjectId, evidence },
      overwrite,
      now(),
    );
    rows.push(row);
    if (row.status === 'pending') queue.notify(row.id, agent.modelName === null ? undefined : (key ?? ''));
  }
  return await shownResults(context, teamId, rows);
}

async function examine(context: Context, result: StoredResult, key: string | undefined, signal: AbortSignal): Promise<Outcome> {
  const { db, url } = context;
  const agent = (await agentsOf(context, result.team_id)).find(({ id }) => id === result.agent_id);
  if (agent === undefined) return { error: 'The agent is not there any more.' };
  const evidence = await gatherEvidence(db, result.team_id, agent.subjectType, result.subject_id);
  if (evidence === undefined) return { error: `The ${agent.subjectType} is not there any more.` };
  const { modelName, instructions } = agent;
  if (modelName !== null && key === undefined)
    return { error: 'The platform was restarted before the model was asked, and keeps no keys; run it again.' };
  const verdict =
    modelName === null
      ? await runChecks(evidence, agent.name)
      : await askModel(evidence, { gateway: `${url}/gateway`, key: key === '' ? undefined : key, modelName, instructions, signal });
  return { result: stringifyJson(encode(api.qa.Verdict, verdict)), evidence: evidenceHash(evidence, definitionOf(agent)) };
}

async function wanted(
  { db }: Context,
  teamId: string,
  { resultIds, subjectType, subjectIds }: api.Query<typeof api.qa.results>,
): Promise<StoredResult[]> {
  if (resultIds !== undefined)
    return await resultsById(
      db,
      teamId,
      resultIds.flatMap((id) => api.hexId(id) ?? []),
    );
  if (subjectType === undefined || subjectIds === undefined)
    throw new Fault(400, 'Say which: result_ids, or subject_type and subject_ids.');
  return await resultsOfSubjects(
    db,
    teamId,
    subjectType,
    subjectIds.flatMap((id) => api.hexId(id) ?? []),
  );
}

async function shownResults({ db }: Context, teamId: string, rows: readonly StoredResult[]): Promise<api.qa.Result[]> {
  const agents = new Map((await agentsOf({ db }, teamId)).map((agent) => [agent.id, agent]));
  const evidence = new Map<string, Evidence | undefined>();
  for (const { subject_type: type, subject_id: id } of rows)
    if (!evidence.has(id)) evidence.set(id, await gatherEvidence(db, teamId, type as api.qa.SubjectType, id));
  return rows.map((row) => {
    const agent = agents.get(row.agent_id);
    const now = evidence.get(row.subject_id);
    const result = row.result === null ? null : decode(api.qa.Verdict, parseJson(row.result));
    return {
      id: dashedUuid(row.id),
      qaAgentId: dashedUuid(row.agent_id),
      agentName: agent?.name ?? 'deleted',
      subjectType: row.subject_type as api.qa.SubjectType,
      subjectId: dashedUuid(row.subject_id),
      status: row.status as api.qa.Result['status'],
      canonicalResult: result,
      result,
      error: row.error,
      evidenceId: dashedUuid(row.evidence.slice(0, 32)),
      stale:
        row.status === 'completed' && (agent === undefined || now === undefined || evidenceHash(now, definitionOf(agent)) !== row.evidence),
      createdAt: new Date(row.created_at).toISOString(),
      endedAt: row.ended_at === null ? null : new Date(row.ended_at).toISOString(),
    };
  });
}

async function agentsOf({ db }: Pick<Context, 'db'>, teamId: string): Promise<api.qa.Agent[]> {
  return [...BUILT_IN, ...(await listAgents(db, teamId)).map(ownAgent)];
}

/** Changes when the agent would judge otherwise. */
function definitionOf({ id, modelName, instructions }: api.qa.Agent): string {
  return modelName === null ? `${id} ${CHECKS_VERSION}` : JSON.stringify([id, modelName, instructions]);
}

function ownAgent({ id, name, subject_type: subjectType, model_name: modelName, instructions }: StoredAgent): api.qa.Agent {
  return { id, name, subjectType: subjectType as api.qa.SubjectType, modelName, instructions };
}

function shownAgent(agent: api.qa.Agent): api.qa.Agent {
  return { ...agent, id: dashedUuid(agent.id) };
}

function keyOf({ headers }: Request): string | undefined {
  return /^Bearer\s+(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? undefined;
}
