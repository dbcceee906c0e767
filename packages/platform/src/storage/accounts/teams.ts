/** Users, teams and who belongs to which. */
import type { api } from 'hud/protocol';
import type { Db } from '../database.ts';
import { newId } from './secrets.ts';

export interface MemberRow {
  team_id: string;
  user_id: string;
  email: string;
  role: api.Role;
  created_at: number;
  joined_at: number | null;
}

/** @param email in lower case. @returns the user's id, of one that may have been there */
export async function ensureUser(db: Db, email: string): Promise<string> {
  const user = { id: newId(), email, created_at: Date.now() };
  await db
    .insertInto('users')
    .values(user)
    .onConflict((conflict) => conflict.column('email').doNothing())
    .execute();
  return (await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()).id;
}

/** @returns its id; the user owns it */
export async function createTeam(db: Db, { name, ownerId }: { name: string; ownerId: string }): Promise<string> {
  const id = newId();
  const now = Date.now();
  await db.insertInto('teams').values({ id, name, created_at: now }).execute();
  await db.insertInto('members').values({ team_id: id, user_id: ownerId, role: 'owner', created_at: now, joined_at: now }).execute();
  return id;
}

export async function getTeam(db: Db, teamId: string): Promise<{ id: string; name: string; created_at: number } | undefined> {
  return await db.selectFrom('teams').selectAll().where('id', '=', teamId).executeTakeFirst();
}

export async function renameTeam(db: Db, teamId: string, name: string): Promise<void> {
  await db.updateTable('teams').set({ name }).where('id', '=', teamId).execute();
}

/** In the order in which they came. */
export async function listMembers(db: Db, teamId: string): Promise<MemberRow[]> {
  return await members(db, teamId).orderBy('members.created_at').orderBy('members.user_id').execute();
}

export async function getMember(db: Db, teamId: string, userId: string): Promise<MemberRow | undefined> {
  return await members(db, teamId).where('members.user_id', '=', userId).executeTakeFirst();
}

/** Leaves a member who is there as they are. */
export async function addMember(db: Db, teamId: string, { userId, role }: { userId: string; role: api.Role }): Promise<void> {
  await db
    .insertInto('members')
    .values({ team_id: teamId, user_id: userId, role, created_at: Date.now(), joined_at: null })
    .onConflict((conflict) => conflict.columns(['team_id', 'user_id']).doNothing())
    .execute();
}

/** They signed in. */
export async function markJoined(db: Db, teamId: string, userId: string): Promise<void> {
  await db
    .updateTable('members')
    .set({ joined_at: Date.now() })
    .where('team_id', '=', teamId)
    .where('user_id', '=', userId)
    .where('joined_at', 'is', null)
    .execute();
}

/** @returns false, and nothing changed, when the team would have no owner left */
export async function changeRole(db: Db, member: MemberRow, role: api.Role): Promise<boolean> {
  const set = async (to: api.Role): Promise<void> => {
    await db.updateTable('members').set({ role: to }).where('team_id', '=', member.team_id).where('user_id', '=', member.user_id).execute();
  };
  if (member.role === 'owner' && role !== 'owner' && (await countOwners(db, member.team_id)) <= 1) return false;
  await set(role);
  if ((await countOwners(db, member.team_id)) > 0) return true;
  await set(member.role); // the other owner stepped back in the same moment: both stay
  return false;
}

/** With keys and sessions. @returns false, and nothing changed, when the team would have no owner left */
export async function removeMember(db: Db, member: MemberRow): Promise<boolean> {
  if (member.role === 'owner' && !(await changeRole(db, member, 'viewer'))) return false;
  const { team_id, user_id } = member;
  await db
    .updateTable('api_keys')
    .set({ revoked_at: Date.now() })
    .where('team_id', '=', team_id)
    .where('user_id', '=', user_id)
    .where('revoked_at', 'is', null)
    .execute();
  for (const table of ['sessions', 'login_tokens', 'members'] as const) {
    await db.deleteFrom(table).where('team_id', '=', team_id).where('user_id', '=', user_id).execute();
  }
  return true;
}

async function countOwners(db: Db, teamId: string): Promise<number> {
  const query = db.selectFrom('members').select((eb) => eb.fn.countAll().as('owners'));
  const { owners } = await query.where('team_id', '=', teamId).where('role', '=', 'owner').executeTakeFirstOrThrow();
  return Number(owners);
}

function members(db: Db, teamId: string) {
  return db
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .selectAll('members')
    .select('users.email')
    .where('members.team_id', '=', teamId);
}
