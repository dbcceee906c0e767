import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { defineAgent } from '../agents/index.ts';
import { Environment } from '../environment/index.ts';
import type { HudError } from '../protocol/errors.ts';
import { LocalRuntime } from '../runtime/index.ts';
import { openStore } from '../store/index.ts';
import { counters, flush } from '../telemetry/export/control.ts';
import { countingPlatform, type CountingPlatform } from '../telemetry/export/exporter.fixtures.ts';
import { tempDir } from '../testing/temp-dir.ts';
import { Job } from './job.ts';
import { Taskset } from './taskset.ts';

let platform: CountingPlatform;

beforeEach(async () => {
  platform = await countingPlatform();
  vi.stubEnv('HUD_API_URL', platform.url);
  vi.stubEnv('HUD_BASE_URL', platform.url); // whatever the user's own settings say
  vi.stubEnv('HUD_API_KEY', 'sk-hud-test-0123456789');
  vi.stubEnv('HUD_TELEMETRY_ENABLED', 'true');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await platform[Symbol.asyncDispose]();
});

const answers = defineAgent(async (run) => {
  run.record({ source: 'agent', content: `the key is ${process.env.HUD_API_KEY}` });
  run.trace.content = 'yes';
});

function environment(): Environment {
  const env = new Environment('e');
  env.template({ id: 'ask' }, async function* () {
    const answer = yield 'well?';
    yield answer === 'yes' ? 1 : 0;
  });
  return env;
}

const runtime = new LocalRuntime(() => environment());
const taskset = new Taskset(
  'three',
  ['a', 'b', 'c'].map((slug) => ({ env: 'e', id: 'ask', slug })),
);

test('a job that runs while a platform is set is there when `run` returns, every step of it', async () => {
  await using dir = await tempDir();
  await using store = await openStore({ directory: dir.path });
  const job = await taskset.run(answers, { runtime, store, group: 2 });
  expect(job.reporting).toMatchObject({ isComplete: true, url: `${platform.url}/jobs/${job.id}`, platform: platform.url });
  expect(platform.jobs.get(job.id)).toMatchObject({ status: 'completed', name: job.name, group: 2 });
  expect([...platform.runs.values()].map((run) => [run.class, run.reward])).toEqual(Array.from({ length: 6 }, () => ['graded', 1]));
  for (const run of job.runs) {
    const { items } = await store.listSpans(run.traceId);
    expect([...(platform.spans.get(run.traceId)?.keys() ?? [])]).toEqual(items.map(({ spanId }) => spanId));
  }
  expect(Buffer.concat(platform.bodies).includes('sk-hud-test-0123456789')).toBe(false);
  expect(await flush()).toBe(true);
  const { queued, acknowledged, rejected } = counters();
  expect([acknowledged, rejected]).toEqual([queued, 0]);
});

test.each([
  { name: 'telemetry is off', env: { HUD_TELEMETRY_ENABLED: 'false' }, options: {} },
  { name: 'there is no key', env: { HUD_API_KEY: '' }, options: {} },
  { name: 'the caller says so', env: {}, options: { report: false } },
])('nothing is sent when $name', async ({ env, options }) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  await using dir = await tempDir();
  vi.stubEnv('HOME', dir.path);
  await using store = await openStore({ directory: dir.path });
  const job = await taskset.run(answers, { runtime, store, ...options });
  expect(job.reporting).toBeUndefined();
  expect((await store.getJob(job.id))?.reportedTo).toBeUndefined();
  expect(platform.requests).toEqual([]);
});

