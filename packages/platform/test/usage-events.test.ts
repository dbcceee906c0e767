import { expect, test } from 'vitest';
import { caller, testPlatform } from './registry.fixtures.ts';

const EVENT = {
  command: 'eval',
  subcommand: null,
  exit_code: 0,
  error_class: null,
  duration_ms: 12.5,
  cli_version: '0.6.16',
  python_version: '3.12.1',
  os: 'linux',
  is_ci: false,
  install_id: 'b2a7c8f0-0000-4000-8000-000000000000',
};

test('Y1, Y2: events need no key, and only the listed members are kept', async () => {
  await using on = await testPlatform();
  const anybody = caller(on.url, undefined);
  await anybody('POST', '/v3/api/sdk-events/cli', { events: [EVENT] });
  const began = performance.now();
  expect(await anybody('POST', '/sdk-events/cli', { events: [{ ...EVENT, argv: ['secret'], task: 'x' }] })).toMatchObject({
    status: 200,
    json: { accepted: 1 },
  });
  expect(performance.now() - began).toBeLessThan(200);
  const rows = await on.platform.context.db.selectFrom('usage_events').selectAll().execute();
  expect(rows.map(({ event }) => JSON.parse(event) as unknown)).toEqual([EVENT, EVENT]);
  expect((await anybody('POST', '/sdk-events/cli', { events: [{ ...EVENT, command: 'x'.repeat(101) }] })).status).toBe(400);
});

test('Y3: one address that sends too many is slowed down, and whoever has a key is not', async () => {
  await using on = await testPlatform({ HUD_PLATFORM_REQUESTS_PER_MINUTE: '50' });
  const anybody = caller(on.url, undefined);
  expect((await on.call('GET', '/v2/tasksets')).status).toBe(200); // a key is looked up within the same bounds, then known for a while
  const statuses = await Promise.all(
    Array.from({ length: 200 }, async () => (await anybody('POST', '/sdk-events/cli', { events: [EVENT] })).status),
  );
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(statuses.filter((status) => status === 200).length).toBeLessThan(100);
  expect((await on.call('GET', '/v2/tasksets')).status).toBe(200);
});
