import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PlatformClient } from '../../hud/src/api-client/index.ts';
import { api } from 'hud/protocol';
import { sweepRuns } from '../src/storage/runs/index.ts';
import { graded, newTraceId, payloadOf, spansOf, startSetup, wireJob, wireRun, wireSpan, type Setup } from './ingest.fixtures.ts';

let setup: Setup;
beforeAll(async () => {
  setup = await startSetup();
});
afterAll(async () => {
  await setup[Symbol.asyncDispose]();
});

const task = (jobId: string, slug = 'task-1', position = 0) => ({
  task: { job_id: jobId, slug, position, row: { env: 'e', args: { n: 1 } } },
});

test('a job comes with its tasks, runs, spans and ends, and is held as it was sent', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  const span = wireSpan(traceId);
  const lines = [
    wireJob(jobId),
    task(jobId),
    wireRun(traceId, jobId),
    { span },
    wireRun(traceId, jobId, graded),
    wireJob(jobId, { status: 'completed', ended_at: 4_000 }),
  ];
  expect(await a.record(lines)).toEqual({ status: 200, body: { accepted: 6, rejected: [], cancelled: [] } });
  const { store } = platform.context;
  expect(await store.getJob(jobId)).toMatchObject({ name: 'letters', status: 'completed', endedAt: 4_000 });
  expect(await store.listTasks(jobId)).toEqual([{ jobId, slug: 'task-1', position: 0, row: { env: 'e', args: { n: 1 } } }]);
  expect(await store.getRun(traceId)).toMatchObject({
    jobId,
    slug: 'task-1',
    class: 'graded',
    reward: 1,
    startedAt: 2_000,
    endedAt: 3_000,
  });
  expect(await spansOf(platform, traceId)).toHaveLength(1);
});

test('the same lines again, and in the opposite order, change nothing', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  const lines = [
    wireJob(jobId),
    task(jobId),
    wireRun(traceId, jobId),
    { span: wireSpan(traceId) },
    wireRun(traceId, jobId, graded),
    wireJob(jobId, { status: 'completed', ended_at: 4_000 }),
  ];
  await a.record(lines);
  const before = [await platform.context.store.getJob(jobId), await platform.context.store.getRun(traceId)];
  for (const line of lines.toReversed()) expect((await a.record([line])).body.rejected).toEqual([]);
  expect([await platform.context.store.getJob(jobId), await platform.context.store.getRun(traceId)]).toEqual(before);
  expect(await spansOf(platform, traceId)).toHaveLength(1);
});

test('a verdict that is recorded never changes', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  await a.record([wireJob(jobId), wireRun(traceId, jobId, graded)]);
  await a.record([wireRun(traceId, jobId, { ...graded, reward: 0, class: 'agent', status: 'error' })]);
  expect(await platform.context.store.getRun(traceId)).toMatchObject({ class: 'graded', reward: 1 });
});

test('an end that was only presumed gives way to the one that the driver tells, however late', async () => {
  const { a, platform } = setup;
  const { db, store } = platform.context;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  await a.record([wireJob(jobId), wireRun(traceId, jobId)]);
  expect((await sweepRuns(db, { now: Date.now() + 60_000, silenceMs: 30_000, cancelMs: 1_000_000 })).map((run) => run.traceId)).toContain(
    traceId,
  );
  expect(await store.getJob(jobId)).toMatchObject({ status: 'cancelled' });
  const { runs } = (await (await a.get(`/v2/jobs/${jobId}/holdings`)).json()) as { runs: object[] };
  expect(runs).toMatchObject([{ has_ended: false }]);
  await a.record([wireRun(traceId, jobId, graded), wireJob(jobId, { status: 'completed', ended_at: 4_000 })]);
  expect(await store.getRun(traceId)).toMatchObject({ class: 'graded', reward: 1 });
  expect((await store.getRun(traceId))?.error).toBeUndefined();
  expect(await store.getJob(jobId)).toMatchObject({ status: 'completed', endedAt: 4_000 });
});

