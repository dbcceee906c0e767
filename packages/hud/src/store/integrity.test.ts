/** Files that something happened to: nothing is answered from them that SQLite knows to be wrong, and nothing is changed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tempDir, type TempDir } from '../testing/temp-dir.ts';
import { checkWhole } from './integrity.ts';
import { listRuns } from './queries.ts';
import { openStore, type StoreOptions } from './sqlite.ts';
import { graded, job, span, start } from './store.fixtures.ts';
import type { Store } from './store.ts';

let temporary: TempDir;
let folder: string;
beforeEach(async () => {
  temporary = await tempDir('hud-integrity-');
  folder = temporary.path;
});
afterEach(async () => await temporary[Symbol.asyncDispose]());

const file = (): string => join(folder, 'hud.db');
const log = (): string => join(folder, 'hud.db-wal');
const open = async (options: StoreOptions = {}): Promise<Store> => await openStore({ directory: folder, busyTimeoutMs: 300, ...options });

/** A closed record, and then more that only the log has; `change` is made on another connection, into the log. */
async function leaveWithLog(change = ''): Promise<void> {
  await using origin = await tempDir('hud-origin-');
  const first = await openStore({ directory: origin.path });
  await first.createJob(job(1), [{ slug: 'a', position: 0, row: {} }]);
  await first.close();
  await using writer = await openStore({ directory: origin.path });
  await writer.startRun(start(1));
  const db = new DatabaseSync(join(origin.path, 'hud.db'));
  db.exec(change);
  db.close();
  for (const name of ['hud.db', 'hud.db-wal']) await copyFile(join(origin.path, name), join(folder, name));
}

async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => !name.endsWith('-shm'));
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'base64')])));
}

/** Replaces a text inside an index alone: the table keeps its own. */
async function changeIndex(index: string, from: string, to: string): Promise<void> {
  const db = new DatabaseSync(file(), { readOnly: true });
  const page = Number(db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(index)?.rootpage);
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.page_size);
  db.close();
  const bytes = await readFile(file());
  const at = bytes.indexOf(from, (page - 1) * pageBytes);
  expect(at).toBeLessThan(page * pageBytes);
  bytes.write(to, at);
  await writeFile(file(), bytes);
}

test.each([
  ['is missing', true, async () => await rm(file())],
  ['is missing', false, async () => await rm(file())],
  ['is empty', true, async () => await truncate(file())],
  ['is empty', false, async () => await truncate(file())],
])('a log whose database %s is refused and kept (for reading: %s)', async (state, readOnly, change) => {
  await leaveWithLog();
  const whole = await readFile(file());
  await change();
  const before = await contents();
  await expect(open({ readOnly })).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
    message: expect.stringContaining(`${file()} ${state}`) as string,
    hint: expect.stringContaining('Nothing was changed. Put the database back') as string,
  });
  expect(await contents()).toEqual(before);
  await writeFile(file(), whole); // as the hint says
  await using store = await open();
  expect(await store.getRun(start(1).traceId)).toEqual(start(1));
});

test('a log that holds nothing does not keep a record from beginning', async () => {
  await writeFile(log(), Buffer.alloc(32));
  await using store = await open();
  expect((await store.listJobs()).items).toEqual([]);
});

test.each([
  ['is of a newer version', 'PRAGMA user_version = 99', 'newer version'],
  ['lost a table', 'PRAGMA foreign_keys = OFF; DROP TABLE runs', 'no table runs'],
  [
    'can not be brought to this version',
    'DROP INDEX tasks_in_order; CREATE TABLE tasks_in_order (a); PRAGMA user_version = 2',
    'tasks_in_order',
  ],
])('a record that %s is refused, and its log stays what it was', async (_name, change, reason) => {
  await leaveWithLog(change);
  const before = await contents();
  for (const readOnly of [false, true]) {
    await expect(open({ readOnly })).rejects.toMatchObject({ message: expect.stringMatching(readOnly ? /./ : reason) as string });
    expect(await contents()).toEqual(before);
  }
});

test('a log that is broken beside a database that was cut is no reason to drop it', async () => {
  await leaveWithLog();
  const bytes = await readFile(log());
  await writeFile(log(), bytes.fill(0, 16, 200));
  await truncate(file(), 9_000);
  const before = await contents();
  await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  expect(await contents()).toEqual(before);
});

test('a record whose making was interrupted is made', async () => {
  const script = `
    const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(file())});
    db.exec('PRAGMA cache_size = 2; BEGIN; CREATE TABLE t (a); INSERT INTO t SELECT randomblob(9000) FROM json_each(json_array(1,2,3,4,5,6,7,8,9))');
    process.kill(process.pid, 'SIGKILL');`;
  expect(spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '-e', script]).signal).toBe('SIGKILL');
  expect(await readdir(folder)).toContain('hud.db-journal');
  await using store = await open();
  await store.createJob(job(1), []);
  expect(await store.getJob(job(1).id)).toEqual(job(1));
});

/** Undoes what the versions after the second brought. */
const TO_VERSION_2 = `
  DROP INDEX tasks_in_order;
  DROP INDEX jobs_by_team;
  DROP INDEX runs_unended;
  ${['team_id', 'reported_to', 'reported_at'].map((column) => `ALTER TABLE jobs DROP COLUMN ${column};`).join(' ')}
  ${['team_id', 'alias', 'metadata', 'seen_at', 'cancel_requested_at'].map((column) => `ALTER TABLE runs DROP COLUMN ${column};`).join(' ')}
  PRAGMA user_version = 2`;

