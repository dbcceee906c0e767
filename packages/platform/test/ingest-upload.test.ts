import { randomBytes } from 'node:crypto';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { isPlainObject } from 'hud/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newSpanId, newTraceId, payloadOf, sha256Of, spansOf, startSetup, wireSpan, type Setup } from './ingest.fixtures.ts';

let setup: Setup;
beforeAll(async () => {
  setup = await startSetup();
});
afterAll(async () => {
  await setup[Symbol.asyncDispose]();
});

describe('spans that the Python package uploads', () => {
  test('U1, U2: spans of an unknown run are readable at once, and the same body again adds nothing', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const spans = [wireSpan(traceId), wireSpan(traceId)];
    expect(await a.upload(traceId, spans)).toEqual({ status: 200, body: { accepted: 2, rejected: [] } });
    expect(await spansOf(platform, traceId)).toHaveLength(2);
    expect((await a.upload(traceId, spans)).body.accepted).toBe(2);
    expect((await spansOf(platform, traceId)).map(({ spanId }) => spanId)).toEqual(spans.map((span) => span.span_id));
    const run = await platform.context.store.getRun(traceId);
    expect(run?.jobId).toBe(traceId);
    expect(run?.class).toBeUndefined();
  });

  test('U3: batches in the wrong order are all there, with the numbers that order them', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    await a.upload(traceId, [wireSpan(traceId, { payload: { step_id: 2 } })]);
    await a.upload(traceId, [wireSpan(traceId, { payload: { step_id: 1 } })]);
    const steps = (await spansOf(platform, traceId)).map((span) => (payloadOf(span) as { step_id: number }).step_id);
    expect(steps.toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test('U4, K4: a body of 60 MiB is taken in', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const diff = { patches: [{ path: 'a.txt', status: 'modified', patch: 'x'.repeat(50 * 1_048_576) }], truncated: true };
    const capture = wireSpan(traceId, {
      schema: 'hud.filetracking.v1',
      name: 'filetracking.capture',
      payload: { text: 'y'.repeat(10 * 1_048_576) },
    });
    const span = wireSpan(traceId, { schema: 'hud.filetracking.v1', name: 'filetracking.diff', payload: diff });
    expect((await a.upload(traceId, [span, capture])).body).toEqual({ accepted: 2, rejected: [] });
    expect(payloadOf((await spansOf(platform, traceId))[0])).toEqual(diff);
  });

  test('a span of 100 MiB is taken in to the letter', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const text = `${randomBytes(50 * 1_048_576).toString('hex')}\\"\n`;
    expect((await a.upload(traceId, [wireSpan(traceId, { payload: { text } })])).body.accepted).toBe(1);
    const [span] = await spansOf(platform, traceId);
    expect(sha256Of((payloadOf(span) as { text: string }).text)).toBe(sha256Of(text));
  });

  test('U5: of a good and a bad span the good one is stored, and the bad one is told by its place', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const answer = await a.upload(traceId, [wireSpan(traceId, { trace_id: 'nope' }), wireSpan(traceId)]);
    expect(answer.status).toBe(200);
    expect(answer.body.accepted).toBe(1);
    expect(answer.body.rejected).toEqual([{ index: 0, reason: expect.stringContaining('trace_id') }]);
    expect(await spansOf(platform, traceId)).toHaveLength(1);
  });

  test.each([
    ['a number', 7],
    ['null', null],
    ['a text', 'span'],
    ['a list', []],
    ['no span id', { span_id: undefined }],
    ['a span id in capitals', { span_id: 'ABCDEF0123456789' }],
    ['a time without a zone', { start_time: '2026-08-21T10:00:00' }],
    ['a status that is none', { status_code: 'FINE' }],
    ['a parent that is none', { parent_span_id: 'x' }],
    ['events that are none', { events: [{ name: 'x' }] }],
    ['attributes without its run', { attributes: {} }],
    ['another run', { attributes: { 'hud.task_run_id': 'run-1' } }],
    ['a name with a NUL', { name: 'step\0' }],
  ])('refuses %s and takes its neighbours', async (_what, members) => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const bad = isPlainObject(members) ? wireSpan(traceId, members) : members;
    const { body } = await a.upload(traceId, [wireSpan(traceId), bad, wireSpan(traceId)]);
    expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 1 }] });
    expect(await spansOf(platform, traceId)).toHaveLength(2);
  });

  test('U6: unknown schemas and members are kept as they came', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const span = wireSpan(traceId, { schema: 'hud.future.v9', payload: { a: [1, { b: null }] }, extra_member: { x: 1 } });
    await a.upload(traceId, [span]);
    const { rows } = await platform.context.store.spansSince(0, { traceId });
    expect(JSON.parse(rows[0]?.body ?? '')).toEqual(span);
  });

  test('keeps the text of a span to the letter: spelling of numbers, order, escapes', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const text = JSON.stringify(wireSpan(traceId, { payload: 'X' })).replace(
      '"X"',
      String.raw`{"z": 1.0, "a": 12345678901234567890, "e": "\u00e9\/", "n": -0.0}`,
    );
    await a.post(`/v3/api/trace/${traceId}/telemetry-upload`, `{"telemetry": [\n ${text} ]}`);
    const { rows } = await platform.context.store.spansSince(0, { traceId });
    expect(rows[0]?.body).toBe(text);
  });

  test('X5: NaN and Infinity become null', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const text = JSON.stringify(wireSpan(traceId, { payload: 'X' })).replace('"X"', '{"values":[NaN,-Infinity,1.5,1.0],"text":"NaN"}');
    expect((await a.post(`/v3/api/trace/${traceId}/telemetry-upload`, `{"telemetry":[${text}]}`)).body.accepted).toBe(1);
    expect(payloadOf((await spansOf(platform, traceId))[0])).toEqual({ values: [null, null, 1.5, 1], text: 'NaN' });
  });

  test('clocks that are wrong stay wrong', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const times = { start_time: '2199-01-01T00:00:00.000001Z', end_time: '1970-01-01T00:00:00+02:00' };
    await a.upload(traceId, [wireSpan(traceId, times)]);
    expect((await spansOf(platform, traceId))[0]).toMatchObject({ startTime: times.start_time, endTime: times.end_time });
  });

  test('N1, N3: a run that is no hex id is one trace under each of its spellings', async () => {
    const { a, platform } = setup;
    const traceId = 'a1512d2b077d52699e52b7122739c297';
    await a.upload('run-1', [wireSpan(traceId, { run: 'run-1' })]);
    await a.upload('a1512d2b-077d-5269-9e52-b7122739c297', [wireSpan(traceId, { run: 'run-1' })]);
    expect(await spansOf(platform, traceId)).toHaveLength(2);
    const row = await platform.context.db
      .selectFrom('runs')
      .select(['alias', 'team_id'])
      .where('trace_id', '=', traceId)
      .executeTakeFirst();
    expect(row).toEqual({ alias: 'run-1', team_id: a.teamId });
  });

  test('N2: 32 characters that are not all hex are hashed as any other text', async () => {
    const { a, platform } = setup;
    const run = 'g3dd2a73d3df4d10a54ae3d87c2d530d';
    const { normalizeTraceId } = await import('hud/protocol');
    expect((await a.upload(run, [wireSpan(normalizeTraceId(run), { run })])).body.accepted).toBe(1);
    expect(await spansOf(platform, normalizeTraceId(run))).toHaveLength(1);
  });

  test('U8: nobody without a key gets in', async () => {
    const response = await fetch(`${setup.platform.url}/v3/api/trace/run-1/telemetry-upload`, { method: 'POST', body: '{"telemetry":[]}' });
    expect(response.status).toBe(401);
  });

  test('the run belongs to the team that told of it first', async () => {
    const { a, b, platform } = setup;
    const traceId = newTraceId();
    await a.upload(traceId, [wireSpan(traceId)]);
    expect((await b.upload(traceId, [wireSpan(traceId)])).status).toBe(404);
    expect((await b.upload(traceId, [])).status).toBe(404);
    expect(await spansOf(platform, traceId)).toHaveLength(1);
  });

  test('V1: segments of a video in any order are all there, each once', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const segment = (index: number) =>
      wireSpan(traceId, {
        name: 'step.video_segment',
        schema: 'hud.robot.step.v1',
        payload: { camera: 'front', index, segment: { type: 'video', data: randomBytes(6_000).toString('base64'), mimeType: 'video/mp4' } },
      });
    const sent = [segment(0), segment(2), segment(1)];
    for (const span of sent) await a.upload(traceId, [span]);
    const kept = await spansOf(platform, traceId);
    expect(kept.map((span) => span.attributes)).toEqual(sent.map((span) => span.attributes));
  });

  test('two thousand spans from eight senders at once are each there once', async () => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const spans = Array.from({ length: 2_000 }, (_, n) => wireSpan(traceId, { payload: { n } }));
    const senders = Array.from({ length: 8 }, async (_, lane) => {
      // Each sends a third of all, so that most come more than once, in another order.
      const mine = spans.filter((_span, n) => (n + lane) % 3 === 0).toSorted(() => (lane % 2 === 0 ? 1 : -1));
      for (let at = 0; at < mine.length; at += 100) expect((await a.upload(traceId, mine.slice(at, at + 100))).status).toBe(200);
    });
    await Promise.all(senders);
    const ids = (await spansOf(platform, traceId)).map(({ spanId }) => spanId);
    expect(ids.toSorted()).toEqual(spans.map((span) => String(span.span_id)).toSorted());
  });
});