test('a platform that is away fails nothing, and the next job on the record brings what is owed', async () => {
  await using dir = await tempDir();
  await platform.stop();
  const at = performance.now();
  const first = await taskset.run(answers, { runtime, store: await openStore({ directory: dir.path }) });
  expect(performance.now() - at).toBeLessThan(8_000);
  expect(first.summary()).toMatchObject({ n: 3, mean: 1 });
  expect(first.reporting?.isComplete).toBe(false);
  await platform.start();
  await using store = await openStore({ directory: dir.path });
  const job = await Job.start('second', { store });
  await taskset.run(answers, { runtime, job });
  await platform.until(() => platform.jobs.get(first.id)?.status === 'completed' && platform.runs.size === 6);
  await job.end();
  expect(job.reporting?.isComplete).toBe(true);
  await expect.poll(async () => (await store.getJob(first.id))?.reportedAt, { timeout: 10_000 }).toBeGreaterThan(0);
});

test('what the platform refuses is an event of the stream, and the verdicts stay', async () => {
  await using dir = await tempDir();
  await using store = await openStore({ directory: dir.path });
  platform.refuse = (line) => (line.includes('"step.agent"') ? 'No agents here.' : undefined);
  const slow = defineAgent(async (run, { signal }) => {
    run.record({ source: 'agent', content: 'x' });
    await warned.promise;
    signal.throwIfAborted();
    run.trace.content = 'yes';
  });
  const warned = Promise.withResolvers<void>();
  const warnings: HudError[] = [];
  let job: Job | undefined;
  for await (const event of taskset.stream(slow, { runtime, store })) {
    job = event.job;
    if (event.type !== 'warning') continue;
    warnings.push(event.error);
    warned.resolve();
  }
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('No agents here.')]);
  expect(job?.summary()).toMatchObject({ n: 3, mean: 1 });
  expect(job?.reporting).toMatchObject({ isComplete: false, warnings });
});

test('a run that is cancelled on the platform ends as cancelled, and the others go on', async () => {
  await using dir = await tempDir();
  await using store = await openStore({ directory: dir.path });
  const hangs = defineAgent(async (run, { signal }) => {
    if (run.slug === 'b') {
      platform.cancelled.add(run.traceId);
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    }
    run.trace.content = 'yes';
  });
  const job = await taskset.run(hangs, { runtime, store });
  expect(job.summary()).toMatchObject({ n: 2, mean: 1, excluded: { cancelled: 1 } });
  const [cancelled] = job.errors;
  expect(cancelled?.error?.message).toContain('cancelled on the platform');
  expect(platform.runs.get(cancelled?.traceId ?? '')).toMatchObject({ class: 'cancelled', status: 'cancelled' });
});

test('a job that goes on is owed again until all of it is there', async () => {
  await using dir = await tempDir();
  await using store = await openStore({ directory: dir.path });
  const first = await taskset.run(answers, { runtime, store });
  expect((await store.getJob(first.id))?.reportedAt).toBeGreaterThan(0);
  const again = await Job.resume(first.id, { store });
  expect((await store.getJob(first.id))?.reportedAt).toBeUndefined();
  await taskset.run(answers, { runtime, job: again, group: 2 });
  await again.end();
  expect(again.reporting?.isComplete).toBe(true);
  expect(platform.runs.size).toBe(6);
  expect(platform.repeated).toBe(0);
});

test('X3: a job that is interrupted tells the platform what it did, and that it was cancelled', async () => {
  await using dir = await tempDir();
  await using store = await openStore({ directory: dir.path });
  const stop = new AbortController();
  const hangs = defineAgent(async (run, { signal }) => {
    run.record({ source: 'agent', content: 'so far' });
    if (run.slug === 'c') stop.abort();
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  });
  const events = taskset.stream(hangs, { runtime, store, signal: stop.signal });
  await expect(Array.fromAsync(events)).rejects.toThrow();
  expect([...platform.runs.values()].map((run) => run.class)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  expect([...platform.jobs.values()]).toMatchObject([{ status: 'cancelled' }]);
  const { rows } = await store.spansSince(0);
  expect([...platform.spans.values()].reduce((sum, spans) => sum + spans.size, 0)).toBe(rows.length);
  expect(rows.some(({ body }) => body.includes('so far'))).toBe(true);
});
