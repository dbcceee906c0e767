import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newTraceId, payloadOf, sha256Of, spansOf, startSetup, wireSpan, type Setup } from './ingest.fixtures.ts';

let setup: Setup;
beforeAll(async () => {
  setup = await startSetup();
});
afterAll(async () => {
  await setup[Symbol.asyncDispose]();
});

const reference = (sha256: string, bytes: number): string => `hud-blob:sha256=${sha256};bytes=${bytes};as=base64;type=image/png`;
const image = (data: string) => ({ content: [{ type: 'image', data, mimeType: 'image/png' }] });
const bodiesOf = async (traceId: string): Promise<string[]> =>
  (await setup.platform.context.store.spansSince(0, { traceId })).rows.map(({ body }) => body);

test('U7: a picture of 1 MiB is stored once, as a blob of the team, and the span refers to it', async () => {
  const { a, b, platform } = setup;
  const traceId = newTraceId();
  const bytes = randomBytes(1_048_576);
  const payload = image(bytes.toString('base64'));
  await a.upload(traceId, [wireSpan(traceId, { payload }), wireSpan(traceId, { payload })]);
  const bodies = await bodiesOf(traceId);
  for (const body of bodies) expect(body).toContain(reference(sha256Of(bytes), bytes.length));
  expect((await spansOf(platform, traceId)).map(payloadOf)).toEqual([payload, payload]);
  const response = await a.get(`/v2/blobs/${sha256Of(bytes)}`);
  expect(response.headers.get('content-type')).toBe('image/png');
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  expect((await b.get(`/v2/blobs/${sha256Of(bytes)}`)).status).toBe(404);
});

test('K1: captured files are blobs, and are downloaded instead of shown', async () => {
  const { a } = setup;
  const traceId = newTraceId();
  const bytes = randomBytes(9_000);
  const file = { path: 'report.pdf', file: { type: 'file', data: bytes.toString('base64'), media_type: 'application/pdf' } };
  await a.upload(traceId, [wireSpan(traceId, { name: 'filetracking.capture', schema: 'hud.filetracking.v1', payload: { files: [file] } })]);
  const response = await a.get(`/v2/blobs/${sha256Of(bytes)}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
});

test('K2: what file tracking left out stays out, to the letter', async () => {
  const { a, platform } = setup;
  const traceId = newTraceId();
  const payload = {
    patches: [{ path: '.env', status: 'modified', patch: 'not shown: a file with secrets', content_hash_after: 'redacted:12/1' }],
  };
  await a.upload(traceId, [wireSpan(traceId, { schema: 'hud.filetracking.v1', payload })]);
  expect(payloadOf((await spansOf(platform, traceId))[0])).toEqual(payload);
});

test.each(['image/svg+xml', 'text/html', 'application/xhtml+xml', 'text/javascript', 'nonsense'])(
  '%s is never shown by a browser',
  async (mediaType) => {
    const { a } = setup;
    const bytes = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert('${mediaType}')"/>`);
    await a.put(`/v2/blobs/${sha256Of(bytes)}`, bytes, { 'content-type': mediaType });
    const { headers } = await a.get(`/v2/blobs/${sha256Of(bytes)}`);
    expect(headers.get('content-disposition')).toMatch(/^attachment/);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain('sandbox');
  },
);

test('a blob is stored under the hash of its bytes and no other', async () => {
  const { a } = setup;
  const bytes = randomBytes(100);
  expect(await a.put(`/v2/blobs/${sha256Of(bytes)}`, bytes)).toEqual({ status: 200, body: { sha256: sha256Of(bytes), bytes: 100 } });
  expect((await a.put(`/v2/blobs/${sha256Of('other')}`, bytes)).status).toBe(400);
  expect((await a.put('/v2/blobs/nonsense', bytes)).status).toBe(400);
  expect((await a.get('/v2/blobs/nonsense')).status).toBe(404);
  expect((await a.get(`/v2/blobs/${sha256Of('other')}`)).status).toBe(404);
});

