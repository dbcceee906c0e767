import { api } from 'hud/protocol';
import { expect, test } from 'vitest';
import { beginPlatform, type Client, type Tenant } from '../../../test/tenant.ts';

const TRACE = '31a65bb204e051bda8313fba21321461';

test('A2: a revoked key is refused at once where it was revoked, and another key goes on', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret, key } = (await owner.post('/v2/api-keys', { name: 'laptop' })).body;
  const laptop = platform.as(secret);
  expect((await laptop.get('/v2/me')).body).toMatchObject({
    user: { email: 'owner@localhost' },
    team: { name: 'default' },
    role: 'owner',
    key: { id: key.id },
  });
  expect((await owner.delete(`/v2/api-keys/${key.id}`)).body).toEqual({ revoked: true });
  expect(await laptop.get('/v2/me')).toMatchObject({ status: 401, body: { detail: 'The API key is unknown, expired or revoked.' } });
  expect((await owner.get('/v2/me')).status).toBe(200);
  expect((await owner.get('/v2/api-keys')).body.items.map((one: api.accounts.ApiKey) => one.name)).toEqual(['first key']);
});

test('A2: a key that another process revoked stops within 5 s, also for answers that go on', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret, key } = (await owner.post('/v2/api-keys', { name: 'laptop' })).body;
  const { authority, db } = platform.context;
  const caller = await authority.byKey(secret);
  if (caller === undefined) throw new Error('the key is new');
  await db.updateTable('api_keys').set({ revoked_at: Date.now() }).where('id', '=', key.id).execute();
  const revokedAt = performance.now();
  const laptop = platform.as(secret);
  while ((await laptop.get('/v2/me')).status === 200) {
    expect(performance.now() - revokedAt).toBeLessThan(5_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(performance.now() - revokedAt).toBeLessThan(5_000);
  expect(authority.known(secret)).toBeUndefined();
  expect(await authority.stillKnows(caller)).toBe(false);
});

test('A2: an answer that goes on ends within 5 s of its key', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret, key } = (await owner.post('/v2/api-keys', { name: 'watcher' })).body;
  await owner.post(`/v2/trace/${TRACE}/enter`, {});
  const response = await fetch(`${platform.url}/v2/trace/${TRACE}/live`, { headers: { authorization: `Bearer ${secret}` } });
  const reader = response.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  await owner.delete(`/v2/api-keys/${key.id}`);
  const revokedAt = performance.now();
  while ((await reader?.read())?.done === false);
  expect(performance.now() - revokedAt).toBeLessThan(5_000);
});

test('the table holds hashes, and a listing never holds a secret', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret } = (await owner.post('/v2/api-keys', { name: 'laptop' })).body;
  expect(secret).toMatch(/^sk-hud-[\w-]{43}$/);
  expect(JSON.stringify(await platform.context.db.selectFrom('api_keys').selectAll().execute())).not.toContain(secret);
  const listed = (await owner.get('/v2/api-keys')).body.items;
  expect(JSON.stringify(listed)).not.toContain(secret);
  expect(listed[0]).toMatchObject({
    name: 'laptop',
    prefix: secret.slice(0, 11),
    email: 'owner@localhost',
    last_used_at: null,
    expires_at: null,
  });
  expect(listed[1].last_used_at).toBeGreaterThan(Date.now() - 60_000);
});

test('a key may not do more, nor last longer, than the one it was made with', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const narrow = (await owner.post('/v2/api-keys', { name: 'ci', scopes: ['read', 'write'], expires_in_days: 1 })).body;
  const ci = platform.as(narrow.secret);
  expect(await ci.post('/v2/api-keys', { name: 'more', scopes: ['read', 'gateway'] })).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('gateway') },
  });
  const same = (await ci.post('/v2/api-keys', { name: 'same', expires_in_days: 30 })).body.key;
  expect(same).toMatchObject({ scopes: ['read', 'write'], expires_at: narrow.key.expires_at });
  expect((await ci.post(`/v2/teams/${owner.teamId}/members`, { email: 'x@example.com' })).status).toBe(403);
  expect((await owner.post('/v2/api-keys', { name: 'no such', scopes: ['everything'] })).status).toBe(400);
});

test('an expired key is refused', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret, key } = (await owner.post('/v2/api-keys', { name: 'short', expires_in_days: 1 })).body;
  expect((await platform.as(secret).get('/v2/me')).status).toBe(200);
  await platform.context.db
    .updateTable('api_keys')
    .set({ expires_at: Date.now() - 1 })
    .where('id', '=', key.id)
    .execute();
  platform.context.authority.forget();
  expect((await platform.as(secret).get('/v2/me')).status).toBe(401);
});

test('members see their own keys and revoke those alone; an admin sees and revokes all', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const member = await platform.member(owner, 'member');
  const [mine] = (await member.get('/v2/api-keys')).body.items;
  expect((await member.get('/v2/api-keys')).body.items).toHaveLength(1);
  const all = (await owner.get('/v2/api-keys')).body.items as api.accounts.ApiKey[];
  const foreign = all.find(({ id }) => id !== mine.id);
  expect((await member.delete(`/v2/api-keys/${foreign?.id}`)).status).toBe(404);
  expect((await owner.delete(`/v2/api-keys/${mine.id}`)).status).toBe(200);
  expect((await member.get('/v2/me')).status).toBe(401);
});

async function childOf(parent: Client, body: object = {}): Promise<string> {
  const reply = await parent.post(`/v2/trace/${TRACE}/key`, body);
  expect(reply).toMatchObject({ status: 200 });
  return reply.body.secret;
}

