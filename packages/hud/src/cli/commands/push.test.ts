import { expect, test } from 'vitest';
import { countingPlatform } from '../../telemetry/export/exporter.fixtures.ts';
import { LETTERS, workplace } from '../testing.ts';

test('a job is told with its page while a platform is set, and is there in the end', async () => {
  await using place = await workplace();
  await using platform = await countingPlatform();
  await place.write({ 'env.ts': LETTERS });
  const env = { HUD_BASE_URL: platform.url, HUD_API_KEY: 'sk-hud-0123456789', HUD_WEB_URL: 'https://pages.test' };
  const { code, stdout, stderr } = await place.hud(['eval', 'env.ts', 'oracle', '--all'], { env });
  const [id] = [...platform.jobs.keys()];
  expect(code).toBe(0);
  expect(stderr).toContain(`Live: https://pages.test/jobs/${id}`);
  expect(stdout).toContain(`On the platform: https://pages.test/jobs/${id}`);
  expect([...platform.runs.values()].map((run) => run.class)).toEqual(['graded', 'graded', 'graded']);
});

test('what a platform that was away lacks is said, and pushed; so is a job of before there was one', async () => {
  await using place = await workplace();
  await using platform = await countingPlatform();
  await place.write({ 'env.ts': LETTERS });
  expect((await place.hud(['eval', 'env.ts', 'oracle'])).code).toBe(0);
  const env = { HUD_BASE_URL: platform.url, HUD_API_KEY: 'sk-hud-0123456789' };
  await platform.stop();
  const away = await place.hud(['eval', 'env.ts', 'oracle', '--all'], { env });
  expect(away.code).toBe(0);
  expect(away.stdout).toContain('The platform does not have all of this job yet');
  expect(away.stdout).toContain('hud push ');
  await platform.start();
  const owed = await place.hud(['push', '--json'], { env });
  expect(JSON.parse(owed.stdout)).toMatchObject([{ complete: true, problems: [] }]);
  expect(platform.runs.size).toBe(3);
  const all = await place.hud(['push', '--all'], { env });
  expect(all.stdout).toMatch(/^there /);
  expect([...platform.runs.values()].map((run) => run.class)).toEqual(Array.from({ length: 4 }, () => 'graded'));
  const none = await place.hud(['push'], { env });
  expect([none.code, none.stdout]).toEqual([0, '']);
  expect(none.stderr).toContain('is owed to');
});

test('without a platform there is nowhere to push to, and an unknown job is told', async () => {
  await using place = await workplace();
  const lost = await place.hud(['push']);
  expect([lost.code, lost.stderr.includes('No platform is set')]).toEqual([1, true]);
  const env = { HUD_BASE_URL: 'http://127.0.0.1:1', HUD_API_KEY: 'sk-hud-0123456789' };
  const unknown = await place.hud(['push', 'abcdef'], { env });
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain("job 'abcdef'");
});
