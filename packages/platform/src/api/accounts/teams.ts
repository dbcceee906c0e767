/** The team of a key, and who belongs to it. */
import { api } from 'hud/protocol';
import type { Caller } from '../../caller.ts';
import type { Context } from '../../context.ts';
import { absent, Fault } from '../../fault.ts';
import { createLoginToken } from '../../storage/accounts/sessions.ts';
import {
  addMember,
  changeRole,
  createTeam,
  ensureUser,
  getMember,
  getTeam,
  listMembers,
  removeMember,
  renameTeam,
  type MemberRow,
} from '../../storage/accounts/teams.ts';
import type { Db } from '../../storage/database.ts';
import type { Router } from '../bind.ts';
import { accountOf, limitsOf, mintKey } from './keys.ts';

/** How long an invitation waits, in milliseconds. */
const INVITE_MS = 7 * 86_400_000;

export function addTeamRoutes(router: Router, context: Context): void {
  const { db, authority } = context;
  router.on(api.accounts.listTeams, async ({ caller }) => {
    const team = await getTeam(db, caller.teamId);
    return { items: team === undefined ? [] : [teamReply(team, caller.role)] };
  });
  router.on(api.accounts.createTeam, async ({ caller, body }) => {
    const { userId } = accountOf(caller);
    const teamId = await createTeam(db, { name: body.name, ownerId: userId });
    const { key, secret } = await mintKey(db, { teamId, userId, name: 'first key', ...(await limitsOf(db, caller)) });
    return { team: teamReply(await ownTeam(db, { ...caller, teamId }, teamId), 'owner'), key, secret };
  });
  router.on(api.accounts.renameTeam, async ({ caller, params, body }) => {
    await ownTeam(db, caller, params.team);
    await renameTeam(db, params.team, body.name);
    return teamReply(await ownTeam(db, caller, params.team), caller.role);
  });
  router.on(api.accounts.listMembers, async ({ caller, params }) => {
    await ownTeam(db, caller, params.team);
    return { items: (await listMembers(db, params.team)).map(memberReply) };
  });
  router.on(api.accounts.addMember, async ({ caller, params, body }) => {
    await ownTeam(db, caller, params.team);
    return await invite(context, caller, body);
  });
  router.on(api.accounts.changeRole, async ({ caller, params, body }) => {
    const member = await ownMember(db, caller, params);
    onlyOwners(caller, [member.role, body.role]);
    if (!(await changeRole(db, member, body.role))) throw lastOwner(member);
    authority.forget();
    return memberReply({ ...member, role: body.role });
  });
  router.on(api.accounts.removeMember, async ({ caller, params }) => {
    const member = await ownMember(db, caller, params);
    onlyOwners(caller, [member.role]);
    if (!(await removeMember(db, member))) throw lastOwner(member);
    authority.forget();
    return { removed: true as const };
  });
}

/**
 * Nobody proves an address here, so a link opens this team alone, whatever other teams know the same address; and who
 * signed in before gets no second link, so that inviting somebody again does not mean to become them.
 */
async function invite(
  { db, url }: Context,
  caller: Caller,
  { email, role }: { email: string; role: api.Role },
): Promise<{ member: api.accounts.Member; inviteUrl: string | null }> {
  onlyOwners(caller, [role]);
  const { teamId } = caller;
  const userId = await ensureUser(db, email);
  await addMember(db, teamId, { userId, role });
  const member = await getMember(db, teamId, userId);
  if (member === undefined) throw new Fault(409, `${email} was removed in the same moment, try again.`);
  if (member.joined_at !== null) return { member: memberReply(member), inviteUrl: null };
  onlyOwners(caller, [member.role]);
  const token = await createLoginToken(db, { teamId, userId }, { ttlMs: INVITE_MS });
  return { member: memberReply(member), inviteUrl: `${url}/login?token=${token}` };
}

async function ownTeam(db: Db, { teamId }: Caller, id: string): Promise<{ id: string; name: string; created_at: number }> {
  const team = id === teamId ? await getTeam(db, id) : undefined;
  if (team === undefined) throw absent(`team ${id}`);
  return team;
}

async function ownMember(db: Db, caller: Caller, { team, user }: { team: string; user: string }): Promise<MemberRow> {
  await ownTeam(db, caller, team);
  const member = await getMember(db, team, user);
  if (member === undefined) throw absent(`member ${user}`);
  return member;
}

function onlyOwners({ role }: Caller, concerned: readonly api.Role[]): void {
  if (concerned.includes('owner') && role !== 'owner') throw new Fault(403, 'Only an owner of the team makes, changes or removes owners.');
}

function lastOwner({ email }: MemberRow): Fault {
  return new Fault(409, `${email} is the last owner of the team: make somebody else an owner first.`);
}

function teamReply({ id, name, created_at }: { id: string; name: string; created_at: number }, role: api.Role): api.accounts.Team {
  return { id, name, createdAt: created_at, role };
}

function memberReply({ user_id, email, role, created_at, joined_at }: MemberRow): api.accounts.Member {
  return { userId: user_id, email, role, createdAt: created_at, joinedAt: joined_at };
}
