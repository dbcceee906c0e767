/** Logins of devices without a browser: asked for, decided on by a person, taken once. */
import { randomInt } from 'node:crypto';
import type { api } from 'hud/protocol';
import type { DeviceCodesTable } from '../schema/accounts.ts';
import type { Db } from '../database.ts';
import { hashOf, newSecret } from './secrets.ts';

/** How long a code may be approved, in seconds. */
export const CODE_S = 900;
/** Least time between two questions for the key, in seconds. */
export const INTERVAL_S = 5;
/** Clocks and networks are not exact, in milliseconds. */
const SLACK_MS = 500;

/** Nothing that looks like another letter or a digit, and no vowels, so that no word comes out. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

export interface Asker {
  clientName: string;
  clientVersion: string;
  address: string;
}

export interface Approval {
  teamId: string;
  userId: string;
  /** Undefined: all that the role may. */
  scopes: readonly api.Scope[] | undefined;
  /** Of the key that the device gets; undefined: never. */
  expiresAt: number | undefined;
}

export type Poll = { state: 'pending' | 'too-soon' | 'denied' | 'expired' } | { state: 'approved'; clientName: string; by: Approval };

/** @returns what the device keeps, and what a person types: `BCDF-GHJK` */
export async function createDeviceCode(
  db: Db,
  { clientName, clientVersion, address }: Asker,
): Promise<{ deviceCode: string; userCode: string }> {
  const deviceCode = newSecret('');
  const userCode = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  const now = Date.now();
  await db.deleteFrom('device_codes').where('expires_at', '<', now).execute();
  await db
    .insertInto('device_codes')
    .values({
      hash: hashOf(deviceCode),
      user_code: userCode,
      client_name: clientName,
      client_version: clientVersion,
      address,
      status: 'pending',
      team_id: null,
      user_id: null,
      scopes: null,
      key_expires_at: null,
      created_at: now,
      expires_at: now + CODE_S * 1000,
      polled_at: null,
    })
    .execute();
  return { deviceCode, userCode: withDash(userCode) };
}

/** @param typed by a person, in any case, with or without the dash */
export async function pendingDevice(
  db: Db,
  typed: string,
): Promise<Pick<DeviceCodesTable, 'client_name' | 'client_version' | 'address' | 'created_at'> | undefined> {
  return await db
    .selectFrom('device_codes')
    .select(['client_name', 'client_version', 'address', 'created_at'])
    .where('user_code', '=', compact(typed))
    .where('status', '=', 'pending')
    .where('expires_at', '>', Date.now())
    .executeTakeFirst();
}

/** @param by undefined: denied. @returns false when nothing waits under the code any more */
export async function decideDevice(db: Db, typed: string, by: Approval | undefined): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('device_codes')
    .set(
      by === undefined
        ? { status: 'denied' }
        : {
            status: 'approved',
            team_id: by.teamId,
            user_id: by.userId,
            scopes: by.scopes === undefined ? null : JSON.stringify(by.scopes),
            key_expires_at: by.expiresAt ?? null,
          },
    )
    .where('user_code', '=', compact(typed))
    .where('status', '=', 'pending')
    .where('expires_at', '>', Date.now())
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The device asks. An approval is given to the first who asks, and to nobody after. */
export async function pollDevice(db: Db, deviceCode: string): Promise<Poll> {
  const hash = hashOf(deviceCode);
  const now = Date.now();
  const taken = await db
    .deleteFrom('device_codes')
    .where('hash', '=', hash)
    .where('status', '=', 'approved')
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst();
  if (taken !== undefined && taken.team_id !== null && taken.user_id !== null) {
    const scopes = taken.scopes === null ? undefined : (JSON.parse(taken.scopes) as api.Scope[]);
    return {
      state: 'approved',
      clientName: taken.client_name,
      by: { teamId: taken.team_id, userId: taken.user_id, scopes, expiresAt: taken.key_expires_at ?? undefined },
    };
  }
  const row = await db.selectFrom('device_codes').select(['status', 'expires_at', 'polled_at']).where('hash', '=', hash).executeTakeFirst();
  if (row === undefined || row.expires_at <= now) return { state: 'expired' };
  if (row.status === 'denied') return { state: 'denied' };
  await db.updateTable('device_codes').set({ polled_at: now }).where('hash', '=', hash).execute();
  const isTooSoon = row.polled_at !== null && now - row.polled_at < INTERVAL_S * 1000 - SLACK_MS;
  return { state: isTooSoon ? 'too-soon' : 'pending' };
}

/** As people read it. */
export function withDash(code: string): string {
  const letters = compact(code);
  return letters.length > 4 ? `${letters.slice(0, 4)}-${letters.slice(4)}` : letters;
}

function compact(typed: string): string {
  return typed
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .slice(0, 8);
}
