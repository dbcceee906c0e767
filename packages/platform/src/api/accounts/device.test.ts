import { expect, test } from 'vitest';
import { beginPlatform, type Answer, type TestPlatform } from '../../../test/tenant.ts';
import { INTERVAL_S } from '../../storage/accounts/device-codes.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

async function begin(platform: TestPlatform): Promise<{ device_code: string; user_code: string; verification_uri_complete: string }> {
  const body = JSON.stringify({ client_name: 'laptop', client_version: '0.6.16.dev2' });
  const reply = await platform.request('/auth/device/code', { method: 'POST', headers: JSON_TYPE, body });
  expect(reply).toMatchObject({ status: 200, body: { expires_in: 900, interval: 5 } });
  return reply.body;
}

async function poll(platform: TestPlatform, deviceCode: string): Promise<Answer> {
  return await platform.request('/auth/device/token', {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ device_code: deviceCode }),
  });
}

/** Signs a browser in with a key. @returns its cookie */
async function signIn(platform: TestPlatform, key: string): Promise<Record<string, string>> {
  const { status, headers } = await platform.submit('/login', { key });
  expect(status).toBe(303);
  return { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '' };
}

test('L1: a token asked for before the approval is pending', async () => {
  await using platform = await beginPlatform();
  const { device_code } = await begin(platform);
  expect(await poll(platform, device_code)).toMatchObject({
    status: 400,
    body: { error: 'authorization_pending', detail: expect.any(String) },
  });
});

test("L2: an approved code gives the approver's key once, and then has expired", async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { device_code, user_code } = await begin(platform);
  const cookie = await signIn(platform, owner.key);
  const approved = await platform.submit('/device', { code: user_code, decision: 'approve' }, cookie);
  expect(approved).toMatchObject({ status: 200, text: expect.stringContaining('Approved') });
  const first = await poll(platform, device_code);
  expect(first).toMatchObject({ status: 200, body: { user: { email: 'owner@localhost' }, team: { name: 'default' } } });
  expect((await platform.as(first.body.api_key).get('/v2/me')).body).toMatchObject({ key: { name: 'login on laptop' }, role: 'owner' });
  expect(await poll(platform, device_code)).toMatchObject({ status: 400, body: { error: 'expired_token' } });
});

test('L2: of many who ask at once for one approved code, one gets a key', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { device_code, user_code } = await begin(platform);
  await platform.submit('/device', { code: user_code, decision: 'approve' }, await signIn(platform, owner.key));
  const answers = await Promise.all(Array.from({ length: 10 }, async () => await poll(platform, device_code)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ body }) => body.error === 'expired_token')).toHaveLength(9);
});

test('L3: who asks faster than the interval is to slow down, who waits is not', async () => {
  await using platform = await beginPlatform();
  const { device_code } = await begin(platform);
  await poll(platform, device_code);
  expect(await poll(platform, device_code)).toMatchObject({ status: 400, body: { error: 'slow_down' } });
  await platform.context.db
    .updateTable('device_codes')
    .set({ polled_at: Date.now() - INTERVAL_S * 1000 })
    .execute();
  expect(await poll(platform, device_code)).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
});

test('L4: a denied code is denied, and can not be approved after', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { device_code, user_code } = await begin(platform);
  const cookie = await signIn(platform, owner.key);
  await platform.submit('/device', { code: user_code, decision: 'deny' }, cookie);
  expect(await poll(platform, device_code)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
  expect((await platform.submit('/device', { code: user_code, decision: 'approve' }, cookie)).status).toBe(404);
  expect(await poll(platform, device_code)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
});

test('W3: the page has the code filled in, says who asks, and approves nothing by being opened', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { device_code, user_code, verification_uri_complete } = await begin(platform);
  expect(verification_uri_complete).toBe(`${platform.url}/device?code=${user_code}`);
  const path = `/device?code=${user_code.toLowerCase()}`;
  const stranger = await platform.request(path);
  expect(stranger.status).toBe(303);
  expect(stranger.headers.get('location')).toBe(`/login?next=${encodeURIComponent(path)}`);
  const { status, text } = await platform.request(path, { headers: await signIn(platform, owner.key) });
  expect(status).toBe(200);
  for (const shown of [`value="${user_code}"`, 'laptop', '0.6.16.dev2', '127.0.0.1', 'owner@localhost', 'Approve', 'Deny'])
    expect(text).toContain(shown);
  expect(await poll(platform, device_code)).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
});

test('W3: a code that nobody waits under is filled in and named as such', async () => {
  await using platform = await beginPlatform();
  const { status, text } = await platform.request('/device?code=ABCD-1234', {
    headers: await signIn(platform, (await platform.owner()).key),
  });
  expect(status).toBe(404);
  expect(text).toContain('value="ABCD-1234"');
  expect(text).toContain('Nothing waits under this code');
});

test('nobody approves without being signed in, from another site, or with a made-up decision', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { device_code, user_code } = await begin(platform);
  const cookie = await signIn(platform, owner.key);
  const form = { code: user_code, decision: 'approve' };
  expect((await platform.submit('/device', form)).status).toBe(401);
  expect((await platform.submit('/device', form, { ...cookie, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await platform.submit('/device', { code: user_code, decision: 'yes' }, cookie)).status).toBe(400);
  expect((await poll(platform, device_code)).body.error).toBe('authorization_pending');
});

test('the key of a device may no more than the session that approved it', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret, key } = (await owner.post('/v2/api-keys', { name: 'narrow', scopes: ['read'], expires_in_days: 1 })).body;
  const { device_code, user_code } = await begin(platform);
  await platform.submit('/device', { code: user_code, decision: 'approve' }, await signIn(platform, secret));
  const device = platform.as((await poll(platform, device_code)).body.api_key);
  expect((await device.get('/v2/me')).body).toMatchObject({ scopes: ['read'], key: { expires_at: key.expires_at } });
});

test('forms are understood as RFC 8628 sends them, and a code expires', async () => {
  await using platform = await beginPlatform();
  const { body } = await platform.submit('/auth/device/code', { client_id: 'hud', client_name: 'form' });
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: body.device_code };
  expect((await platform.submit('/auth/device/token', grant)).body.error).toBe('authorization_pending');
  await platform.context.db
    .updateTable('device_codes')
    .set({ expires_at: Date.now() - 1 })
    .execute();
  expect((await platform.submit('/auth/device/token', grant)).body.error).toBe('expired_token');
  expect((await platform.submit('/auth/device/token', { device_code: 'made up' })).body.error).toBe('expired_token');
});

test('codes are short, without vowels, digits and look-alikes', async () => {
  await using platform = await beginPlatform();
  for (let i = 0; i < 20; i += 1)
    expect((await begin(platform)).user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
});
