/** The queries of accounts on both databases. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openStore } from 'hud/store';
import { tempDir, type TempDir } from 'hud/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Db } from '../database.ts';
import { startPostgres, whyNoPostgres, type Cluster } from '../postgres/postgres.fixtures.ts';
import { createDeviceCode, decideDevice, pendingDevice, pollDevice } from './device-codes.ts';
import { firstKey, loginLink } from './first-key.ts';
import { createKey, listKeys, liveKey, revokeKey, touchKey } from './keys.ts';
import { hashOf } from './secrets.ts';
import { createLoginToken, liveSession, openSession, takeLoginToken } from './sessions.ts';
import { addMember, changeRole, createTeam, ensureUser, getMember, listMembers, removeMember } from './teams.ts';

let dir: TempDir;
let cluster: Cluster | undefined;
let count = 0;

beforeAll(async () => {
  dir = await tempDir('hud-accounts-');
  if (whyNoPostgres === undefined) cluster = await startPostgres();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

async function sqlite(): Promise<Db> {
  const directory = join(dir.path, String((count += 1)));
  await mkdir(directory);
  await (await openStore({ directory })).close();
  return (await openDatabase({ directory })).db;
}

async function postgres(): Promise<Db> {
  const url = await cluster?.url(`accounts_${(count += 1)}`);
  return (await openDatabase({ directory: dir.path, ...(url === undefined ? {} : { url }) })).db;
}

describe.each([
  { name: 'sqlite', open: sqlite, why: undefined },
  { name: 'postgres', open: postgres, why: whyNoPostgres },
])('on $name', ({ name, open, why }) => {
  const check = (title: string, body: (db: Db) => Promise<void>): void => {
    test.skipIf(why !== undefined)(`${title}${why === undefined ? '' : ` (${name}: ${why})`}`, async () => {
      const db = await open();
      try {
        await body(db);
      } finally {
        await db.destroy();
      }
    });
  };
  const account = async (db: Db): Promise<{ userId: string; teamId: string }> => {
    const userId = await ensureUser(db, 'ada@example.com');
    return { userId, teamId: await createTeam(db, { name: 'Engines', ownerId: userId }) };
  };

  check('of many who start at once one gets the first key, and later starts get none', async (db) => {
    const keys = await Promise.all(Array.from({ length: 5 }, async () => await firstKey(db)));
    expect(keys.filter((key) => key !== undefined)).toHaveLength(1);
    expect(await firstKey(db)).toBeUndefined();
    const key = await liveKey(db, { hash: hashOf(keys.find((one) => one !== undefined) ?? '') });
    expect(key).toMatchObject({ email: 'owner@localhost', role: 'owner', scopes: undefined });
    expect(await loginLink(db, 'http://platform')).toMatch(/^http:\/\/platform\/login\?token=[\w-]{43}$/);
  });

  check('a user is there once, however often they are named', async (db) => {
    const ids = await Promise.all(Array.from({ length: 5 }, async () => await ensureUser(db, 'ada@example.com')));
    expect(new Set(ids).size).toBe(1);
  });

  check('a key is found by its hash until it is revoked or expires, and never by another team', async (db) => {
    const { userId, teamId } = await account(db);
    const { id, secret } = await createKey(db, { teamId, userId, name: 'one', scopes: ['read'] });
    const late = await createKey(db, { teamId, userId, name: 'late', expiresAt: Date.now() - 1 });
    expect(await liveKey(db, { hash: hashOf(secret) })).toMatchObject({
      id,
      team_id: teamId,
      user_id: userId,
      scopes: ['read'],
      expires_at: null,
    });
    expect(await liveKey(db, { id: late.id })).toBeUndefined();
    expect((await listKeys(db, teamId)).map((key) => key.name).toSorted((a, b) => a.localeCompare(b))).toEqual(['late', 'one']);
    expect(await listKeys(db, 'another')).toEqual([]);
    expect(await revokeKey(db, 'another', id)).toBe(false);
    expect(await revokeKey(db, teamId, id, { userId: 'another' })).toBe(false);
    expect([await revokeKey(db, teamId, id), await revokeKey(db, teamId, id)]).toEqual([true, true]);
    expect(await liveKey(db, { id })).toBeUndefined();
  });

  check('when a key was used last is written once a minute at most', async (db) => {
    const { id } = await createKey(db, { ...(await account(db)), name: 'one' });
    const used = async (): Promise<number | null | undefined> => (await liveKey(db, { id }))?.last_used_at;
    await touchKey(db, { id, last_used_at: null }, 1_000_000);
    await touchKey(db, { id, last_used_at: null }, 1_059_000);
    await touchKey(db, { id, last_used_at: 1_000_000 }, 1_059_000);
    expect(await used()).toBe(1_000_000);
    await touchKey(db, { id, last_used_at: 1_000_000 }, 1_060_000);
    expect(await used()).toBe(1_060_000);
  });

  check('of two owners who step back at once one stays', async (db) => {
    const { userId, teamId } = await account(db);
    const second = await ensureUser(db, 'second@example.com');
    await addMember(db, teamId, { userId: second, role: 'owner' });
    const owners = await listMembers(db, teamId);
    await Promise.all(owners.map(async (owner) => await changeRole(db, owner, 'member')));
    const left = (await listMembers(db, teamId)).filter(({ role }) => role === 'owner');
    expect(left.length).toBeGreaterThanOrEqual(1);
    const [last] = left;
    for (const owner of left.slice(1)) expect(await removeMember(db, owner)).toBe(true);
    expect(last === undefined ? undefined : await removeMember(db, last)).toBe(false);
    expect(userId).not.toBe(second);
  });

  check('who is removed takes their keys, sessions and links along', async (db) => {
    const { teamId } = await account(db);
    const userId = await ensureUser(db, 'gone@example.com');
    await addMember(db, teamId, { userId, role: 'member' });
    const { id } = await createKey(db, { teamId, userId, name: 'theirs' });
    const session = await openSession(db, { teamId, userId });
    const token = await createLoginToken(db, { teamId, userId }, { ttlMs: 60_000 });
    expect(await liveSession(db, hashOf(session))).toMatchObject({ role: 'member', key_id: null });
    const member = await getMember(db, teamId, userId);
    if (member === undefined) throw new Error('they were added');
    expect(await removeMember(db, member)).toBe(true);
    expect(
      await Promise.all([liveKey(db, { id }), liveSession(db, hashOf(session)), takeLoginToken(db, token), getMember(db, teamId, userId)]),
    ).toEqual(Array.from({ length: 4 }, () => undefined));
    await addMember(db, teamId, { userId, role: 'member' });
    expect(await liveKey(db, { id })).toBeUndefined();
  });

  check('a link and an approved device code are each taken once, of many who try', async (db) => {
    const by = await account(db);
    const token = await createLoginToken(db, by, { ttlMs: 60_000 });
    const links = await Promise.all(Array.from({ length: 5 }, async () => await takeLoginToken(db, token)));
    expect(links.filter((link) => link !== undefined)).toEqual([by]);
    const { deviceCode, userCode } = await createDeviceCode(db, { clientName: 'laptop', clientVersion: '1', address: '127.0.0.1' });
    expect(await pendingDevice(db, userCode.toLowerCase().replace('-', ' '))).toMatchObject({ client_name: 'laptop' });
    const decided = await Promise.all(
      Array.from({ length: 3 }, async () => await decideDevice(db, userCode, { ...by, scopes: ['read'], expiresAt: 5 })),
    );
    expect(decided.filter(Boolean)).toHaveLength(1);
    const polls = await Promise.all(Array.from({ length: 5 }, async () => await pollDevice(db, deviceCode)));
    expect(polls.filter(({ state }) => state === 'approved')).toEqual([
      { state: 'approved', clientName: 'laptop', by: { ...by, scopes: ['read'], expiresAt: 5 } },
    ]);
    expect(polls.filter(({ state }) => state === 'expired')).toHaveLength(4);
  });
});
