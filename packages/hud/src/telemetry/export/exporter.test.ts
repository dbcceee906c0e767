import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { PlatformClient } from '../../api-client/client.ts';
import { nodeHost } from '../../host/node.ts';
import type { HudError } from '../../protocol/errors.ts';
import type { RunFinish, RunStart } from '../../protocol/record.ts';
import type { Step } from '../../protocol/trace.ts';
import { openStore, type Store } from '../../store/index.ts';
import { graded, job, start } from '../../store/store.fixtures.ts';
import { tempDir } from '../../testing/temp-dir.ts';
import { Exporter } from './exporter.ts';
import { countingPlatform, type CountingPlatform } from './exporter.fixtures.ts';
import type { JobReport, ReportListener } from './job-report.ts';
import { rememberSecret } from '../redaction/secrets.ts';
import { stepSpan } from '../span.ts';

const PATIENCE = { ms: 20_000, awayMs: 1_000 };

/** A store with one job, and an exporter that follows it. */
class Scene implements AsyncDisposable {
  readonly store: Store;
  readonly platform: CountingPlatform;
  readonly counters = { queued: 0, sent: 0, acknowledged: 0, rejected: 0 };
  readonly exporter: Exporter;
  readonly job;
  #report: JobReport | undefined;

  constructor(store: Store, platform: CountingPlatform) {
    this.store = store;
    this.platform = platform;
    this.job = job(1, { reportedTo: platform.url });
    this.exporter = new Exporter({
      store,
      client: new PlatformClient({ baseUrl: platform.url, apiKey: 'k' }),
      host: nodeHost,
      counters: this.counters,
    });
  }

  get report(): JobReport {
    return this.#report as JobReport;
  }

  async begin(listener: ReportListener = {}): Promise<void> {
    await this.store.createJob(this.job, [{ slug: 'a', position: 0, row: { env: 'e', id: 'a', args: { n: 1 } } }]);
    this.#report = await this.exporter.follow(this.job.id, { isNew: true, listener });
  }

  async startRun(n: number): Promise<RunStart> {
    const run = start(n);
    await this.store.startRun(run);
    this.report.runStarted(run);
    return run;
  }

  step({ traceId }: RunStart, content: string, more: Partial<Step> = {}): void {
    this.store.appendSpan(stepSpan({ source: 'agent', content, ...more } as Step, { traceId }, nodeHost));
  }

  async endRun({ traceId }: RunStart, finish: RunFinish = graded(1)): Promise<void> {
    await this.store.finishRun(traceId, finish);
    this.report.runEnded(traceId, finish);
  }

  async finish(patience = PATIENCE): Promise<boolean> {
    await this.store.updateJob(this.job.id, { status: 'completed', endedAt: 10 });
    return await this.exporter.finish(this.job.id, patience);
  }

  spansOf({ traceId }: RunStart): number {
    return this.platform.spans.get(traceId)?.size ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exporter.close();
  }
}

async function withScene(act: (scene: Scene) => Promise<void>): Promise<void> {
  await using dir = await tempDir();
  await using platform = await countingPlatform();
  await using store = await openStore({ directory: dir.path });
  await using scene = new Scene(store, platform);
  await act(scene);
}

/** Count and hash of everything, here and there. */
async function expectSame(store: Store, platform: CountingPlatform): Promise<void> {
  const digest = (texts: Iterable<string>): string =>
    createHash('sha256')
      .update([...texts].toSorted().join('\n'))
      .digest('hex');
  const { rows } = await store.spansSince(0, { limit: 1_000_000 });
  const there = [...platform.spans.values()].flatMap((spans) => [...spans.values()]);
  expect(there).toHaveLength(rows.length);
  expect(digest(there)).toBe(digest(rows.map(({ body }) => `{"span":${body}}`)));
}

test('a job is there with its tasks, runs and spans, in order, once it has ended', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    const run = await scene.startRun(1);
    for (let i = 0; i < 700; i += 1) scene.step(run, `step ${i}`);
    await scene.endRun(run);
    expect(await scene.finish()).toBe(true);
    const { platform, store } = scene;
    expect(platform.jobs.get(scene.job.id)).toMatchObject({ status: 'completed', ended_at: 10 });
    expect(platform.tasks.size).toBe(1);
    expect(platform.runs.get(run.traceId)).toMatchObject({ class: 'graded', reward: 1, grade: { score: 1, info: { someKey: [1, null] } } });
    const contents = [...(platform.spans.get(run.traceId)?.values() ?? [])].map((line) => /step \d+/.exec(line)?.[0]);
    expect(contents).toEqual(Array.from({ length: 700 }, (_, i) => `step ${i}`));
    await expectSame(store, platform);
    expect((await store.getJob(scene.job.id))?.reportedAt).toBeGreaterThan(0);
    expect(scene.counters).toMatchObject({ rejected: 0, acknowledged: scene.counters.queued, sent: scene.counters.queued });
    expect(await store.listLeases()).toEqual([]);
  });
});

