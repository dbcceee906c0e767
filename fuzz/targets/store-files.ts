/** The files of a real record, as they lie on disk: after a close, and while a writer is still at work. */
import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openStore } from '../../packages/hud/src/store/index.ts';
import { graded, job, lease, span, start } from '../../packages/hud/src/store/store.fixtures.ts';
import { scratch } from '../scratch.ts';
import { sealLog } from './write-ahead-log.ts';

/** By path inside the folder. */
export type Files = ReadonlyMap<string, Uint8Array>;

export interface RecordFiles {
  closed: Files;
  /** With a log that holds what the database does not have yet. */
  open: Files;
  blobs: readonly string[];
}

const SALT = [0x12345678, 0x9abcdef0] as const;

export async function makeRecord(): Promise<RecordFiles> {
  await using folder = await scratch();
  const directory = join(folder.path, '.hud');
  const blobs: string[] = [];
  {
    await using store = await openStore({ directory });
    await store.createJob(job(1), [
      { slug: 'a', position: 0, row: { env: 'letters', id: 'count', args: { n: 1 } } },
      { slug: 'b', position: 1, row: { env: 'letters', id: 'count', args: { text: 'x'.repeat(6_000) } } },
    ]);
    for (let n = 1; n <= 12; n++) {
      await store.startRun(start(n));
      for (let i = 1; i <= 8; i++) store.appendSpan(span(i, start(n).traceId));
      if (n % 4 !== 0) await store.finishRun(start(n).traceId, graded(n / 12));
    }
    for (const text of ['a picture', 'y'.repeat(3_000)]) blobs.push(await store.putBlob(Buffer.from(text), 'text/plain'));
    await store.putLease(lease('one'));
  }
  const closed = await filesIn(directory);
  await using store = await openStore({ directory });
  await store.createJob(job(2, { name: 'from the log' }), []);
  for (let n = 13; n <= 16; n++) {
    await store.startRun(start(n));
    store.appendSpan(span(n, start(n).traceId));
    await store.finishRun(start(n).traceId, graded(1));
  }
  return { closed, open: sealed(await snapshot(directory, join(folder.path, 'copy'))), blobs };
}

/** The log's salt is random: replaced, so that the same seed gives the same files. */
function sealed(files: Files): Files {
  const log = files.get('hud.db-wal');
  return log === undefined ? files : new Map([...files, ['hud.db-wal', sealLog(log, SALT)]]);
}

async function snapshot(directory: string, copy: string): Promise<Files> {
  for (const name of await namesIn(directory)) {
    await mkdir(dirname(join(copy, name)), { recursive: true });
    await copyFile(join(directory, name), join(copy, name));
  }
  return await filesIn(copy);
}

export async function filesIn(directory: string): Promise<Files> {
  const names = (await namesIn(directory)).toSorted();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))] as const)));
}

async function namesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}
