/** The command line signs in to a real platform, tells who it is, and ends its key. */
import { expect, test } from 'vitest';
import { workplace } from '../../hud/src/cli/testing.ts';
import { beginPlatform } from './tenant.ts';

test('L2: hud login waits for the approval on the page, then hud whoami tells who it is, and hud logout --revoke ends the key', async () => {
  await using platform = await beginPlatform();
  await using place = await workplace();
  const env = { HUD_BASE_URL: platform.url };
  const login = place.start(['login', '--quiet'], { env });
  const [, code = ''] = await login.printed('stderr', /Approve the code (\S+) on/);
  const cookie = (await platform.submit('/login', { key: (await platform.owner()).key })).headers.getSetCookie()[0]?.split(';')[0] ?? '';
  await platform.submit('/device', { code, decision: 'approve' }, { cookie });
  expect(await login.finished).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Signed in as owner@localhost for team default.'),
  });

  const who = await place.hud(['whoami', '--json'], { env });
  expect(JSON.parse(who.stdout)).toMatchObject({
    email: 'owner@localhost',
    team: 'default',
    role: 'owner',
    key: expect.stringMatching(/^login on /),
    url: platform.url,
  });
  expect((await place.hud(['whoami'], { env })).stdout).toContain(`platform\t${platform.url}\n`);

  const keys = async (): Promise<number> =>
    (await platform.context.db.selectFrom('api_keys').select('id').where('revoked_at', 'is', null).execute()).length;
  expect(await keys()).toBe(2);
  expect(await place.hud(['logout', '--revoke'], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Removed HUD_API_KEY'),
  });
  expect(await keys()).toBe(1);
  expect(await place.hud(['whoami'], { env })).toMatchObject({ code: 1, stderr: expect.stringContaining('hud login') });
});
