import { expect, test } from 'vitest';
import { beginPlatform } from '../../test/tenant.ts';

test('it is alive at once, and ready as long as its database and its blobs are there', async () => {
  await using platform = await beginPlatform();
  expect(await platform.request('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await platform.request('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
  await platform.context.db.destroy();
  expect(await platform.request('/readyz')).toMatchObject({ status: 503, body: { detail: expect.stringContaining('does not answer') } });
  expect((await platform.request('/healthz')).status).toBe(200);
});

test('its counters can be scraped', async () => {
  await using platform = await beginPlatform();
  const { status, text } = await platform.request('/metrics');
  expect(status).toBe(200);
  expect(text).toMatch(/^# TYPE hud_spans_total counter$/m);
});
