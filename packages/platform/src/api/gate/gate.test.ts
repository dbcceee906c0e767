import { request as httpRequest } from 'node:http';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { beginPlatform, type TestPlatform } from '../../../test/tenant.ts';
import { openRateLimit } from './rate-limit.ts';

test('G1: without a key, or with one that nobody made, a route answers 401 with a detail', async () => {
  await using platform = await beginPlatform();
  expect(await platform.request('/v2/me')).toMatchObject({ status: 401, body: { detail: expect.stringContaining('hud login') } });
  for (const authorization of ['Bearer sk-hud-unknown', 'Bearer ', 'Bearer a b', 'Basic c2staHVk', `Bearer ${'x'.repeat(10_000)}`]) {
    const reply = await platform.request('/v2/me', { headers: { authorization } });
    expect(reply).toMatchObject({ status: 401, body: { detail: expect.any(String) } });
  }
});

test('a key counts as a bearer and in the headers of the vendors', async () => {
  await using platform = await beginPlatform();
  const { key } = await platform.owner();
  for (const headers of [
    { authorization: `Bearer ${key}` },
    { authorization: `bearer ${key}` },
    { 'x-api-key': key },
    { 'x-goog-api-key': key },
  ]) {
    expect((await platform.request('/v2/me', { headers })).status).toBe(200);
  }
});

test('G3: the key of a trace is for the same one, however its id is written', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const ids = ['31A65BB204E051BDA8313FBA21321461', '31a65bb2-04e0-51bd-a831-3fba21321461', 'trace-abc'];
  const traces = await Promise.all(ids.map(async (id) => (await owner.post(`/v2/trace/${id}/key`, {})).body.trace_id));
  expect(new Set(traces)).toEqual(new Set(['31a65bb204e051bda8313fba21321461']));
});