test('each team has to send a blob itself, and learns nothing of what others sent', async () => {
  const { a, b } = setup;
  const [first, second] = [randomBytes(100), randomBytes(100)];
  await a.put(`/v2/blobs/${sha256Of(first)}`, first);
  const body = { sha256: [sha256Of(first), sha256Of(second)] };
  expect((await a.post('/v2/blobs/missing', body)).body).toEqual({ missing: [sha256Of(second)] });
  expect((await b.post('/v2/blobs/missing', body)).body).toEqual({ missing: body.sha256 });
  await b.put(`/v2/blobs/${sha256Of(first)}`, first);
  expect((await b.get(`/v2/blobs/${sha256Of(first)}`)).status).toBe(200);
});

test('a record refers to blobs that its team sent before', async () => {
  const { a, platform } = setup;
  const traceId = newTraceId();
  const bytes = randomBytes(5_000);
  await a.put(`/v2/blobs/${sha256Of(bytes)}`, bytes, { 'content-type': 'image/png' });
  const span = wireSpan(traceId, { payload: image(reference(sha256Of(bytes), 5_000)) });
  await a.record([{ span }]);
  expect(await bodiesOf(traceId)).toEqual([JSON.stringify(span)]);
  expect(payloadOf((await spansOf(platform, traceId))[0])).toEqual(image(bytes.toString('base64')));
});

test.each(['record', 'upload'] as const)(
  'naming the blob of another team by %s gives nothing of it, however it is spelt',
  async (route) => {
    const { a, b, platform } = setup;
    const bytes = randomBytes(5_000);
    const theirs = reference(sha256Of(bytes), 5_000);
    await a.put(`/v2/blobs/${sha256Of(bytes)}`, bytes);
    const own = randomBytes(6_000);
    await b.put(`/v2/blobs/${sha256Of(own)}`, own);
    const traceId = newTraceId();
    const payload = { a: theirs, b: image(theirs), c: ['E'], long: 'x'.repeat(10_000), own: reference(sha256Of(own), 6_000) };
    const escaped = theirs.replace('hud-', String.raw`\u0068ud-`);
    const text = JSON.stringify(wireSpan(traceId, { payload })).replace('"E"', `"${escaped}"`);
    const line = JSON.stringify(wireSpan(traceId, { payload: 'E' })).replace('"E"', `"${escaped}"`);
    if (route === 'record') await b.post('/v2/record', `{"span":${text}}\n{"span":${line}}`);
    else await b.post(`/v3/api/trace/${traceId}/telemetry-upload`, `{"telemetry":[${text},${line}]}`);
    const kept = await spansOf(platform, traceId);
    expect(kept).toHaveLength(2);
    expect(JSON.stringify(kept)).not.toContain(bytes.toString('base64').slice(0, 40));
    expect(payloadOf(kept[0])).toMatchObject({ a: theirs, b: image(theirs), c: [theirs] });
    expect(payloadOf(kept[1])).toBe(theirs);
    for (const body of await bodiesOf(traceId)) expect(body).not.toMatch(new RegExp(`"hud-blob:sha256=${sha256Of(bytes)}`));
  },
);

test('texts that only look like references come back as they were', async () => {
  const { a, platform } = setup;
  const traceId = newTraceId();
  const texts = ['hud-blob:', 'hud-blob:text=x', reference(sha256Of('nothing'), 7), 'hud-blob:text=hud-blob:text=y'];
  await a.upload(traceId, [wireSpan(traceId, { payload: { texts } })]);
  expect(payloadOf((await spansOf(platform, traceId))[0])).toEqual({ texts });
});

test('what a record has quoted already stays quoted once', async () => {
  const { a, platform } = setup;
  const traceId = newTraceId();
  const span = wireSpan(traceId, { payload: { text: 'hud-blob:text=hud-blob:sha256=x' } });
  await a.record([{ span }]);
  expect(await bodiesOf(traceId)).toEqual([JSON.stringify(span)]);
  expect(payloadOf((await spansOf(platform, traceId))[0])).toEqual({ text: 'hud-blob:sha256=x' });
});
