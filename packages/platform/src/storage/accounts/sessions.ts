/** What browsers sign in with: one-time links, and the sessions that they open. */
import type { api } from 'hud/protocol';
import type { Db } from '../database.ts';
import { liveKey } from './keys.ts';
import { hashOf, newSecret, SESSION_PREFIX } from './secrets.ts';
import { getMember, markJoined } from './teams.ts';

export interface SessionRow {
  team_id: string;
  user_id: string;
  key_id: string | null;
  role: api.Role;
  scopes: readonly api.Scope[] | undefined;
  expires_at: number;
}

const DAY_MS = 86_400_000;
/** How long a browser stays signed in, in milliseconds. */
export const SESSION_MS = 30 * DAY_MS;

export interface Member {
  teamId: string;
  userId: string;
}

/** @param keyId the session ends with this key, and may do no more. @returns the secret for the cookie */
export async function openSession(db: Db, { teamId, userId, keyId }: Member & { keyId?: string | undefined }): Promise<string> {
  const secret = newSecret(SESSION_PREFIX);
  const now = Date.now();
  await db.deleteFrom('sessions').where('expires_at', '<', now).execute();
  await db
    .insertInto('sessions')
    .values({
      hash: hashOf(secret),
      team_id: teamId,
      user_id: userId,
      key_id: keyId ?? null,
      created_at: now,
      expires_at: now + SESSION_MS,
    })
    .execute();
  await markJoined(db, teamId, userId);
  return secret;
}

/** Of a member, with what its key may now. */
export async function liveSession(db: Db, hash: string): Promise<SessionRow | undefined> {
  const row = await db.selectFrom('sessions').selectAll().where('hash', '=', hash).where('expires_at', '>', Date.now()).executeTakeFirst();
  if (row === undefined) return undefined;
  const { team_id, user_id, key_id, expires_at } = row;
  if (key_id !== null) {
    const key = await liveKey(db, { id: key_id });
    return key === undefined ? undefined : { team_id, user_id, key_id, role: key.role, scopes: key.scopes, expires_at };
  }
  const member = await getMember(db, team_id, user_id);
  return member === undefined ? undefined : { team_id, user_id, key_id, role: member.role, scopes: undefined, expires_at };
}

export async function endSession(db: Db, secret: string): Promise<void> {
  await db.deleteFrom('sessions').where('hash', '=', hashOf(secret)).execute();
}

/** @returns the secret for the link; it works once */
export async function createLoginToken(db: Db, { teamId, userId }: Member, { ttlMs }: { ttlMs: number }): Promise<string> {
  const secret = newSecret('');
  const now = Date.now();
  await db.deleteFrom('login_tokens').where('expires_at', '<', now).execute();
  await db
    .insertInto('login_tokens')
    .values({ hash: hashOf(secret), team_id: teamId, user_id: userId, created_at: now, expires_at: now + ttlMs })
    .execute();
  return secret;
}

/** Whom the link is for; it keeps working. */
export async function peekLoginToken(db: Db, secret: string): Promise<Member | undefined> {
  const row = await db
    .selectFrom('login_tokens')
    .selectAll()
    .where('hash', '=', hashOf(secret))
    .where('expires_at', '>', Date.now())
    .executeTakeFirst();
  return row === undefined ? undefined : { teamId: row.team_id, userId: row.user_id };
}

/** Of several who try at once, one gets it. */
export async function takeLoginToken(db: Db, secret: string): Promise<Member | undefined> {
  const row = await db
    .deleteFrom('login_tokens')
    .where('hash', '=', hashOf(secret))
    .where('expires_at', '>', Date.now())
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : { teamId: row.team_id, userId: row.user_id };
}