test('G4: a slash at the end or one too many before leads to the same, without a redirect', async () => {
  await using platform = await beginPlatform();
  const { key } = await platform.owner();
  for (const path of ['/v2/me/', '//v2/me', '//v2/me/']) {
    expect((await platform.request(path, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  }
});

test('G5: an answer is JSON, is kept by nobody, and tells browsers to run nothing', async () => {
  await using platform = await beginPlatform();
  const { headers, text } = await (await platform.owner()).get('/v2/me');
  expect(text).not.toBe('');
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-security-policy': expect.stringContaining("default-src 'none'; frame-ancestors 'none'"),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
  const refusal = await platform.request('/v2/nowhere');
  expect(refusal).toMatchObject({ status: 404, body: { detail: expect.any(String) } });
  expect(refusal.headers.get('x-content-type-options')).toBe('nosniff');
});

async function session(platform: TestPlatform): Promise<string> {
  const { headers } = await platform.submit('/login', { key: (await platform.owner()).key });
  return headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

test.each<{ headers: Record<string, string>; status: number }>([
  { headers: { 'sec-fetch-site': 'same-origin' }, status: 200 },
  { headers: { 'sec-fetch-site': 'same-site' }, status: 403 },
  { headers: { 'sec-fetch-site': 'cross-site' }, status: 403 },
  { headers: { origin: 'https://evil.example' }, status: 403 },
  { headers: { origin: 'null' }, status: 403 },
  { headers: {}, status: 403 },
])('a session writes for pages of the platform alone: $headers gets $status', async ({ headers, status }) => {
  await using platform = await beginPlatform();
  const cookie = await session(platform);
  const init = { method: 'POST', headers: { ...headers, cookie, 'content-type': 'application/json' }, body: '{"name":"by a page"}' };
  expect((await platform.request('/v2/api-keys', init)).status).toBe(status);
  expect((await platform.request('/v2/me', { headers: { cookie } })).status).toBe(200);
});

test("the origin of the platform's own pages is enough for an older browser", async () => {
  await using platform = await beginPlatform();
  const headers = { origin: platform.url, cookie: await session(platform), 'content-type': 'application/json' };
  expect((await platform.request('/v2/api-keys', { method: 'POST', headers, body: '{"name":"by a page"}' })).status).toBe(200);
});

test('the secret of a session is no key, and a wrong key is not made good by a session', async () => {
  await using platform = await beginPlatform();
  const cookie = await session(platform);
  const secret = cookie.split('=')[1] ?? '';
  expect((await platform.request('/v2/me', { headers: { authorization: `Bearer ${secret}` } })).status).toBe(401);
  expect((await platform.request('/v2/me', { headers: { cookie, 'x-api-key': 'sk-hud-wrong' } })).status).toBe(401);
});

test('an address that knocks too often without a key is told to wait, while those with a key go on', async () => {
  await using platform = await beginPlatform({ HUD_PLATFORM_REQUESTS_PER_MINUTE: '5' });
  const owner = await platform.owner();
  for (let i = 0; i < 5; i += 1) expect((await platform.request('/v2/me')).status).toBe(401);
  const refused = await platform.request('/v2/me', { headers: { authorization: 'Bearer sk-hud-wrong' } });
  expect(refused).toMatchObject({ status: 429, body: { detail: expect.stringContaining('127.0.0.1') } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await owner.get('/v2/me')).status).toBe(200);
});

test('behind a proxy that is trusted, each of its clients is counted alone', async () => {
  await using platform = await beginPlatform({ HUD_PLATFORM_REQUESTS_PER_MINUTE: '1', HUD_PLATFORM_TRUST_PROXY: 'true' });
  const from = async (address: string): Promise<number> =>
    (await platform.request('/v2/me', { headers: { 'x-forwarded-for': address } })).status;
  expect([await from('203.0.113.1'), await from('203.0.113.1'), await from('203.0.113.2'), await from('203.0.113.9, 203.0.113.1')]).toEqual(
    [401, 429, 401, 429],
  );
});

test('a bucket fills evenly, and a network of IPv6 counts as one', () => {
  let now = 0;
  const limit = openRateLimit(2, () => now);
  expect([limit.take('2001:db8::1'), limit.take('2001:db8::2'), limit.take('2001:db8::3'), limit.take('2001:db8:0:1::1')]).toEqual([
    0, 0, 30, 0,
  ]);
  now = 30_000;
  expect([limit.take('2001:db8::9'), limit.take('2001:db8::9')]).toEqual([0, 30]);
});

/** `fetch` does not let a caller choose these headers. */
async function raw(url: string, options: { method?: string; headers: Record<string, string> }): Promise<number | undefined> {
  const call = httpRequest(url, options).end(options.method === 'POST' ? '{"name":"x"}' : '');
  const [response] = await once(call, 'response');
  response.resume();
  return response.statusCode;
}

test.each<{ method: string; headers: Record<string, string>; status: number }>([
  { method: 'GET', headers: { host: 'localhost' }, status: 200 },
  { method: 'GET', headers: { host: '127.0.0.1:1234' }, status: 200 },
  { method: 'GET', headers: { host: '[::1]:1234' }, status: 200 },
  { method: 'GET', headers: { host: 'rebound.example' }, status: 403 },
  { method: 'GET', headers: { host: '127.0.0.1.rebound.example' }, status: 403 },
  { method: 'GET', headers: { host: 'localhost.rebound.example:80' }, status: 403 },
  { method: 'POST', headers: { host: 'localhost', origin: 'https://evil.example' }, status: 403 },
  { method: 'POST', headers: { host: 'localhost', 'sec-fetch-site': 'cross-site' }, status: 403 },
])('a local record has one owner and no keys: $method $headers gets $status', async ({ method, headers, status }) => {
  await using platform = await beginPlatform({}, { isLocal: true });
  const path = method === 'GET' ? '/v2/me' : '/v2/api-keys';
  expect(await raw(platform.url + path, { method, headers })).toBe(status);
});

test('in a local record the caller is the owner of the empty team, and no key counts for models', async () => {
  await using platform = await beginPlatform({}, { isLocal: true });
  expect((await platform.request('/v2/me')).body).toMatchObject({ user: null, team: { id: '' }, role: 'owner', key: null });
  expect(await platform.context.authority.byKey('sk-hud-any')).toBeUndefined();
});
