import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { beginPlatform } from '../../../test/tenant.ts';
import { loginLink } from '../../storage/accounts/first-key.ts';
import { plain, safePath } from './page.ts';

test('a key opens a session that no script reads and no other site sends; signing out ends it', async () => {
  await using platform = await beginPlatform();
  const { key } = await platform.owner();
  const { status, headers } = await platform.submit('/login', { key: ` ${key}\n`, next: '/device?code=BCDF-GHJK' });
  expect(status).toBe(303);
  expect(headers.get('location')).toBe('/device?code=BCDF-GHJK');
  const [set = ''] = headers.getSetCookie();
  expect(set).toMatch(/^hud-session=hud-session-[\w-]{43}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
  expect(set).not.toContain(key);
  const cookie = set.split(';')[0] ?? '';
  expect((await platform.request('/v2/me', { headers: { cookie } })).body).toMatchObject({ user: { email: 'owner@localhost' } });
  expect((await platform.request('/login', { headers: { cookie } })).text).toContain('You are signed in');
  const out = await platform.submit('/logout', {}, { cookie });
  expect(out.headers.getSetCookie()[0]).toContain('Max-Age=0');
  expect((await platform.request('/v2/me', { headers: { cookie } })).status).toBe(401);
});

test('a session ends with the key that opened it', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const { secret, key } = (await owner.post('/v2/api-keys', { name: 'browser' })).body;
  const cookie = (await platform.submit('/login', { key: secret })).headers.getSetCookie()[0]?.split(';')[0] ?? '';
  expect((await platform.request('/v2/me', { headers: { cookie } })).status).toBe(200);
  await owner.delete(`/v2/api-keys/${key.id}`);
  expect((await platform.request('/v2/me', { headers: { cookie } })).status).toBe(401);
});

test('behind https the cookie is bound to the host and sent over https alone', async () => {
  await using platform = await beginPlatform({ HUD_PLATFORM_URL: 'https://hud.example' });
  const { headers } = await platform.submit('/login', { key: (await platform.owner()).key });
  expect(headers.getSetCookie()[0]).toMatch(/^__Host-hud-session=.*; Path=\/; .*SameSite=Strict; Secure$/);
  expect(headers.get('strict-transport-security')).toBe('max-age=31536000');
});

test('a link signs in once: opening it changes nothing, and of many who press at once one gets in', async () => {
  await using platform = await beginPlatform();
  await platform.owner();
  const link = (await loginLink(platform.context.db, platform.url)) ?? '';
  const path = link.slice(platform.url.length);
  for (let i = 0; i < 2; i += 1)
    expect(await platform.request(path)).toMatchObject({ status: 200, text: expect.stringContaining('owner@localhost') });
  const token = new URL(link).searchParams.get('token') ?? '';
  const answers = await Promise.all(Array.from({ length: 5 }, async () => await platform.submit('/login', { token })));
  expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(4);
  expect(await platform.request(path)).toMatchObject({ status: 401, text: expect.stringContaining('was used already or has expired') });
});

test('a wrong key, the key of a trace and a foreign form sign nobody in', async () => {
  await using platform = await beginPlatform();
  const owner = await platform.owner();
  const child = (await owner.post('/v2/trace/trace-abc/key', {})).body.secret;
  for (const key of ['sk-hud-wrong', child, '']) {
    const reply = await platform.submit('/login', { key });
    expect(reply).toMatchObject({ status: 401, text: expect.stringContaining('role="alert"') });
    expect(reply.headers.getSetCookie()).toEqual([]);
  }
  expect((await platform.submit('/login', { key: owner.key }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
});

test('the policy of a page allows its stylesheet and nothing else', async () => {
  await using platform = await beginPlatform();
  const { text, headers } = await platform.request('/login');
  const style = /<style>([^]*)<\/style>/.exec(text)?.[1] ?? '';
  expect(headers.get('content-security-policy')).toBe(
    `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  );
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(text).not.toMatch(/<script|\son\w+=|style="/i);
});

test('what strangers write never becomes markup', async () => {
  await using platform = await beginPlatform();
  const cookie = (await platform.submit('/login', { key: (await platform.owner()).key })).headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const client_name = '"><img src=x onerror=alert(1)>\u202Egnp';
  const { user_code } = (await platform.submit('/auth/device/code', { client_name })).body;
  const { text } = await platform.request(`/device?code=${user_code}`, { headers: { cookie } });
  expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;\uFFFDgnp');
  expect((await platform.request('/device?code=%22%3E%3Cscript%3E', { headers: { cookie } })).text).not.toContain('<script');
  expect((await platform.request('/login?next=/%22%3E%3Cscript%3E&token=%22%3E%3Cb%3E')).text).not.toMatch(/<script|<b>/);
});

test.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '/a b', '', `/${'x'.repeat(600)}`])(
  '%j is no place to go on to',
  (path) => {
    expect(safePath(path)).toBeUndefined();
  },
);

test('paths of the platform are', () => {
  for (const path of ['/', '/device?code=BCDF-GHJK', '/jobs/1?tab=a&x=%20']) expect(safePath(path)).toBe(path);
  expect(plain('a\u0000b\u2066c')).toBe('a\uFFFDb\uFFFDc');
});