describe('bodies', () => {
  const path = (traceId: string): string => `/v3/api/trace/${traceId}/telemetry-upload`;

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('in %s are decoded', async (encoding, compress) => {
    const { a, platform } = setup;
    const traceId = newTraceId();
    const body = compress(Buffer.from(JSON.stringify({ telemetry: [wireSpan(traceId)] })));
    expect((await a.post(path(traceId), body, { 'content-encoding': encoding })).body.accepted).toBe(1);
    expect(await spansOf(platform, traceId)).toHaveLength(1);
  });

  test.each([
    ['an encoding nobody knows', 'br', Buffer.from('{}'), 415],
    ['a broken gzip', 'gzip', Buffer.from('not gzip at all'), 400],
    ['half a gzip', 'gzip', gzipSync(Buffer.from('{"telemetry":[]}')).subarray(0, 20), 400],
    ['a broken zstd', 'zstd', Buffer.from('not zstd at all'), 400],
  ])('in %s are refused', async (_what, encoding, body, status) => {
    const traceId = newTraceId();
    expect((await setup.a.post(path(traceId), body, { 'content-encoding': encoding })).status).toBe(status);
  });

  test.each([
    ['nothing', ''],
    ['a list', '[]'],
    ['no spans', '{}'],
    ['half an object', '{"telemetry":[{"a":1}'],
    ['half a text', '{"telemetry":["abc'],
    ['two members of the name', '{"telemetry":[],"telemetry":[]}'],
    ['spans that are no list', '{"telemetry":{}}'],
    ['something behind it', '{"telemetry":[]}x'],
    ['a comma too many', '{"telemetry":[],}'],
    ['a missing comma', '{"telemetry":[1 2]}'],
  ])('of %s are refused', async (_what, body) => {
    expect((await setup.a.post(path(newTraceId()), body)).status).toBe(400);
  });

  test('with other members, blanks and odd values around the spans are understood', async () => {
    const { a } = setup;
    const traceId = newTraceId();
    const body = `\n { "before" : {"telemetry":[1]} , "n":-1.5e3,"t":true, "telemetry" : [ ${JSON.stringify(wireSpan(traceId))} , 12 ,"x]" ] ,"after":[[],"}"] } \n`;
    expect((await a.post(path(traceId), body)).body).toMatchObject({ accepted: 1, rejected: [{ index: 1 }, { index: 2 }] });
  });

  test('that nest without end are refused before they are read to the end', async () => {
    const traceId = newTraceId();
    const bombs = ['['.repeat(5_000_000), '{"a":'.repeat(1_000_000), `${'['.repeat(100_000)}${']'.repeat(100_000)}`];
    for (const bomb of bombs) {
      const answer = await setup.a.post(path(traceId), `{"telemetry":[{"attributes":${bomb}`);
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toContain('200 levels');
    }
  });

  test('of millions of empty values are refused before they fill the memory', async () => {
    const traceId = newTraceId();
    const span = JSON.stringify(wireSpan(traceId, { payload: 'X' })).replace('"X"', `[${'{},'.repeat(8_000_000)}1]`);
    expect((await setup.a.post(path(traceId), `{"telemetry":[${span}]}`)).status).toBe(400);
  });

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('in %s that unpack to more than the limit are refused, whatever they held', async (encoding, compress) => {
    await using small = await startSetup({ HUD_PLATFORM_MAX_UPLOAD_MB: '2' });
    const traceId = newTraceId();
    const bomb = compress(Buffer.from(`{"telemetry":["${'0'.repeat(64 * 1_048_576)}"]}`));
    expect(bomb.length).toBeLessThan(100_000);
    expect((await small.a.post(path(traceId), bomb, { 'content-encoding': encoding })).status).toBe(413);
    expect((await small.a.upload(traceId, [wireSpan(traceId)])).status).toBe(200);
  });

  test('beyond what fits into memory at once are put off with 503, and taken in later', async () => {
    await using small = await startSetup({ HUD_PLATFORM_MAX_UPLOAD_MB: '1' });
    const traceId = newTraceId();
    const ended: (() => void)[] = [];
    const slow = Array.from({ length: 3 }, async () => {
      let end = (): void => {};
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          controller.enqueue(Buffer.from(`{"telemetry":["${'0'.repeat(900_000)}`));
          end = () => {
            controller.enqueue(Buffer.from('"]}'));
            controller.close();
          };
        },
      });
      ended.push(() => end());
      const init = { method: 'POST', body, duplex: 'half', headers: { authorization: `Bearer ${small.a.key}` } };
      return (await fetch(small.platform.url + path(traceId), init as RequestInit)).status;
    });
    const early = await Promise.race(slow);
    expect(early).toBe(503);
    for (const end of ended) end();
    expect((await Promise.all(slow)).toSorted((a, b) => a - b)).toEqual([200, 200, 503]);
    expect((await small.a.upload(traceId, [wireSpan(traceId, { spanId: newSpanId() })])).status).toBe(200);
  });
});