test('X4: a span is there within a second while its run goes on', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    const run = await scene.startRun(1);
    await scene.platform.until(() => scene.platform.runs.has(run.traceId));
    for (let n = 1; n <= 3; n += 1) {
      const at = performance.now();
      scene.step(run, `step ${n}`);
      await scene.platform.until(() => scene.spansOf(run) === n);
      expect(performance.now() - at).toBeLessThan(1_000);
    }
  });
});

test('flush is false while the platform is away, and the job stays owed', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    const run = await scene.startRun(1);
    await scene.platform.stop();
    scene.step(run, 'unheard');
    const at = performance.now();
    expect(await scene.exporter.flush({ ms: 60_000, awayMs: 300 })).toBe(false);
    expect(performance.now() - at).toBeLessThan(10_000);
    await scene.endRun(run);
    expect(await scene.finish({ ms: 60_000, awayMs: 300 })).toBe(false);
    expect(scene.exporter.problem?.code).toBe('PLATFORM_UNREACHABLE');
    expect((await scene.store.getJob(scene.job.id))?.reportedAt).toBeUndefined();
    expect((await scene.store.listJobs({ owedTo: scene.platform.url })).items).toHaveLength(1);
  });
});

test('X2: what happened while the platform was away arrives once, when it is back', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    const runs = [await scene.startRun(1), await scene.startRun(2)];
    for (let outage = 0; outage < 3; outage += 1) {
      for (let i = 0; i < 500; i += 1) scene.step(runs[i % 2] as RunStart, `${outage} ${i}`);
      await scene.platform.stop();
      for (let i = 0; i < 500; i += 1) scene.step(runs[i % 2] as RunStart, `${outage} away ${i}`);
      expect(await scene.exporter.flush({ ms: 60_000, awayMs: 100 })).toBe(false);
      await scene.platform.start();
    }
    for (const run of runs) await scene.endRun(run);
    expect(await scene.finish()).toBe(true);
    await expectSame(scene.store, scene.platform);
  });
});

test('answers that are lost, faults and limits lose and repeat nothing', async () => {
  await withScene(async (scene) => {
    let n = 0;
    scene.platform.interfere = ({ path }) => {
      if (path !== '/v2/record') return undefined;
      n += 1;
      if (n % 5 === 1) return 'hang up';
      if (n % 5 === 2) return { status: 503, headers: { 'retry-after': '0' }, body: { detail: 'later' } };
      return n % 5 === 3 ? { status: 429, headers: { 'retry-after': '0' }, body: { detail: 'slowly' } } : undefined;
    };
    await scene.begin();
    const run = await scene.startRun(1);
    for (let i = 0; i < 3_000; i += 1) scene.step(run, `step ${i}`);
    await scene.endRun(run);
    expect(await scene.finish({ ms: 30_000, awayMs: 30_000 })).toBe(true);
    await expectSame(scene.store, scene.platform);
    expect(scene.counters.sent).toBeGreaterThan(scene.counters.acknowledged);
  });
});

test('a line that is refused is told once with the reason, and holds up no other', async () => {
  await withScene(async (scene) => {
    const warnings: HudError[] = [];
    scene.platform.refuse = (line) => (line.includes('poison') ? 'It is poison.' : undefined);
    await scene.begin({ onWarning: (error) => warnings.push(error) });
    const run = await scene.startRun(1);
    for (let i = 0; i < 20; i += 1) scene.step(run, i % 5 === 0 ? `poison ${i}` : `fine ${i}`);
    await scene.endRun(run);
    expect(await scene.finish()).toBe(false);
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('It is poison.')]);
    expect(scene.spansOf(run)).toBe(16);
    expect(scene.counters.rejected).toBe(4);
    expect((await scene.store.getJob(scene.job.id))?.reportedAt).toBeUndefined();
  });
});

test('a request that is refused as a whole is cut until only the bad line is left', async () => {
  await withScene(async (scene) => {
    const { platform } = scene;
    await scene.begin();
    const run = await scene.startRun(1);
    await scene.exporter.flush(PATIENCE);
    platform.interfere = ({ body }) => (body.includes('huge') ? { status: 413, body: { detail: 'Too large.' } } : undefined);
    for (let i = 0; i < 64; i += 1) scene.step(run, i === 40 ? 'huge' : `fine ${i}`);
    await scene.endRun(run);
    expect(await scene.finish()).toBe(false);
    expect(scene.spansOf(run)).toBe(63);
    expect(platform.runs.get(run.traceId)).toMatchObject({ class: 'graded' });
    expect(scene.counters.rejected).toBe(1);
  });
});