test('A3: a key of one trace is refused for anything else', async () => {
  await using platform = await beginPlatform();
  const child = platform.as(await childOf(await platform.owner()));
  for (const path of ['/v2/me', '/v2/api-keys', '/v2/teams']) {
    expect(await child.get(path)).toMatchObject({
      status: 403,
      body: { detail: 'This key was made for one trace and may not do anything else.' },
    });
  }
  expect((await child.post(`/v2/trace/${TRACE}/key`, {})).status).toBe(403);
  expect((await child.post('/v2/api-keys', { name: 'more' })).status).toBe(403);
});

test('a key of one trace names it, its models and its rights, is known without waiting, and ends with its parent', async () => {
  await using platform = await beginPlatform();
  const { authority } = platform.context;
  const owner = await platform.owner();
  const { secret: parentSecret, key } = (await owner.post('/v2/api-keys', { name: 'parent' })).body;
  const secret = await childOf(platform.as(parentSecret), { scopes: ['gateway'], models: ['tiny'], ttl: 60 });
  const caller = await authority.byKey(secret);
  expect(caller).toMatchObject({ traceId: TRACE, teamId: owner.teamId, keyId: key.id, models: ['tiny'] });
  expect([...(caller?.scopes ?? [])]).toEqual(['gateway']);
  expect(authority.known(secret)).toEqual(caller);
  await owner.delete(`/v2/api-keys/${key.id}`);
  expect(authority.known(secret)).toBeUndefined();
  expect(await authority.byKey(secret)).toBeUndefined();
});

test('a key of one trace with a changed payload, signature or parent is unknown', async () => {
  await using platform = await beginPlatform();
  const { authority } = platform.context;
  const owner = await platform.owner();
  const [prefix, payload, mac] = (await childOf(owner)).split('.') as [string, string, string];
  const forged = Buffer.from(Buffer.from(payload, 'base64url').toString().replace(TRACE, 'f'.repeat(32))).toString('base64url');
  for (const key of [
    `${prefix}.${forged}.${mac}`,
    `${prefix}.${payload}.${mac.slice(0, -2)}`,
    `${prefix}.${payload}.`,
    `${prefix}.${payload}`,
    `${prefix}..`,
  ]) {
    expect(await authority.byKey(key)).toBeUndefined();
  }
  expect(await authority.byKey([prefix, payload, mac].join('.'))).toMatchObject({ traceId: TRACE });
});

test('a key of one trace lasts a day at most, no longer than its parent, and ends on time', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  expect((await owner.post(`/v2/trace/${TRACE}/key`, { ttl: 86_401 })).status).toBe(400);
  const secret = await childOf(owner, { ttl: 1 });
  expect(await platform.context.authority.byKey(secret)).toBeDefined();
  await expect.poll(async () => await platform.context.authority.byKey(secret), { timeout: 3_000 }).toBeUndefined();
});

test('the last owner can be neither removed nor demoted, and only owners touch owners', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const admin = await platform.member(owner, 'admin');
  const members = `/v2/teams/${owner.teamId}/members`;
  const of = (tenant: Tenant): string => `${members}/${tenant.userId}`;
  expect((await admin.patch(of(owner), { role: 'viewer' })).status).toBe(403);
  expect((await admin.delete(of(owner))).status).toBe(403);
  expect((await admin.patch(of(admin), { role: 'owner' })).status).toBe(403);
  expect((await admin.post(members, { email: 'new@example.com', role: 'owner' })).status).toBe(403);
  expect(await owner.patch(of(owner), { role: 'admin' })).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('last owner') },
  });
  expect((await owner.delete(of(owner))).status).toBe(409);
  expect((await owner.patch(of(admin), { role: 'owner' })).body).toMatchObject({ role: 'owner' });
  expect((await admin.delete(of(owner))).body).toEqual({ removed: true });
  expect((await owner.get('/v2/me')).status).toBe(401);
  expect((await admin.get(members)).body.items).toHaveLength(1);
});

test('a role counts at once: whoever is made a viewer writes no more', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const member = await platform.member(owner, 'member');
  expect((await member.post('/v2/api-keys', { name: 'one' })).status).toBe(200);
  await owner.patch(`/v2/teams/${owner.teamId}/members/${member.userId}`, { role: 'viewer' });
  expect(await member.post('/v2/api-keys', { name: 'two' })).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('viewer') },
  });
  expect((await member.get('/v2/me')).body).toMatchObject({ role: 'viewer', scopes: ['read'] });
});

test('inviting twice gives a new link until they come, and none to who came', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const members = `/v2/teams/${owner.teamId}/members`;
  const first = (await owner.post(members, { email: 'Ada@Example.com' })).body;
  const again = (await owner.post(members, { email: 'ada@example.com', role: 'admin' })).body;
  expect(first.member).toMatchObject({ email: 'ada@example.com', role: 'member', joined_at: null });
  expect(again.member).toEqual(first.member);
  const { searchParams } = new URL(again.invite_url);
  await platform.submit('/login', { token: searchParams.get('token') ?? '' });
  expect((await owner.post(members, { email: 'ada@example.com' })).body).toMatchObject({
    invite_url: null,
    member: { joined_at: expect.any(Number) },
  });
});

test('a new team is seen by its own key alone', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { team, secret } = (await owner.post('/v2/teams', { name: 'Second' })).body;
  const second = platform.as(secret);
  expect((await second.get('/v2/teams')).body.items).toEqual([team]);
  expect((await second.patch(`/v2/teams/${team.id}`, { name: 'Renamed' })).body).toMatchObject({ name: 'Renamed', role: 'owner' });
  expect((await owner.get(`/v2/teams/${team.id}/members`)).status).toBe(404);
  expect((await owner.patch(`/v2/teams/${team.id}`, { name: 'Taken' })).status).toBe(404);
});
