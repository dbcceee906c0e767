/** Projects, as newer releases of the Python package ask for them: each team is one. */
import { api, dashedUuid, normalizeEnvironmentName } from 'hud/protocol';
import type { Caller } from '../../caller.ts';
import type { Context } from '../../context.ts';
import { Fault, absent } from '../../fault.ts';
import { getTeam } from '../../storage/accounts/teams.ts';
import type { Router } from '../bind.ts';

export function addProjectRoutes(router: Router, { db }: Context): void {
  const projectOf = async ({ teamId, scopes }: Caller) => ({
    id: dashedUuid(teamId),
    name: normalizeEnvironmentName((await getTeam(db, teamId))?.name ?? 'default'),
    isDefault: true,
    capabilities: { create: scopes.has('write') },
  });
  router.on(api.projects.identity, async ({ caller }) => {
    if (caller.userId === undefined) throw new Fault(403, 'The key belongs to no user.');
    return { userId: dashedUuid(caller.userId), teamId: dashedUuid(caller.teamId) };
  });
  router.on(api.projects.list, async ({ caller, query: { search = '', offset } }) => {
    const project = await projectOf(caller);
    const found = project.name.startsWith(search) ? [project] : [];
    return { items: found.slice(offset), total: found.length };
  });
  router.on(api.projects.create, async ({ caller, body }) => {
    const project = await projectOf(caller);
    if (normalizeEnvironmentName(body.name) === project.name) return project;
    throw new Fault(409, `A team has one project here, '${project.name}'. Put it there, or use another team.`);
  });
  router.on(api.projects.get, async ({ caller, params }) => {
    const project = await projectOf(caller);
    if (api.hexId(params.id) !== caller.teamId) throw absent(`project ${params.id}`);
    return project;
  });
}
