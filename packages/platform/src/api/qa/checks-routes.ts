/** The routes by which newer versions of the Python package reach QA, over the same agents and results. */
import { api } from 'hud/protocol';
import { absent, Fault } from '../../fault.ts';
import type { Call, Router } from '../bind.ts';

/** What `qa.ts` has. */
export interface Qa {
  agents(teamId: string): Promise<api.qa.Agent[]>;
  run(
    agent: api.qa.Agent,
    call: Pick<Call<typeof api.qaChecks.run>, 'caller' | 'request'>,
    subjects: { subjectIds: readonly string[]; overwrite: boolean },
  ): Promise<api.qa.Result[]>;
  results(teamId: string, which: api.Query<typeof api.qa.results>): Promise<api.qa.Result[]>;
}

type CheckedType = api.qaChecks.CheckedType;

export function addCheckRoutes(router: Router, qa: Qa): void {
  const agentsFor = async (teamId: string, types: readonly string[]): Promise<api.qa.Agent[]> =>
    (await qa.agents(teamId)).filter(({ subjectType }) => types.includes(subjectType));
  router.on(api.qaChecks.checks, async ({ caller }) => ({
    checks: (await agentsFor(caller.teamId, ['trace', 'task'])).map(({ name, subjectType, instructions }) => ({
      key: name,
      subjectType: subjectType as CheckedType,
      title: name,
      question: instructions,
    })),
  }));
  router.on(api.qaChecks.run, async (call) => {
    const { type, ids: subjectIds } = subjectsOf(call.body);
    const { checkKeys, overwrite } = call.body;
    const agents = await agentsFor(call.caller.teamId, [type]);
    const chosen = [...new Set(checkKeys)].map((key: string) => {
      const agent = agents.find(({ name }) => name === key);
      if (agent === undefined) throw absent(`QA agent '${key}' for ${type}s`);
      return agent;
    });
    const results: api.qa.Result[] = [];
    for (const agent of chosen) results.push(...(await qa.run(agent, call, { subjectIds, overwrite })));
    return { results: results.map(shown) };
  });
  router.on(api.qaChecks.results, async ({ query, caller }) => {
    const { type, ids } = subjectsOf(query);
    const results = await qa.results(caller.teamId, { subjectType: type, subjectIds: [...ids] });
    const hasHistory = ['true', 'True', '1'].includes(query.includeHistory ?? 'false');
    return { results: results.filter(({ stale }) => hasHistory || !stale).map(shown) };
  });
}

/** @throws Fault 400 */
function subjectsOf({ traceIds, taskIds }: Record<'traceIds' | 'taskIds', readonly string[]>): {
  type: CheckedType;
  ids: readonly string[];
} {
  if (traceIds.length === 0 && taskIds.length === 0) throw new Fault(400, 'Say what to examine: trace_ids or task_ids.');
  if (traceIds.length > 0 && taskIds.length > 0)
    throw new Fault(400, 'Runs and tasks are examined apart: send trace_ids or task_ids, not both.');
  return traceIds.length > 0 ? { type: 'trace', ids: traceIds } : { type: 'task', ids: taskIds };
}

function shown({
  id,
  agentName,
  subjectType,
  subjectId,
  evidenceId,
  status,
  canonicalResult,
  error,
}: api.qa.Result): api.qaChecks.CheckResult {
  const isTrace = subjectType === 'trace';
  return {
    id,
    checkKey: agentName,
    subjectType: isTrace ? 'trace' : 'task',
    subjectTraceId: isTrace ? subjectId : null,
    subjectTaskId: isTrace ? null : subjectId,
    subjectTaskVersionId: isTrace ? null : evidenceId,
    status,
    source: 'analysis',
    verdict: canonicalResult?.verdict ?? null,
    result: canonicalResult,
    error,
    note: null,
    analysisTraceId: null,
  };
}
