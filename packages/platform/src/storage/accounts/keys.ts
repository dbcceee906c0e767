/** API keys: made, found by their hash, listed, revoked. A revoked key keeps its row, so that the record can name it. */
import type { api } from 'hud/protocol';
import type { Db } from '../database.ts';
import { hashOf, KEY_PREFIX, newId, newSecret } from './secrets.ts';

export interface KeyRow {
  id: string;
  team_id: string;
  user_id: string;
  email: string;
  role: api.Role;
  name: string;
  prefix: string;
  signing_secret: string;
  /** Undefined: all that the role may. */
  scopes: readonly api.Scope[] | undefined;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

export interface NewKey {
  teamId: string;
  userId: string;
  name: string;
  /** @default all that the member's role may */
  scopes?: readonly api.Scope[] | undefined;
  /** Milliseconds since 1970. @default never */
  expiresAt?: number | undefined;
}

/** Letters and digits of a key after its prefix that everybody may see. */
const SHOWN = 4;

/** @returns the secret, which nobody can read again */
export async function createKey(db: Db, { teamId, userId, name, scopes, expiresAt }: NewKey): Promise<{ id: string; secret: string }> {
  const id = newId();
  const secret = newSecret(KEY_PREFIX);
  await db
    .insertInto('api_keys')
    .values({
      id,
      team_id: teamId,
      user_id: userId,
      name,
      prefix: secret.slice(0, KEY_PREFIX.length + SHOWN),
      hash: hashOf(secret),
      signing_secret: newSecret(''),
      scopes: scopes === undefined ? null : JSON.stringify(scopes),
      created_at: Date.now(),
      expires_at: expiresAt ?? null,
      last_used_at: null,
      revoked_at: null,
    })
    .execute();
  return { id, secret };
}

/** Of a member of the team, neither revoked nor expired. */
export async function liveKey(db: Db, by: { hash: string } | { id: string }): Promise<KeyRow | undefined> {
  const query = liveKeys(db);
  const row = await ('hash' in by ? query.where('api_keys.hash', '=', by.hash) : query.where('api_keys.id', '=', by.id)).executeTakeFirst();
  return row === undefined ? undefined : readKey(row);
}

/** @param userId whose alone. Newest first; expired ones are there too. */
export async function listKeys(
  db: Db,
  teamId: string,
  { userId, id }: { userId?: string | undefined; id?: string } = {},
): Promise<KeyRow[]> {
  let query = keys(db).where('api_keys.team_id', '=', teamId);
  if (userId !== undefined) query = query.where('api_keys.user_id', '=', userId);
  if (id !== undefined) query = query.where('api_keys.id', '=', id);
  return (await query.orderBy('api_keys.created_at', 'desc').orderBy('api_keys.id').limit(1_000).execute()).map(readKey);
}

/** @param userId whose key it must be. @returns false when there is none; true again for one that was revoked before */
export async function revokeKey(db: Db, teamId: string, id: string, { userId }: { userId?: string | undefined } = {}): Promise<boolean> {
  const own = db.updateTable('api_keys').where('id', '=', id).where('team_id', '=', teamId);
  const { numUpdatedRows } = await (userId === undefined ? own : own.where('user_id', '=', userId))
    .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(Date.now())) }))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Remembers that it was used, once a minute at most. */
export async function touchKey(db: Db, { id, last_used_at }: Pick<KeyRow, 'id' | 'last_used_at'>, now: number): Promise<void> {
  if (last_used_at !== null && now - last_used_at < TOUCH_MS) return;
  await db
    .updateTable('api_keys')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', now - TOUCH_MS)]))
    .execute();
}

const TOUCH_MS = 60_000;

function keys(db: Db) {
  return db
    .selectFrom('api_keys')
    .innerJoin('members', (join) =>
      join.onRef('members.team_id', '=', 'api_keys.team_id').onRef('members.user_id', '=', 'api_keys.user_id'),
    )
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .selectAll('api_keys')
    .select(['members.role', 'users.email'])
    .where('api_keys.revoked_at', 'is', null);
}

function liveKeys(db: Db) {
  return keys(db).where((eb) => eb.or([eb('api_keys.expires_at', 'is', null), eb('api_keys.expires_at', '>', Date.now())]));
}

function readKey<R extends { scopes: string | null }>(row: R): Omit<R, 'scopes'> & Pick<KeyRow, 'scopes'> {
  return { ...row, scopes: row.scopes === null ? undefined : (JSON.parse(row.scopes) as api.Scope[]) };
}
