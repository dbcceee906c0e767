/** What a platform that starts for the first time needs: an owner, a team and a key. */
import type { Db } from '../database.ts';
import { createKey } from './keys.ts';
import { createLoginToken } from './sessions.ts';
import { ensureUser } from './teams.ts';

const OWNER = 'owner@localhost';
/** Fixed, so that of several processes that start at once one makes it. */
const FIRST_TEAM = '00000000000040008000000000000001';
/** How long the link that is printed at the start works, in milliseconds. */
const LINK_MS = 3_600_000;

/** @returns the key when it was made just now; undefined when there are accounts already */
export async function firstKey(db: Db): Promise<string | undefined> {
  if ((await db.selectFrom('members').select('user_id').limit(1).executeTakeFirst()) !== undefined) return undefined;
  const userId = await ensureUser(db, OWNER);
  const now = Date.now();
  await db
    .insertInto('teams')
    .values({ id: FIRST_TEAM, name: 'default', created_at: now })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('members')
    .values({ team_id: FIRST_TEAM, user_id: userId, role: 'owner', created_at: now, joined_at: now })
    .onConflict((conflict) => conflict.columns(['team_id', 'user_id']).doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows !== 1n) return undefined; // another process was first
  return (await createKey(db, { teamId: FIRST_TEAM, userId, name: 'first key' })).secret;
}

/**
 * A link that signs the platform's first owner in, once, within an hour: whoever starts the process may.
 * @param url of the platform, without a slash at its end. @returns undefined before there are accounts
 */
export async function loginLink(db: Db, url: string): Promise<string | undefined> {
  const owner = await db
    .selectFrom('members')
    .select(['team_id', 'user_id'])
    .where('role', '=', 'owner')
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst();
  if (owner === undefined) return undefined;
  const token = await createLoginToken(db, { teamId: owner.team_id, userId: owner.user_id }, { ttlMs: LINK_MS });
  return `${url}/login?token=${token}`;
}
