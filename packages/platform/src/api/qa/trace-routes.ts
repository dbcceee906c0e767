/** The routes by which older versions of the Python package have runs examined. */
import { api, dashedUuid } from 'hud/protocol';
import { absent, Fault } from '../../fault.ts';
import type { Router } from '../bind.ts';
import type { Qa } from './checks-routes.ts';

export function addTraceQaRoutes(router: Router, qa: Qa): void {
  const agentOf = async (teamId: string, id: string): Promise<api.qa.Agent> => {
    const agent = (await qa.agents(teamId)).find((one) => one.id === api.hexId(id));
    if (agent === undefined) throw absent(`QA agent '${id}'`);
    return agent;
  };
  router.on(api.qaTraces.results, async ({ query: { subjectTraceIds: ids }, caller }) =>
    spelledAs(ids, await qa.results(caller.teamId, { subjectType: 'trace', subjectIds: ids })),
  );
  router.on(api.qaTraces.rollout, async ({ params, query, caller }) => {
    const [result] = await qa.results(caller.teamId, { resultIds: [params.id] });
    if (result === undefined) throw absent(`QA result '${params.id}'`);
    return { events: [], hasMore: false as const, nextSeq: query.sinceSeq };
  });
  router.on(api.qaTraces.agent, async ({ params, caller }) => {
    const agent = await agentOf(caller.teamId, params.id);
    return { ...agent, id: dashedUuid(agent.id) };
  });
  router.on(api.qaTraces.run, async (call) => {
    const { caller, body, params } = call;
    const agent = await agentOf(caller.teamId, params.id);
    if (agent.subjectType !== 'trace') throw new Fault(400, `'${agent.name}' examines a ${agent.subjectType}, no runs.`);
    return spelledAs(body.traceIds, await qa.run(agent, call, { subjectIds: body.traceIds, overwrite: body.overwrite }));
  });
}

/** The package looks for its own spelling of a trace's id. */
function spelledAs(ids: readonly string[], results: readonly api.qa.Result[]): (api.qa.Result & { subjectTraceId: string })[] {
  const spelled = new Map(ids.map((id) => [api.hexId(id), id]));
  return results.map((result) => ({ ...result, subjectTraceId: spelled.get(api.hexId(result.subjectId)) ?? result.subjectId }));
}