test('spans before their run, and a run before its job, find their place once that is told', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  await a.record([{ span: wireSpan(traceId) }]);
  expect((await platform.context.store.getRun(traceId))?.jobId).toBe(traceId);
  await a.record([wireRun(traceId, jobId)]);
  expect(await platform.context.store.getRun(traceId)).toMatchObject({ jobId, slug: 'task-1', startedAt: 2_000 });
  expect(await platform.context.store.getJob(traceId)).toBeUndefined();
  await a.record([wireJob(jobId), task(jobId)]);
  expect(await platform.context.store.getJob(jobId)).toMatchObject({ name: 'letters', status: 'running' });
  expect(await spansOf(platform, traceId)).toHaveLength(1);
});

test('a job that goes on after its end is open again, and an older row of it does not open it', async () => {
  const { a, platform } = setup;
  const [jobId, first, second] = [newTraceId(), newTraceId(), newTraceId()];
  await a.record([wireJob(jobId), wireRun(first, jobId, graded), wireJob(jobId, { status: 'completed', ended_at: 4_000 })]);
  await a.record([wireJob(jobId)]);
  expect((await platform.context.store.getJob(jobId))?.status).toBe('completed');
  await a.record([wireJob(jobId), wireRun(second, jobId, { repeat: 1, started_at: 5_000 })]);
  expect((await platform.context.store.getJob(jobId))?.status).toBe('running');
});

test('two runs that claim one attempt of one repeat: the second is told', async () => {
  const { a } = setup;
  const jobId = newTraceId();
  const { body } = await a.record([wireJob(jobId), wireRun(newTraceId(), jobId), wireRun(newTraceId(), jobId)]);
  expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 2 }] });
});

test('lines that are none are told by their places, and the others are stored', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  const good = JSON.stringify({ span: wireSpan(traceId) });
  const bad = [
    '',
    'x',
    '{}',
    '{"span":',
    '{"span":{}}',
    '{"span":{}},',
    '{"job":{"id":"nope"}}',
    `${good}${good}`,
    '{"other":1}',
    '{"span":{},"job":{}}',
  ];
  const text = [JSON.stringify(wireJob(jobId)), ...bad, good].join('\n');
  const { body } = await a.post('/v2/record', text);
  expect(body.rejected?.map(({ index }) => index)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(await spansOf(platform, traceId)).toHaveLength(1);
});

test('the text of a span is kept to the letter', async () => {
  const { a, platform } = setup;
  const traceId = newTraceId();
  const text = JSON.stringify(wireSpan(traceId, { payload: 'X' })).replace(
    '"X"',
    String.raw`{"z": 1.0, "big": 12345678901234567890, "e": "\u00e9"}`,
  );
  await a.post(
    '/v2/record',
    gzipSync(`{ "span" : ${text} }\r\n{"span":${text.replace(/"span_id":"\w+"/, '"span_id":"0000000000000001"')}}`),
    {
      'content-encoding': 'gzip',
    },
  );
  const { rows } = await platform.context.store.spansSince(0, { traceId });
  expect(rows.map(({ body }) => body)).toEqual([text, text.replace(/"span_id":"\w+"/, '"span_id":"0000000000000001"')]);
});

test('members of a task keep the spelling of their numbers', async () => {
  const { a, platform } = setup;
  const jobId = newTraceId();
  await a.post(
    '/v2/record',
    `${JSON.stringify(wireJob(jobId))}\n{"task":{"job_id":"${jobId}","slug":"s","position":0,"row":{"args":{"x":1.0,"y":1}}}}`,
  );
  const row = await platform.context.db.selectFrom('tasks').select('row').where('job_id', '=', jobId).executeTakeFirst();
  expect(row?.row).toBe('{"args":{"x":1.0,"y":1}}');
});