test('what an earlier process left is compared with what the platform has, and sent by the next', async () => {
  await withScene(async (scene) => {
    const { platform, store } = scene;
    await scene.begin();
    const [first, second] = [await scene.startRun(1), await scene.startRun(2)];
    scene.step(first, 'there');
    await scene.exporter.flush(PATIENCE);
    await platform.stop();
    for (const run of [first, second]) for (let i = 0; i < 1_200; i += 1) scene.step(run, `owed ${i}`);
    for (const run of [first, second]) await scene.endRun(run);
    expect(await scene.finish({ ms: 5_000, awayMs: 100 })).toBe(false);
    await scene.exporter.close();
    await platform.start();
    await using next = new Exporter({
      store,
      client: new PlatformClient({ baseUrl: platform.url }),
      host: nodeHost,
      counters: { ...scene.counters },
    });
    expect(await next.ship(scene.job.id)).toBe(true);
    await expectSame(store, platform);
    expect((await store.getJob(scene.job.id))?.reportedAt).toBeGreaterThan(0);
    expect(platform.runs.get(second.traceId)).toMatchObject({ class: 'graded' });
    const sent = platform.requests.length;
    expect(await next.ship(scene.job.id)).toBe(true);
    expect(platform.requests.slice(sent).filter((request) => request === 'POST /v2/record').length).toBeLessThanOrEqual(2);
  });
});

test('two exporters on one record never send the same job at once', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    const run = await scene.startRun(1);
    await scene.exporter.flush(PATIENCE);
    await using other = new Exporter({
      store: scene.store,
      client: new PlatformClient({ baseUrl: scene.platform.url }),
      host: nodeHost,
      counters: { ...scene.counters },
    });
    const shipping = other.ship(scene.job.id);
    scene.step(run, 'one');
    await scene.endRun(run);
    expect(await scene.finish()).toBe(true);
    expect(await shipping).toBe(true);
    expect(scene.platform.repeated).toBe(0);
  });
});

test('a run that somebody cancels on the platform is told to whoever runs it', async () => {
  await withScene(async (scene) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await scene.begin({ onCancel: resolve });
    const run = await scene.startRun(1);
    scene.platform.cancelled.add(run.traceId);
    expect(await promise).toBe(run.traceId);
  });
});

test('a number that JSON lacks is null there (X5), and what is told long after the fact is there too', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    const run = await scene.startRun(1);
    scene.step(run, 'robot', { extra: { state: [1, Number.NaN, Number.POSITIVE_INFINITY] } });
    await scene.endRun(run);
    scene.step(run, 'late');
    expect(await scene.finish()).toBe(true);
    expect([...(scene.platform.spans.get(run.traceId)?.values() ?? [])][0]).toContain('"state":[1,null,null]');
    await expectSame(scene.store, scene.platform);
  });
});

test('thousands of runs while the platform is away cost no memory but are there in the end', async () => {
  await withScene(async (scene) => {
    await scene.begin();
    await scene.platform.stop();
    for (let n = 0; n < 6_000; n += 100) {
      const runs = await Promise.all(Array.from({ length: 100 }, (_, i) => scene.startRun(n + i)));
      for (const run of runs) scene.step(run, 'x');
      await Promise.all(runs.map((run) => scene.endRun(run)));
    }
    expect(scene.report.mustCompare).toBe(true);
    await scene.platform.start();
    expect(await scene.finish({ ms: 30_000, awayMs: 20_000 })).toBe(true);
    expect([...scene.platform.runs.values()].filter((run) => run.class === 'graded')).toHaveLength(6_000);
    await expectSame(scene.store, scene.platform);
  });
});

test('no byte that leaves holds a secret, in spans, rows, pictures and files; the record keeps them', async () => {
  const secret = 'correct-horse/battery+staple';
  rememberSecret('TEST_KEY', secret);
  const file = Buffer.from(`# notes\nkey = ${secret}\n${'filler\n'.repeat(2_000)}`);
  await withScene(async (scene) => {
    const { platform, store } = scene;
    await scene.begin();
    const run = await scene.startRun(1);
    scene.step(run, `the key is ${secret}`, {
      messages: [{ role: 'user', content: { type: 'text', text: JSON.stringify({ key: secret }) } }],
    });
    scene.step(run, Buffer.from(`user:${secret}`).toString('base64'), { error: `401 for ?key=${encodeURIComponent(secret)}` });
    scene.step(run, 'a file', { extra: { file: { type: 'file', data: file.toString('base64'), media_type: 'text/markdown' } } });
    scene.step(run, 'a picture', {
      extra: { image: { type: 'image', data: Buffer.alloc(9_000, 7).toString('base64'), mimeType: 'image/png' } },
    });
    await scene.endRun(run, {
      ...graded(1),
      class: 'agent',
      status: 'error',
      answer: secret,
      error: { code: 'AGENT_FAILED', message: `bad ${secret}` },
    });
    expect(await scene.finish()).toBe(true);
    const all = Buffer.concat(platform.bodies).toString('latin1');
    const base64 = Buffer.from(`user:${secret}`).toString('base64');
    for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), base64, base64.slice(8, 24)]) {
      expect(all).not.toContain(form);
    }
    expect(all.match(/\[redacted:TEST_KEY\]/g)?.length).toBeGreaterThanOrEqual(6);
    expect(platform.blobs.size).toBe(2);
    for (const [name, bytes] of platform.blobs) expect(all).toContain(`hud-blob:sha256=${name};bytes=${bytes.length};`);
    expect(JSON.stringify(await store.listSpans(run.traceId))).toContain(secret);
    expect((await store.getRun(run.traceId))?.answer).toBe(secret);
  });
});
