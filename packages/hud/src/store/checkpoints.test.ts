import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../host/node.ts';
import { tempDir, type TempDir } from '../testing/temp-dir.ts';
import { Checkpoints } from './checkpoints.ts';
import { openStore } from './sqlite.ts';
import { job, start } from './store.fixtures.ts';
import type { SpanRow, Store } from './store.ts';

let temporary: TempDir;
let folder: string;
beforeEach(async () => {
  temporary = await tempDir('hud-checkpoints-');
  folder = temporary.path;
});
afterEach(async () => await temporary[Symbol.asyncDispose]());

const file = (): string => join(folder, 'hud.db');
const ROWS = 1_000;
const MIB = 1_048_576;

function rows(round: number): SpanRow[] {
  return Array.from({ length: ROWS }, (_, i) => ({
    traceId: start(i % 50).traceId,
    spanId: (round * ROWS + i).toString(16).padStart(16, '0'),
    name: 'step.agent',
    startTime: '2026-08-21T10:00:00.125000Z',
    endTime: '2026-08-21T10:00:02.500000Z',
    statusCode: 'OK',
    body: JSON.stringify({ text: 'x'.repeat(2_000) }),
  }));
}

async function write(store: Store, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await store.appendRows(rows(round));
}

test('what a busy writer adds gets from the log into the database while it goes on, and the log begins anew', async () => {
  await using store = await openStore({ directory: folder });
  await write(store, 60);
  await expect.poll(() => statSync(file()).size, { timeout: 10_000 }).toBeGreaterThan(30 * MIB);
  expect(statSync(`${file()}-wal`).size).toBeLessThan(110 * MIB); // of some 200 that were written
  await store.close();
  expect(existsSync(`${file()}-wal`)).toBe(false); // no connection is left, and so the last one tidied up
  const db = new DatabaseSync(file(), { readOnly: true });
  expect(db.prepare('SELECT count(*) AS count FROM spans').get()).toEqual({ count: 60 * ROWS });
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  db.close();
}, 60_000);

test.each([
  ['by itself', ''],
  ['by process.exit', 'process.exit(0);'],
])(
  'a program ends %s while the log is copied, and all is kept',
  async (_name, end) => {
    const script = `
    const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
    const { job, span } = await import(${JSON.stringify(join(import.meta.dirname, 'store.fixtures.ts'))});
    const store = await openStore({ directory: ${JSON.stringify(folder)} });
    await store.createJob(job(1), []);
    for (let n = 1; n <= 9000; n++) store.appendSpan(span(n, undefined, { attributes: { text: 'x'.repeat(2000) } }));
    ${end}`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    await using store = await openStore({ directory: folder });
    expect(await store.getJob(job(1).id)).toEqual(job(1));
    const { rows: found } = await store.spansSince(0, { limit: 20_000 });
    expect(found).toHaveLength(9_000);
  },
  60_000,
);

test('where no thread can do it, whoever writes is told so, once', async () => {
  let told = 0;
  const checkpoints = new Checkpoints({ host: nodeHost, location: join(folder, 'nowhere', 'hud.db'), onUnable: () => (told += 1) });
  checkpoints.wrote(64 * MIB);
  await expect.poll(() => told, { timeout: 10_000 }).toBe(1);
  checkpoints.wrote(64 * MIB);
  expect(checkpoints.copying).toBeUndefined();
  await checkpoints.close();
  await checkpoints.close();
  expect(told).toBe(1);
});