test('jobs, runs and spans of another team stay as they are', async () => {
  const { a, b, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  await a.record([wireJob(jobId), task(jobId), wireRun(traceId, jobId)]);
  const { body } = await b.record([
    wireJob(jobId, { name: 'mine' }),
    task(jobId, 'task-2', 1),
    wireRun(traceId, jobId, graded),
    wireRun(newTraceId(), jobId, graded),
    { span: wireSpan(traceId) },
    wireRun(traceId, newTraceId(), graded),
  ]);
  expect(body).toMatchObject({ accepted: 0, rejected: [0, 1, 2, 3, 4, 5].map((index) => ({ index })) });
  expect(await platform.context.store.getJob(jobId)).toMatchObject({ name: 'letters' });
  expect(await platform.context.store.listTasks(jobId)).toHaveLength(1);
  expect((await platform.context.store.getRun(traceId))?.class).toBeUndefined();
  expect(await spansOf(platform, traceId)).toEqual([]);
  expect((await b.get(`/v2/jobs/${jobId}/holdings`)).status).toBe(404);
});

test('holdings tell how many spans of each run are there, and which have ended', async () => {
  const { a, platform } = setup;
  const [jobId, first, second] = [newTraceId(), newTraceId(), newTraceId()];
  await a.record([
    wireJob(jobId),
    task(jobId),
    wireRun(first, jobId),
    wireRun(second, jobId, { repeat: 1 }),
    { span: wireSpan(first) },
    { span: wireSpan(first) },
    wireRun(first, jobId, graded),
  ]);
  const client = new PlatformClient({ baseUrl: platform.url, apiKey: a.key });
  const held = await client.call(api.ingest.holdings, { params: { id: jobId.toUpperCase() } });
  expect(held).toMatchObject({ jobId, status: 'running', tasks: 1 });
  expect(new Map(held.runs.map((run) => [run.traceId, run]))).toEqual(
    new Map([
      [first, { traceId: first, spans: 2, hasEnded: true, isCancelled: false }],
      [second, { traceId: second, spans: 0, hasEnded: false, isCancelled: false }],
    ]),
  );
});

test('whoever sends of a run learns that its end was asked for', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  await a.record([wireJob(jobId), wireRun(traceId, jobId)]);
  await platform.context.db.updateTable('runs').set({ cancel_requested_at: 1 }).where('trace_id', '=', traceId).execute();
  expect((await a.record([{ span: wireSpan(traceId) }])).body.cancelled).toEqual([traceId]);
  expect((await a.record([wireRun(traceId, jobId, graded)])).body.cancelled).toEqual([]);
});

test('ten thousand lines come out in their order, a large one among them', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  const spans = Array.from({ length: 10_000 }, (_, n) => ({
    span: wireSpan(traceId, { payload: { n, ...(n === 5_000 ? { text: 'x'.repeat(9_000_000) } : {}) } }),
  }));
  expect((await a.record([wireJob(jobId), wireRun(traceId, jobId), ...spans])).body.accepted).toBe(10_002);
  const kept = await spansOf(platform, traceId);
  expect(kept.map((span) => (payloadOf(span) as { n: number }).n)).toEqual(spans.map((_span, n) => n));
});

test('who watches a trace or a job is woken once it is recorded', async () => {
  const { a, platform } = setup;
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  await a.record([wireJob(jobId), wireRun(traceId, jobId)]);
  const seen: string[] = [];
  const stop = [traceId, jobId].map((id) => platform.context.hub.watch(id, () => seen.push(id)));
  await a.record([{ span: wireSpan(traceId) }]);
  for (const end of stop) end();
  expect(new Set(seen)).toEqual(new Set([traceId, jobId]));
});

test('what came is counted', async () => {
  const { a, platform } = setup;
  const text = await (await fetch(`${platform.url}/metrics`, { headers: { authorization: `Bearer ${a.key}` } })).text();
  expect(text).toMatch(/hud_spans_total\{route="record"\} \d{5}/);
  expect(text).toMatch(/hud_spans_rejected_total\{route="record"\} \d+/);
  expect(text).toMatch(/hud_ingest_held_bytes 0\n/);
});