test('a record of an older version is brought to this one', async () => {
  await leaveWithLog(TO_VERSION_2);
  await using store = await open();
  expect((await store.listRuns(job(1).id)).items).toEqual([start(1)]);
  const db = new DatabaseSync(file(), { readOnly: true });
  expect(db.prepare("SELECT name FROM sqlite_schema WHERE name = 'tasks_in_order'").all()).toHaveLength(1);
  db.close();
});

test('several processes may open a record at once that was left open, and is of an older version', async () => {
  await leaveWithLog(TO_VERSION_2);
  const children = [11, 12, 13, 14].map((n) => {
    const script = `
      const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
      const { job } = await import(${JSON.stringify(join(import.meta.dirname, 'store.fixtures.ts'))});
      process.stdout.write('ready');
      for await (const _ of process.stdin);
      for (let i = 0; i < 10; i++) {
        await using store = await openStore({ directory: ${JSON.stringify(folder)} });
        if (i === 0) await store.createJob(job(${n}), []);
      }`;
    return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  });
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  for (const child of children) child.stdin.end();
  expect(await Promise.all(children.map((child) => once(child, 'exit')))).toEqual(children.map(() => [0, null]));
  await using store = await open();
  expect((await store.listJobs()).items).toHaveLength(5);
  expect((await store.listRuns(job(1).id)).items).toEqual([start(1)]);
  expect(await checkWhole(folder)).toEqual({ problems: [] });
}, 30_000);

test('a small record that was not closed is checked when it is opened; a closed one when it is asked for', async () => {
  await leaveWithLog();
  await changeIndex('sqlite_autoindex_jobs_1', job(1).id, job(7).id);
  const before = await contents();
  for (const readOnly of [true, false]) await expect(open({ readOnly })).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  expect(await contents()).toEqual(before);
  await rm(log());
  await rm(`${file()}-shm`);
  await using store = await open();
  expect(await store.getJob(job(1).id)).toBeUndefined(); // what is found nowhere but in the whole
  const { problems, incomplete } = await checkWhole(folder);
  expect(incomplete).toBeUndefined();
  expect(problems.join()).toContain('sqlite_autoindex_jobs_1');
});

test('the whole check names each table, finds nothing in a sound record, and says when it could not finish', async () => {
  await leaveWithLog();
  const tables: string[] = [];
  expect(await checkWhole(folder, { onProgress: ({ table }) => tables.push(table) })).toEqual({ problems: [] });
  expect(tables).toEqual(['sqlite_schema', 'jobs', 'tasks', 'runs', 'spans', 'blobs', 'leases']);
  expect(await checkWhole(folder, { timeoutMs: 1 })).toEqual({ problems: [], incomplete: 'the check takes longer than 0.001 s' });
  expect(await checkWhole(folder, { signal: AbortSignal.abort() })).toMatchObject({ incomplete: 'the check was interrupted' });
  expect(await checkWhole(join(folder, 'nowhere'))).toMatchObject({ incomplete: expect.any(String) as string });
  await writeFile(file(), 'no database, but long enough to look like one'.repeat(100));
  expect((await checkWhole(folder)).problems).toHaveLength(1);
});

test('an index that holds an id twice, or a span under another run, is damage and not an unclear question', async () => {
  const store = await open();
  for (const n of [1, 2]) {
    await store.createJob(job(n), []);
    store.appendSpan(span(n, start(n).traceId));
  }
  await store.close();
  await changeIndex('sqlite_autoindex_jobs_1', job(2).id, job(1).id);
  await changeIndex('spans_in_order', start(2).traceId, start(1).traceId);
  await using reader = await open({ readOnly: true });
  for (const id of [job(1).id, 'ab00']) await expect(reader.getJob(id)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  await expect(reader.listSpans(start(1).traceId)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});

test.each([{}, { cursor: '[1,"a",0,1]' }, { cursor: '[2147483647,"a",0,1]' }])(
  'a page of runs is read without sorting: %o',
  async (page) => {
    await (await open()).close();
    const db = new DatabaseSync(file(), { readOnly: true });
    const plans: string[] = [];
    const explain = async (sql: string, ...values: (string | number | null)[]): Promise<never[]> => {
      for (const step of db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values)) plans.push(String(step.detail));
      return [];
    };
    await listRuns(explain, job(1).id, page);
    db.close();
    expect(plans.length).toBeGreaterThan(2);
    expect(plans.filter((step) => /SCAN|TEMP B-TREE/.test(step))).toEqual([]);
  },
);

test('verdicts outlive a damaged neighbour: what is sound is still answered', async () => {
  const store = await open();
  await store.createJob(job(1), []);
  await store.startRun(start(1));
  await store.finishRun(start(1).traceId, graded(1));
  await store.createJob(job(2), []);
  await store.close();
  await changeIndex('sqlite_autoindex_jobs_1', job(2).id, job(1).id);
  await using reader = await open({ readOnly: true });
  expect(await reader.getRun(start(1).traceId)).toEqual({ ...start(1), ...graded(1) });
});
