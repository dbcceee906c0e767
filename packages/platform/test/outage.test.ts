/** The platform goes away while a job runs, and comes back; so does the process that reports. Nothing is lost, nothing is there twice. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore, type Store } from 'hud/store';
import { expect, test } from 'vitest';
import { tempDir, type TempDir } from '../../hud/src/testing/temp-dir.ts';
import { readConfig } from '../src/config.ts';
import { openStorage } from '../src/storage/open.ts';
import { freePort, prepare, Processes } from './faults/process.fixtures.ts';
import { ownStorage } from './platform.fixtures.ts';

const RUNS = 8;
const STEPS = 500;
const LIMIT_MS = 180_000;

type Child = ChildProcessByStdio<Writable, Readable, null>;

interface Scene extends AsyncDisposable {
  processes: Processes;
  settings: Record<string, string>;
  record: string;
  env: NodeJS.ProcessEnv;
  /** @returns the lines that it prints */
  client(): { child: Child; lines: AsyncIterator<string> };
  /** The command `hud`, to its end. */
  hud(...args: string[]): Promise<{ code: number; out: string }>;
}

async function scene(dir: TempDir): Promise<Scene> {
  const port = await freePort();
  const storage = await ownStorage();
  const settings = { ...storage.settings, HUD_PLATFORM_PORT: String(port), HUD_PLATFORM_LOG: 'silent' };
  const key = await prepare(settings);
  const record = join(dir.path, 'record');
  await mkdir(record);
  const env = { PATH: process.env.PATH, HOME: dir.path, HUD_DIR: record, HUD_API_URL: `http://127.0.0.1:${port}`, HUD_API_KEY: key };
  const processes = new Processes(settings);
  const children = new Set<Child>();
  const start = (args: string[]): Child => {
    const child = spawn(process.execPath, args, { cwd: dir.path, env, stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => {}); // it may be gone already
    children.add(child);
    return child;
  };
  return {
    processes,
    settings,
    record,
    env,
    client: () => {
      const child = start([join(import.meta.dirname, 'outage-client.ts'), record, String(RUNS), String(STEPS)]);
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    },
    hud: async (...args) => {
      const child = start([join(import.meta.dirname, '../../hud/bin/hud.js'), ...args]);
      const closed = once(child, 'close');
      const out = Buffer.concat((await child.stdout.toArray()) as Buffer[]).toString();
      const [code] = (await closed) as [number];
      return { code, out };
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill('SIGKILL');
      await processes[Symbol.asyncDispose]();
      await storage[Symbol.asyncDispose]();
    },
  };
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('The client ended before it said more.');
  return value;
}

interface Reckoning {
  count: number;
  /** Of all texts. */
  hash: string;
}

async function reckon(store: Store): Promise<Reckoning> {
  const texts: string[] = [];
  for (let cursor = 0; ;) {
    const page = await store.spansSince(cursor);
    if (page.rows.length === 0) break;
    texts.push(...page.rows.map(({ traceId, spanId, body }) => `${traceId} ${spanId} ${body}`));
    cursor = page.cursor;
  }
  return { count: texts.length, hash: createHash('sha256').update(texts.toSorted().join('\n')).digest('hex') };
}

const bytesOf = async (store: Store, sha256: string): Promise<string | undefined> => {
  const blob = await store.getBlob(sha256);
  return blob === undefined ? undefined : Buffer.from(blob.bytes).toString('hex');
};

/** Both records, once nobody writes them any more. */
async function expectAllThere({ record, settings }: Scene, jobId: string, atLeast: number): Promise<void> {
  await using here = await openStore({ directory: record });
  const platform = await openStorage(readConfig(settings));
  const there = platform.store;
  const ours = await reckon(here);
  expect(ours.count).toBeGreaterThanOrEqual(atLeast);
  expect(await reckon(there)).toEqual(ours);
  const ends = async (store: Store): Promise<string[]> =>
    (await store.listRuns(jobId, { limit: 1_000 })).items.map(({ traceId, slug, repeat, attempt, reward, ...run }) =>
      [traceId, slug, repeat, attempt, run.class, reward, run.steps].join(' '),
    );
  expect(await ends(there)).toEqual(await ends(here));
  expect((await there.getJob(jobId))?.status).toBe((await here.getJob(jobId))?.status);
  expect((await here.getJob(jobId))?.reportedAt).toBeGreaterThan(0);
  for (const { body } of (await here.spansSince(0, { limit: 5_000 })).rows) {
    const [, sha256] = /hud-blob:sha256=(\w+)/.exec(body) ?? [];
    if (sha256 !== undefined) expect(await bytesOf(there, sha256)).toEqual(await bytesOf(here, sha256));
  }
  await platform.close();
}

test('a platform that is killed again and again while a job runs has every span once in the end', { timeout: LIMIT_MS }, async () => {
  await using dir = await tempDir('hud-outage-');
  await using stage = await scene(dir);
  const { processes } = stage;
  await processes.start();
  const { child, lines } = stage.client();
  const ended = once(child, 'close');
  const jobId = await nextLine(lines);
  expect(await nextLine(lines)).toBe('writing');
  for (let outage = 0; outage < 4; outage += 1) {
    await sleep(250);
    await processes.kill();
    await sleep(150 * (outage + 1));
    await processes.start();
  }
  child.stdin.end();
  expect(await nextLine(lines)).toBe(`true ${RUNS}`);
  await ended;
  await processes.kill();
  await expectAllThere(stage, jobId, RUNS * STEPS);
});

test('a platform that comes back only after the job has what is owed once somebody pushes it', { timeout: LIMIT_MS }, async () => {
  await using dir = await tempDir('hud-outage-');
  await using stage = await scene(dir);
  const { processes } = stage;
  await processes.start();
  const { child, lines } = stage.client();
  const ended = once(child, 'close');
  const jobId = await nextLine(lines);
  expect(await nextLine(lines)).toBe('writing');
  await processes.kill();
  child.stdin.end();
  expect(await nextLine(lines)).toBe(`false ${RUNS}`);
  await ended;
  const refused = await stage.hud('push', '--json');
  expect(refused.code).toBe(1);
  await processes.start();
  const pushed = await stage.hud('push', '--json');
  expect(JSON.parse(pushed.out)).toMatchObject([{ id: jobId, complete: true, problems: [] }]);
  expect(JSON.parse((await stage.hud('push', '--json')).out)).toEqual([]);
  await processes.kill();
  await expectAllThere(stage, jobId, RUNS * STEPS);
});

test('what a process had reported in part when it was killed, the next one on its record brings', { timeout: LIMIT_MS }, async () => {
  await using dir = await tempDir('hud-outage-');
  await using stage = await scene(dir);
  await stage.processes.start();
  const { child, lines } = stage.client();
  const ended = once(child, 'close');
  const jobId = await nextLine(lines);
  expect(await nextLine(lines)).toBe('writing');
  child.kill('SIGKILL');
  await ended;
  const pushed = await stage.hud('push', '--json');
  expect(JSON.parse(pushed.out)).toMatchObject([{ id: jobId, complete: true, problems: [] }]);
  await stage.processes.kill();
  await expectAllThere(stage, jobId, RUNS);
});
