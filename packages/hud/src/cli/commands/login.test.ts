import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseSettings } from '../../host/settings.ts';
import { workplace } from '../testing.ts';

type Reply = readonly [status: number, body: unknown] | 'hang up';

const CODE = {
  device_code: 'secret-of-the-device',
  user_code: 'BCDF-GHJK',
  verification_uri: 'http://page.example/device',
  expires_in: 60,
  interval: 0.05,
};
const GRANTED = { api_key: 'sk-hud-granted', user: { email: 'ada@example.com' }, team: { name: 'Engines' } };

interface Scripted extends AsyncDisposable {
  url: string;
  asked: { path: string; body: unknown; at: number }[];
}

/** A platform that answers the questions for the key with these, in order. */
async function scripted(replies: readonly Reply[], code: object = CODE): Promise<Scripted> {
  const asked: Scripted['asked'] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body: unknown = JSON.parse(Buffer.concat(await request.toArray()).toString());
      const reply = request.url === '/auth/device/code' ? ([200, code] as const) : replies[asked.length - 1];
      asked.push({ path: request.url ?? '', body, at: performance.now() });
      if (reply === 'hang up' || reply === undefined) request.socket.destroy();
      else
        response
          .writeHead(reply[0], { 'content-type': 'application/json' })
          .end(typeof reply[1] === 'string' ? reply[1] : JSON.stringify(reply[1]));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.close().closeAllConnections();
    },
  };
}

const PENDING: Reply = [400, { detail: { error: 'authorization_pending' } }];

test('login shows code and page, waits past what may pass, and saves the key for its owner alone', async () => {
  await using place = await workplace();
  await using platform = await scripted([PENDING, [503, 'a proxy'], 'hang up', [400, { error: 'authorization_pending' }], [200, GRANTED]]);
  const { code, stdout, stderr } = await place.hud(['login'], { env: { HUD_BASE_URL: platform.url } });
  const path = join(place.path, '.hud', '.env');
  expect(stderr).toBe('Approve the code BCDF-GHJK on http://page.example/device?code=BCDF-GHJK\n');
  expect(stdout).toBe(`Signed in as ada@example.com for team Engines.\nSaved HUD_API_KEY to ${path}\n`);
  expect(code).toBe(0);
  expect(parseSettings(await readFile(path, 'utf8')).get('HUD_API_KEY')).toBe('sk-hud-granted');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(platform.asked.map(({ path: asked }) => asked)).toEqual(['/auth/device/code', ...Array<string>(5).fill('/auth/device/token')]);
  expect(platform.asked[0]?.body).toMatchObject({ client_name: expect.any(String), client_version: expect.any(String) });
  expect(platform.asked[1]?.body).toEqual({ device_code: 'secret-of-the-device' });
});

test('the document has no key in it', async () => {
  await using place = await workplace();
  await using platform = await scripted([[200, { api_key: 'sk-hud-granted' }]]);
  const { code, stdout } = await place.hud(['login', '--json'], { env: { HUD_API_URL: `${platform.url}/` } });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ path: join(place.path, '.hud', '.env') });
});

test('it sleeps before the first question, and slow_down adds five seconds for good', async () => {
  await using place = await workplace();
  await using platform = await scripted([[400, { error: 'slow_down' }], PENDING, [200, GRANTED]], { ...CODE, interval: 0.5 });
  expect((await place.hud(['login', '-q'], { env: { HUD_BASE_URL: platform.url } })).code).toBe(0);
  const [code, first, second, third] = platform.asked.map(({ at }) => at) as [number, number, number, number];
  expect(first - code).toBeGreaterThan(490);
  expect(second - first).toBeGreaterThan(5_490);
  expect(third - second).toBeGreaterThan(5_490);
});

test.each([
  { replies: [[400, { error: 'access_denied' }]], says: 'The login was denied on the page.' },
  { replies: [PENDING, [400, { detail: { error: 'expired_token' } }]], says: 'The code expired before anybody approved it.' },
  { replies: [[404, { detail: 'Not Found' }]], says: 'answered 404: {"detail":"Not Found"}' },
] satisfies { replies: Reply[]; says: string }[])('after $replies it ends with $says and saves nothing', async ({ replies, says }) => {
  await using place = await workplace();
  await using platform = await scripted(replies);
  const { code, stdout, stderr } = await place.hud(['login'], { env: { HUD_BASE_URL: platform.url } });
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain(says);
  await expect(stat(join(place.path, '.hud', '.env'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a code that nobody approves ends on time', async () => {
  await using place = await workplace();
  await using platform = await scripted(
    Array.from({ length: 50 }, () => PENDING),
    { ...CODE, expires_in: 0.3 },
  );
  const { code, stderr } = await place.hud(['login'], { env: { HUD_BASE_URL: platform.url } });
  expect(code).toBe(1);
  expect(stderr).toContain('The code expired');
});

test('an interrupt ends the wait', async () => {
  await using place = await workplace();
  await using platform = await scripted([], { ...CODE, interval: 30 });
  const program = place.start(['login'], { env: { HUD_BASE_URL: platform.url } });
  await program.printed('stderr', /Approve the code/);
  program.child.kill('SIGINT');
  expect((await program.finished).code).toBe(130);
});

test('without a platform, or with one that is away, it says what to do', async () => {
  await using place = await workplace();
  expect(await place.hud(['login'])).toMatchObject({ code: 1, stderr: expect.stringContaining('hud platform') });
  const env = { HUD_BASE_URL: 'http://127.0.0.1:1' };
  expect(await place.hud(['login'], { env })).toMatchObject({ code: 1, stderr: expect.stringContaining("can't be reached") });
});

test('logout takes the key out of the file, leaves the rest, and tells where another one still counts', async () => {
  await using place = await workplace();
  const path = join(place.path, '.hud', '.env');
  await place.hud(['set', 'HUD_API_KEY=sk-hud-1', 'OTHER=kept']);
  const first = await place.hud(['logout'], { env: { HUD_API_KEY: 'sk-hud-2' } });
  expect(first).toMatchObject({ code: 0, stdout: `Removed HUD_API_KEY from ${path}\n`, stderr: expect.stringContaining('still set') });
  expect(Object.fromEntries(parseSettings(await readFile(path, 'utf8')))).toEqual({ OTHER: 'kept' });
  expect(JSON.parse((await place.hud(['logout', '--json'])).stdout)).toEqual({ removed: false, revoked: false, path });
});
