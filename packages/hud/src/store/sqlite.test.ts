import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { tempDir, type TempDir } from '../testing/temp-dir.ts';
import { openStore, type StoreOptions } from './sqlite.ts';
import { describeStore } from './store.contract.ts';
import { graded, job, picture, span, start } from './store.fixtures.ts';
import type { Store } from './store.ts';

describeStore('SQLite', async () => {
  const own = await tempDir('hud-store-');
  const store = await openStore({ directory: own.path });
  return {
    store,
    reopen: async () => await openStore({ directory: own.path }),
    async [Symbol.asyncDispose]() {
      await store.close();
      await own[Symbol.asyncDispose]();
    },
  };
});

let temporary: TempDir;
let folder: string;
beforeEach(async () => {
  temporary = await tempDir('hud-store-');
  folder = temporary.path;
});
afterEach(async () => await temporary[Symbol.asyncDispose]());

const file = (): string => join(folder, 'hud.db');
const open = async (options: StoreOptions = {}): Promise<Store> => await openStore({ directory: folder, busyTimeoutMs: 300, ...options });
const isRootOnLinux = process.platform === 'linux' && process.getuid?.() === 0;

/** Runs a module in a process of its own, with `store` open on the folder. */
function runScript(body: string): { status: number | null; stdout: string; stderr: string } {
  const script = `
    const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
    const { job, picture, span, start } = await import(${JSON.stringify(join(import.meta.dirname, 'store.fixtures.ts'))});
    const store = await openStore({ directory: ${JSON.stringify(folder)} });
    ${body}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

/** Transactions that the log holds: frames with the size of the database after a commit. */
async function commits(): Promise<number> {
  const log = await readFile(`${file()}-wal`);
  const pageBytes = log.readUInt32BE(8);
  let count = 0;
  for (let at = 32; at + 24 + pageBytes <= log.length; at += 24 + pageBytes) if (log.readUInt32BE(at + 4) > 0) count += 1;
  return count;
}

test('what is written in one turn of the event loop is one transaction', async () => {
  await using store = await open();
  await store.createJob(job(1), []);
  const before = await commits();
  await Promise.all(Array.from({ length: 64 }, async (_, n) => await store.startRun(start(n))));
  expect(await commits()).toBe(before + 1);
  await Promise.all(
    Array.from({ length: 64 }, async (_, n) => {
      store.appendSpan(span(n, start(n).traceId));
      await store.finishRun(start(n).traceId, graded(1));
    }),
  );
  expect(await commits()).toBe(before + 2);
});

test('verdicts that would wait for the disk behind others become one transaction; what waits for no disk does not wait', async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  const openForSync: Host['openForSync'] = async () => ({
    sync: async () => {
      const call = Promise.withResolvers<void>();
      syncs.push(call);
      await call.promise;
    },
    close: async () => {},
  });
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const setUp = await open();
  await setUp.createJob(job(1), []);
  await setUp.close();
  const store = await open({ host: { ...nodeHost, openForSync } });
  for (let n = 1; n <= 3; n++) await store.startRun(start(n));
  const before = await commits();
  const finishing = [store.finishRun(start(1).traceId, graded(1))];
  await turn();
  for (const n of [2, 3]) {
    finishing.push(store.finishRun(start(n).traceId, graded(1)));
    await turn();
  }
  expect(await commits()).toBe(before + 1);
  syncs[0]?.resolve();
  await finishing[0];
  await turn();
  expect(await commits()).toBe(before + 2);
  await store.startRun(start(4));
  expect(await commits()).toBe(before + 3);
  syncs[1]?.resolve();
  expect(await Promise.all(finishing)).toEqual([true, true, true]);
  await store.close();
});

test('the folder is private and out of version control', async () => {
  const directory = join(folder, 'new', 'record');
  await (await open({ directory })).close();
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, 'hud.db'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(directory, '.gitignore'), 'utf8')).toBe('*\n');
});

test('a folder that was there keeps its own rules, unless it is `.hud`', async () => {
  await (await open()).close();
  expect(await readdir(folder)).toEqual(['hud.db']);
  const directory = join(folder, '.hud');
  await mkdir(directory);
  await (await open({ directory })).close();
  expect(await readdir(directory)).toEqual(['.gitignore', 'hud.db']);
});

test('several may open a new record at once', async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, async () => await open({ busyTimeoutMs: 10_000 })));
  await Promise.all(stores.map(async (store, n) => await store.createJob(job(n), [])));
  expect((await stores[0]?.listJobs())?.items).toHaveLength(8);
  await Promise.all(stores.map(async (store) => await store.close()));
});

test('a blob is whole or not there, and one that changed on the disk is reported', async () => {
  await using store = await open();
  const name = await store.putBlob(Buffer.from('hello'), 'text/plain');
  const path = join(folder, 'blobs', name.slice(0, 2), name);
  expect(await readdir(join(folder, 'blobs', name.slice(0, 2)))).toEqual([name]);
  await writeFile(path, 'hallo');
  await expect(store.getBlob(name)).rejects.toMatchObject({ code: 'STORE_DAMAGED', message: expect.stringContaining(path) as string });
  await truncate(path, 3);
  await store.putBlob(Buffer.from('hello'), 'text/plain');
  expect((await store.getBlob(name))?.bytes).toEqual(Buffer.from('hello'));
  await rm(path);
  expect(await store.getBlob(name)).toBeUndefined();
});

test('a picture that is gone from the disk stays a reference, one that changed is reported, and both spans can be read without', async () => {
  await using store = await open();
  store.appendSpan(picture(1));
  store.appendSpan(picture(2, start(2).traceId));
  await store.flush();
  const [first, second] = await Promise.all(
    [1, 2].map(async (n) => {
      const [kept] = (await store.listSpans(start(n).traceId, { blobs: 'reference' })).items;
      const [, name = ''] = /sha256=([0-9a-f]{64})/.exec(JSON.stringify(kept)) ?? [];
      return { kept, path: join(folder, 'blobs', name.slice(0, 2), name) };
    }),
  );
  await rm(first?.path ?? '');
  await writeFile(second?.path ?? '', 'other');
  expect((await store.listSpans(start(1).traceId)).items).toEqual([first?.kept]);
  await expect(store.listSpans(start(2).traceId)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  expect((await store.listSpans(start(2).traceId, { blobs: 'reference' })).items).toEqual([second?.kept]);
});

test('the steps of an interrupted run are counted, not what else was recorded of it', async () => {
  await using store = await open();
  await store.createJob(job(1), []);
  await store.startRun(start(1));
  store.appendSpan(span(1));
  store.appendSpan(span(2, start(1).traceId, { name: 'filetracking.diff' }));
  store.appendSpan(span(3, start(1).traceId, { name: 'step.tool' }));
  await store.flush();
  await store.interruptRuns(job(1).id, { code: 'CANCELLED', message: 'm' }, 9);
  expect(await store.getRun(start(1).traceId)).toMatchObject({ class: 'cancelled', steps: 2 });
});

test('a file that is no database is reported and left alone', async () => {
  const garbage = 'not a database, but long enough to look like one'.repeat(100);
  await writeFile(file(), garbage);
  await expect(open()).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
    message: expect.stringContaining(file()) as string,
    hint: expect.stringMatching(/Move the file aside.*hud doctor/) as string,
  });
  expect(await readFile(file(), 'utf8')).toBe(garbage);
});

test.each([
  ['a database of another program', 'CREATE TABLE mine (a)', 'another program'],
  ['a numbered database of another program', 'CREATE TABLE mine (a); PRAGMA user_version = 1', 'another program'],
  ['a record that lost a table', 'PRAGMA foreign_keys = OFF; DROP TABLE runs', 'no table runs'],
  ['a record of a newer version', 'PRAGMA user_version = 99', 'newer version'],
])('%s is refused and left alone', async (_name, sql, reason) => {
  if (!sql.startsWith('CREATE')) await (await open()).close();
  const db = new DatabaseSync(file());
  db.exec(sql);
  db.close();
  const before = await readFile(file());
  for (const readOnly of [false, true]) {
    await expect(open({ readOnly })).rejects.toMatchObject({ code: 'STORE_DAMAGED', message: expect.stringContaining(reason) as string });
  }
  expect((await readFile(file())).equals(before)).toBe(true);
});

test('a record that was cut in the middle is reported as soon as the gap is met', async () => {
  const store = await open();
  await store.createJob(
    job(1),
    Array.from({ length: 500 }, (_, position) => ({ slug: `s${position}`, position, row: { text: 'x'.repeat(500) } })),
  );
  await store.close();
  await truncate(file(), 60_000);
  const reading = open().then(async (opened) => {
    await using cut = opened;
    return await cut.listTasks(job(1).id);
  });
  await expect(reading).rejects.toMatchObject({ code: 'STORE_DAMAGED', hint: expect.stringContaining('Nothing was changed') as string });
});

test('a record that another process holds is reported after the wait, by its name, without stopping the event loop', async () => {
  await using store = await open();
  await store.createJob(job(1), []);
  const script = `
    const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(file())});
    db.exec('BEGIN EXCLUSIVE');
    console.log('held');
    process.stdin.resume().on('end', () => process.exit());`;
  const holder = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  let ticks = 0;
  const ticking = setInterval(() => (ticks += 1), 10);
  const who = process.platform === 'linux' ? `process ${holder.pid}` : 'Another process';
  const writing = store.startRun(start(1));
  store.appendSpan(span(1));
  await expect(writing).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: expect.stringContaining(who) as string,
    hint: expect.stringContaining('end it') as string,
  });
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(5);
  expect((await store.listJobs()).items).toHaveLength(1);
  holder.stdin.end();
  await once(holder, 'exit');
  await store.startRun(start(1));
  await store.flush();
  expect((await store.listSpans(start(1).traceId)).items).toEqual([span(1)]);
});

test('a record opened for reading reads what others write, and refuses to write', async () => {
  await expect(open({ readOnly: true })).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: expect.stringContaining('no record') as string,
  });
  expect(await readdir(folder)).toEqual([]);
  await using writer = await open();
  await using reader = await open({ readOnly: true });
  await writer.createJob(job(1), []);
  expect(await reader.getJob(job(1).id)).toEqual(job(1));
  for (const refused of [
    () => reader.createJob(job(2), []),
    () => reader.putBlob(Buffer.from('x'), 'text/plain'),
    () => reader.dropLease('x'),
  ]) {
    await expect(refused()).rejects.toMatchObject({ code: 'STORE_UNWRITABLE', message: expect.stringContaining('for reading') as string });
  }
  expect(() => reader.appendSpan(span(1))).toThrow('for reading');
});

test('where nothing may be written, opening says so and reading works', async ({ skip }) => {
  const store = await open();
  await store.createJob(job(1), []);
  await store.close();
  const mount = (...args: string[]): boolean => spawnSync('mount', args).status === 0;
  const isMounted = isRootOnLinux && mount('--bind', folder, folder);
  const isReadOnly = isRootOnLinux ? isMounted && mount('-o', 'remount,ro,bind', folder) : process.platform !== 'win32';
  if (!isRootOnLinux) await chmod(folder, 0o500);
  try {
    if (!isReadOnly) skip('root may write everywhere, and this one may not mount');
    await expect(open()).rejects.toMatchObject({ code: 'STORE_UNWRITABLE', message: expect.stringContaining(file()) as string });
    await expect(open({ directory: join(folder, 'sub') })).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    await using reader = await open({ readOnly: true });
    expect(await reader.getJob(job(1).id)).toEqual(job(1));
  } finally {
    if (isMounted) spawnSync('umount', [folder]);
    if (!isRootOnLinux) await chmod(folder, 0o700);
  }
});

test('a path that is no folder is reported', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(open({ directory: join(folder, 'file') })).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
});

test("the engine's word that SQLite is experimental is not passed on, other warnings are", () => {
  const { stderr, status } = runScript(`
    await Promise.all([1, 2, 3].map(() => openStore({ directory: ${JSON.stringify(folder)} })));
    process.emitWarning('mine');`);
  expect(status).toBe(0);
  expect(stderr).toContain('mine');
  expect(stderr).not.toContain('SQLite');
});

test.each([
  ['by itself', ''],
  ['by process.exit', 'process.exit(3);'],
  ['by an error', 'throw new Error("bug");'],
])('spans of a program that ends %s without closing are kept', async (_name, end) => {
  runScript(
    `await store.createJob(job(1), []); store.appendSpan(span(1)); store.appendSpan(picture(2)); void store.startRun(start(1)); ${end}`,
  );
  await using store = await open();
  expect((await store.listSpans(start(1).traceId)).items).toEqual([span(1), picture(2)]);
  expect(await store.getRun(start(1).traceId)).toEqual(start(1));
});

test('many stores open at once do not look like a leak', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', onWarning);
  const stores = await Promise.all(Array.from({ length: 20 }, async (_, n) => await open({ directory: join(folder, String(n)) })));
  const listeners = process.listenerCount('exit');
  await Promise.all(stores.map(async (store) => await store.close()));
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
  expect(process.listenerCount('exit')).toBe(listeners - 1);
});
