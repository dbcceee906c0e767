/** What is acknowledged stays: through kills, several writers at once, and disks that fill up. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import { tempDir, type TempDir } from '../testing/temp-dir.ts';
import { readReference } from '../protocol/blob-reference.ts';
import { openStore } from './sqlite.ts';
import { graded, job, picture, span, start } from './store.fixtures.ts';
import { SPAN_FLUSH_MS, type Store } from './store.ts';

let temporary: TempDir;
let folder: string;
beforeEach(async () => {
  temporary = await tempDir('hud-durable-');
  folder = temporary.path;
});
afterEach(async () => await temporary[Symbol.asyncDispose]());

const SPANS_A_RUN = 3;

/** Writes runs, eight at once, in a process of its own; prints the number of each whose end was acknowledged. */
function writer(first: number, count = 100_000): ChildProcess {
  const script = `
    const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
    const { graded, picture, span, start } = await import(${JSON.stringify(join(import.meta.dirname, 'store.fixtures.ts'))});
    const store = await openStore({ directory: ${JSON.stringify(folder)} });
    let next = ${first};
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (next < ${first + count}) {
        const n = next++;
        await store.startRun(start(n));
        for (let i = 1; i <= ${SPANS_A_RUN}; i++) store.appendSpan((i === 2 && n % 16 === 0 ? picture : span)(i, start(n).traceId));
        await store.finishRun(start(n).traceId, graded(1));
        console.log(n);
      }
    }));
    await store.close();`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function linesOf(child: ChildProcess): AsyncIterable<string> {
  return createInterface({ input: child.stdout as NodeJS.ReadableStream });
}

/** Each of the runs is there with its end, all its spans and their pictures, and so is every other that has an end. */
async function expectWhole(acknowledged: readonly number[]): Promise<{ pictures: number }> {
  await using store = await openStore({ directory: folder });
  const runs = (await store.listRuns(job(1).id, { limit: 1_000_000 })).items;
  const ended = new Set(runs.filter((run) => run.class === 'graded' && run.reward === 1).map((run) => run.traceId));
  expect(acknowledged.filter((n) => !ended.has(start(n).traceId))).toEqual([]);
  const db = new DatabaseSync(join(folder, 'hud.db'), { readOnly: true });
  const incomplete = db
    .prepare('SELECT trace_id FROM runs WHERE class IS NOT NULL AND (SELECT count(*) FROM spans WHERE spans.trace_id = runs.trace_id) <> ?')
    .all(SPANS_A_RUN);
  expect(incomplete).toEqual([]);
  const bodies = db.prepare("SELECT body FROM spans WHERE body LIKE '%hud-blob:%'").all();
  const names = bodies.map(({ body }) => readReference(/hud-blob:[^"]*/.exec(String(body))?.[0] ?? '')?.sha256 ?? 'none');
  expect(names.filter((name) => !existsSync(join(folder, 'blobs', name.slice(0, 2), name)))).toEqual([]);
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  db.close();
  return { pictures: names.length };
}

test('a writer that is killed at any moment loses nothing acknowledged and tears nothing, twenty times', async () => {
  await using setUp = await openStore({ directory: folder });
  await setUp.createJob(job(1), []);
  await setUp.close();
  const acknowledged: number[] = [];
  let pictures = 0;
  for (let round = 0; round < 20; round++) {
    const child = writer(round * 100_000);
    const enough = acknowledged.length + 1 + Math.floor(Math.random() * 100);
    for await (const line of linesOf(child)) {
      acknowledged.push(Number(line));
      // Not at once: the moment of a line is the end of a transaction.
      if (acknowledged.length === enough) setTimeout(() => child.kill('SIGKILL'), Math.random() * 3);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(enough);
    pictures = (await expectWhole(acknowledged)).pictures;
  }
  expect(pictures).toBeGreaterThan(0);
}, 120_000);

test('several processes write one record at once, all of it', async () => {
  await using store = await openStore({ directory: folder });
  await store.createJob(job(1), []);
  const children = [0, 1, 2].map((n) => writer(n * 100_000, 200));
  const acknowledged: number[] = [];
  const own: number[] = [];
  await Promise.all(
    children.map(async (child, i) => {
      const exited = once(child, 'exit');
      for await (const line of linesOf(child)) {
        acknowledged.push(Number(line));
        const n = 900_000 + i * 10_000 + (Number(line) % 100_000);
        await store.startRun(start(n));
        own.push(n);
      }
      expect(await exited).toEqual([0, null]);
    }),
  );
  expect(acknowledged).toHaveLength(600);
  await expectWhole(acknowledged);
  const runs = (await store.listRuns(job(1).id, { limit: 10_000 })).items;
  expect(runs).toHaveLength(1_200);
  expect(runs.filter((run) => own.includes(run.repeat))).toHaveLength(600);
}, 60_000);

/** Writes runs until that fails. @returns how many were acknowledged, and why no more were */
async function fill(store: Store): Promise<{ acknowledged: number; error: unknown }> {
  for (let n = 100; ; n++) {
    try {
      await store.startRun(start(n, { taskId: 'x'.repeat(1_000) }));
      await store.finishRun(start(n).traceId, graded(1));
    } catch (error) {
      return { acknowledged: n - 100, error };
    }
  }
}

/** A full record: what was acknowledged is there, spans wait, and everything goes on once there is room. */
async function expectFull(store: Store, makeRoom: () => Promise<Store>): Promise<void> {
  const { acknowledged, error } = await fill(store);
  expect(error).toMatchObject({ code: 'STORE_FULL', hint: expect.stringContaining('HUD_DIR') as string });
  expect(acknowledged).toBeGreaterThan(10);
  store.appendSpan(span(1, start(1).traceId, { attributes: { text: 'x'.repeat(400_000) } }));
  await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_FULL' });
  expect(store.failed.reason).toMatchObject({ code: 'STORE_FULL' });
  expect(await store.getRun(start(1).traceId)).toMatchObject({ class: 'graded' });
  const after = await makeRoom();
  const graded = (await after.listRuns(job(1).id, { limit: 100_000 })).items.filter((run) => run.class === 'graded');
  expect(graded.length).toBeGreaterThanOrEqual(1 + acknowledged);
  await after.startRun(start(2));
  expect(await after.finishRun(start(2).traceId, { class: 'cancelled', status: 'cancelled', steps: 0, endedAt: 1 })).toBe(true);
}

async function withOneVerdict(options: { maxSizeBytes?: number } = {}): Promise<Store> {
  const store = await openStore({ directory: folder, ...options });
  await store.createJob(job(1), []);
  await store.startRun(start(1));
  await store.finishRun(start(1).traceId, graded(1));
  return store;
}

test('a record at its size limit loses nothing, and goes on with a larger one', async () => {
  await using store = await withOneVerdict({ maxSizeBytes: 400_000 });
  await expectFull(store, async () => {
    await store.close();
    return await openStore({ directory: folder });
  });
});

test('a record that was closed before its spans could be written is at rest', async () => {
  const retries: (() => void)[] = [];
  const setTimer: Host['setTimer'] = (ms, fn, options) => {
    if (ms >= 1_000) retries.push(fn);
    return nodeHost.setTimer(ms, fn, options);
  };
  const store = await openStore({ directory: folder, maxSizeBytes: 200_000, host: { ...nodeHost, setTimer } });
  store.appendSpan(span(1, start(1).traceId, { attributes: { text: 'x'.repeat(400_000) } }));
  await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_FULL' });
  await store.close();
  const before = retries.length;
  expect(before).toBeGreaterThan(0);
  for (const retry of retries.slice()) retry();
  expect(retries).toHaveLength(before);
});

test('a full disk loses nothing, and the record goes on by itself once there is room', async ({ skip }) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) skip('only root on Linux may mount a small file system');
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).status !== 0) skip('this root may not mount');
  try {
    await writeFile(join(folder, 'ballast'), Buffer.alloc(900_000));
    await using store = await withOneVerdict();
    await expectFull(store, async () => {
      await rm(join(folder, 'ballast'));
      await store.flush();
      expect((await store.listSpans(start(1).traceId)).items).toHaveLength(1);
      return store;
    });
    await store.close();
    await writeFile(join(folder, 'ballast'), Buffer.alloc(4_000_000)).catch(() => {}); // it takes what is left
    await using full = await openStore({ directory: folder }).catch((error: unknown) => error as HudError & AsyncDisposable);
    if (full instanceof HudError) expect(full.code).toBe('STORE_FULL');
    expect(await readdir(folder)).toContain('hud.db');
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('a full disk loses no picture, no verdict is told before its pictures are kept, and both come once there is room', async ({
  skip,
}) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) skip('only root on Linux may mount a small file system');
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).status !== 0) skip('this root may not mount');
  try {
    await using store = await withOneVerdict();
    await store.startRun(start(2));
    await writeFile(join(folder, 'ballast'), Buffer.alloc(1_500_000));
    store.appendSpan(picture(1, start(2).traceId, 1_000_000));
    store.appendSpan(span(2, start(2).traceId));
    await expect(store.finishRun(start(2).traceId, graded(1))).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(store.failed.reason).toMatchObject({ code: 'STORE_FULL' });
    expect((await store.getRun(start(2).traceId))?.class).toBeUndefined();
    expect((await store.listSpans(start(2).traceId)).items).toEqual([]);
    await rm(join(folder, 'ballast'));
    expect(await store.finishRun(start(2).traceId, graded(1))).toBe(true);
    expect(store.failed.aborted).toBe(false);
    expect((await store.listSpans(start(2).traceId)).items).toEqual([picture(1, start(2).traceId, 1_000_000), span(2, start(2).traceId)]);
    expect((await readdir(join(folder, 'blobs'), { recursive: true })).filter((name) => /\.[0-9a-f]{12}$/.test(name))).toEqual([]);
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('pictures that come faster than the disk takes them are all kept', async () => {
  await using store = await openStore({ directory: folder });
  for (let n = 1; n <= 90; n++) store.appendSpan(picture(n, start(1).traceId, 1_000_000));
  await store.flush();
  const found: string[] = [];
  for (const item of (await store.listSpans(start(1).traceId)).items) {
    const expected = picture(found.length + 1, start(1).traceId, 1_000_000);
    found.push(JSON.stringify(item) === JSON.stringify(expected) ? 'as it was' : `${item.spanId} is another`);
  }
  expect(found).toEqual(Array.from({ length: 90 }, () => 'as it was'));
});

test('a queue that can not be written takes no more than it may hold', async () => {
  await using store = await withOneVerdict();
  const holder = new DatabaseSync(join(folder, 'hud.db'));
  holder.exec('BEGIN IMMEDIATE');
  await using impatient = await openStore({ directory: folder, busyTimeoutMs: 50 });
  for (let n = 1; n <= 15_000; n++) impatient.appendSpan(span(n));
  expect(impatient.failed.reason).toMatchObject({ code: 'STORE_LOCKED' });
  holder.exec('ROLLBACK');
  holder.close();
  await expect(impatient.flush()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  expect((await store.listSpans(start(1).traceId, { limit: 20_000 })).items).toHaveLength(10_000);
});

test(`a span waits no longer than ${SPAN_FLUSH_MS} ms, however steadily others come`, async () => {
  await using store = await openStore({ directory: folder });
  await using reader = await openStore({ directory: folder, readOnly: true });
  let n = 0;
  const trickle = setInterval(() => store.appendSpan(span(++n)), 5);
  await expect
    .poll(async () => (await reader.listSpans(start(1).traceId)).items.length, { interval: 10, timeout: 2_000 })
    .toBeGreaterThan(0);
  clearInterval(trickle);
});
