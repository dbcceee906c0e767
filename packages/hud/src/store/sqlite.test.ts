import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from './sqlite.ts';
import { describeStore, graded, job, span, start } from './store.contract.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-store-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

describeStore('SQLite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hud-store-'));
  const store = await openStore({ directory });
  return {
    store,
    reopen: async () => await openStore({ directory }),
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

const open = (directory = folder): ReturnType<typeof openStore> => openStore({ directory, busyTimeoutMs: 300 });

/** A writer in a process of its own: prints each run whose verdict was acknowledged. */
const WRITER = `
  const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
  const { start, graded, span, job } = await import(process.env.FIXTURES);
  const store = await openStore({ directory: process.env.STORE });
  const base = Number(process.env.BASE);
  for (let n = base; n < base + 100_000; n++) {
    await store.startRun(start(n));
    store.appendSpan(span(1, start(n).traceId));
    await store.finishRun(start(n).traceId, graded(1));
    console.log(n);
  }
`;

async function writer(base: number): Promise<ReturnType<typeof spawn>> {
  const fixtures = join(folder, 'fixtures.mjs');
  await writeFile(
    fixtures,
    `
    const hex = (n, digits) => n.toString(16).padStart(digits, '0');
    export const start = (n) => ({ traceId: 'cd' + hex(n, 30), jobId: ${JSON.stringify(job(1).id)}, slug: 'a', taskId: 'a', repeat: n, attempt: 1, startedAt: 5 });
    export const graded = () => (${JSON.stringify(graded(1))});
    export const span = (n, traceId) => ({ ...${JSON.stringify(span(1))}, traceId, spanId: hex(n, 16) });
  `,
  );
  return spawn(process.execPath, ['--input-type=module', '-e', WRITER], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STORE: folder, FIXTURES: fixtures, BASE: String(base) },
  });
}

test('a writer that is killed loses no acknowledged verdict, ten times', async () => {
  const store = await open();
  await store.createJob(job(1), []);
  await store.close();
  for (let round = 0; round < 10; round++) {
    const child = await writer(round * 100_000);
    const acknowledged: number[] = [];
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      acknowledged.push(Number(line));
      if (acknowledged.length === 5 + round * 7) child.kill('SIGKILL');
    });
    await Promise.all([once(child, 'exit'), once(lines, 'close')]);
    const after = await open();
    for (const n of acknowledged) {
      expect(await after.getRun(start(n).traceId)).toMatchObject({ class: 'graded', reward: 1 });
      expect((await after.listSpans(start(n).traceId)).items).toHaveLength(1);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(5 + round * 7);
    await after.close();
  }
}, 60_000);

test('several processes write one store at once', async () => {
  const store = await openStore({ directory: folder });
  await store.createJob(job(1), []);
  const children = await Promise.all([0, 1, 2].map(async (n) => await writer(n * 100_000)));
  const counts = [0, 0, 0];
  await Promise.all(
    children.map(async (child, i) => {
      for await (const _line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
        counts[i] = (counts[i] ?? 0) + 1;
        await store.startRun(start(900_000 + i * 1_000 + (counts[i] ?? 0)));
        if (counts[i] === 30) {
          child.kill('SIGKILL');
          break;
        }
      }
    }),
  );
  expect(counts).toEqual([30, 30, 30]);
  const runs = (await store.listRuns(job(1).id, { limit: 100_000 })).items;
  expect(runs.filter((run) => run.repeat >= 900_000)).toHaveLength(90);
  expect(runs.filter((run) => run.class === 'graded').length).toBeGreaterThanOrEqual(90);
  await store.close();
}, 30_000);

test('the folder is private and out of version control', async () => {
  const directory = join(folder, 'new', '.hud');
  await (await open(directory)).close();
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, 'hud.db'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(directory, '.gitignore'), 'utf8')).toBe('*\n');
});

test('a file that is no database, and a truncated one, are reported and left alone', async () => {
  await writeFile(join(folder, 'hud.db'), 'not a database, but long enough to look like one'.repeat(100));
  await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED', hint: expect.stringContaining('Move the file aside') as string });
  expect(await readFile(join(folder, 'hud.db'), 'utf8')).toContain('not a database');
  await rm(join(folder, 'hud.db'));
  const store = await open();
  await store.createJob(
    job(1),
    Array.from({ length: 500 }, (_, position) => ({ slug: `s${position}`, position, row: { text: 'x'.repeat(500) } })),
  );
  await store.close();
  await truncate(join(folder, 'hud.db'), 60_000);
  const damaged = open().then(async (opened) => await opened.listTasks(job(1).id));
  await expect(damaged).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});

test('a store of a newer version is refused with what to do', async () => {
  await (await open()).close();
  const db = new DatabaseSync(join(folder, 'hud.db'));
  db.exec('PRAGMA user_version = 99');
  db.close();
  await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED', message: expect.stringContaining('newer version') as string });
});

test('a store that another process holds is reported after the wait, without stopping the event loop', async () => {
  const store = await open();
  await store.createJob(job(1), []);
  const holder = new DatabaseSync(join(folder, 'hud.db'));
  holder.exec('BEGIN IMMEDIATE');
  let ticks = 0;
  const ticking = setInterval(() => (ticks += 1), 10);
  await expect(store.startRun(start(1))).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: expect.stringContaining('hud.db') as string,
  });
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(5);
  holder.exec('ROLLBACK');
  holder.close();
  await store.startRun(start(1));
  await store.close();
});

test('a full disk is reported, fires `failed` for spans, and keeps what was there', async ({ skip }) => {
  const isRoot = process.getuid?.() === 0;
  const mounted =
    isRoot && process.platform === 'linux' && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder]).status === 0;
  if (!mounted) skip('needs the right to mount a small file system');
  try {
    const store = await open();
    await store.createJob(job(1), []);
    await store.startRun(start(1));
    await store.finishRun(start(1).traceId, graded(1));
    const fill = async (): Promise<void> => {
      for (let n = 2; n < 2_000; n++) await store.startRun(start(n, { taskId: 'x'.repeat(1_000) }));
    };
    await expect(fill()).rejects.toMatchObject({ code: 'STORE_FULL', hint: expect.stringContaining('HUD_DIR') as string });
    store.appendSpan({ ...span(1), attributes: { text: 'x'.repeat(400_000) } });
    await expect.poll(() => store.failed.aborted).toBe(true);
    expect(store.failed.reason).toMatchObject({ code: 'STORE_FULL' });
    expect(await store.getRun(start(1).traceId)).toMatchObject({ class: 'graded' });
    await store.close();
    const again = await open();
    expect(await again.getRun(start(1).traceId)).toMatchObject({ class: 'graded' });
    await again.close();
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('a path that is no folder is reported', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(open(join(folder, 'file'))).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
});

test('a folder that can not be written is reported', async ({ skip }) => {
  if (process.getuid?.() === 0) skip('root may write everywhere');
  await chmod(folder, 0o500);
  await expect(open(join(folder, 'sub'))).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
});
