import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../../../../hud/src/testing/temp-dir.ts';
import { graded, job, lease, picture, rowOf, span, start } from '../../../../hud/src/store/store.fixtures.ts';
import { readConfig } from '../../config.ts';
import { moveRecord } from './move.ts';
import { listTables } from './tables.ts';
import { openStorage, type Storage, type StorageConfig } from '../open.ts';
import { startPostgres, whyNoPostgres, type Cluster } from '../postgres/postgres.fixtures.ts';
import { startS3, type S3Server } from '../blobs/s3.fixtures.ts';

let cluster: Cluster;
let s3: S3Server;
let count = 0;
beforeAll(async () => {
  s3 = await startS3();
  if (whyNoPostgres === undefined) cluster = await startPostgres();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
});

interface Places extends AsyncDisposable {
  of(kind: Kind): Promise<StorageConfig>;
}
type Kind = 'SQLite and a folder' | 'SQLite and a bucket' | 'PostgreSQL and a folder' | 'PostgreSQL and a bucket';

async function places(): Promise<Places> {
  const folder = await tempDir('hud-move-');
  return {
    of: async (kind) => {
      const n = ++count;
      return readConfig({
        HUD_PLATFORM_DIR: `${folder.path}/${n}`,
        ...(kind.startsWith('PostgreSQL') ? { DATABASE_URL: await cluster.url(`move_${n}`) } : {}),
        ...(kind.endsWith('bucket')
          ? { HUD_PLATFORM_S3_BUCKET: s3.bucket, HUD_PLATFORM_S3_ENDPOINT: s3.endpoint, HUD_PLATFORM_S3_PREFIX: `${n}/` }
          : {}),
      });
    },
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  };
}

const bytes = randomBytes(9_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const SPANS = 2_500;

/** A bit of everything. */
async function filled(config: StorageConfig): Promise<void> {
  const { store, db, blobs, close } = await openStorage(config);
  await store.createJob(job(1, { createdAt: 1_000.25 }), [{ slug: 'a', position: 0, row: { args: { text: 'é \u2028 ~' } } }]);
  await store.createJob(job(2), []);
  for (let n = 0; n < 5; n++) await store.startRun(start(n));
  await store.finishRun(start(1).traceId, { ...graded(0.1 + 0.2), answer: 'nul: \0.' });
  await store.appendRows(Array.from({ length: SPANS }, (_, n) => rowOf(span(n))));
  store.appendSpan(picture(SPANS + 1));
  await store.flush();
  await store.putLease(lease('l1'));
  await blobs.write(sha256, bytes);
  await db.insertInto('claims').values({ team_id: 't', sha256, media_type: 'image/png', size_bytes: 9_000, created_at: 7.5 }).execute();
  await close();
}

async function opened<T>(config: StorageConfig, look: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = await openStorage(config);
  try {
    return await look(storage);
  } finally {
    await storage.close();
  }
}

const whole = async ({ store, db, blobs }: Storage): Promise<unknown> => ({
  jobs: (await store.listJobs()).items,
  tasks: await store.listTasks(job(1).id),
  runs: (await store.listRuns(job(1).id)).items.map(({ answer, ...run }) => ({ ...run, answer: answer?.replace('\0', '\ufffd') })),
  spans: (await store.listSpans(start(1).traceId, { limit: 5_000 })).items,
  cursor: await store.spanCursor(),
  feed: await store.spansSince(0, { limit: 5_000 }),
  leases: await store.listLeases(),
  claims: await db.selectFrom('claims').selectAll().execute(),
  blob: Buffer.from((await blobs.get(sha256)) ?? []).toString('hex'),
});

const kinds: [Kind, Kind][] = [
  ['SQLite and a folder', 'SQLite and a bucket'],
  ['SQLite and a folder', 'PostgreSQL and a bucket'],
  ['SQLite and a bucket', 'PostgreSQL and a folder'],
  ['PostgreSQL and a folder', 'SQLite and a folder'],
  ['PostgreSQL and a bucket', 'PostgreSQL and a folder'],
  ['PostgreSQL and a bucket', 'SQLite and a bucket'],
];

const missing = (kind: string): string | undefined => (kind.includes('PostgreSQL') ? whyNoPostgres : undefined);

describe.each(kinds)('from %s to %s', (fromKind, toKind) => {
  const why = missing(`${fromKind} ${toKind}`);
  test.skipIf(why)(
    `everything is there, twice is once, and new spans come after the old${why === undefined ? '' : ` (${why})`}`,
    async () => {
      await using place = await places();
      const from = await place.of(fromKind);
      const to = await place.of(toKind);
      await filled(from);
      const moved = await moveRecord(from, to);
      expect(moved.tables.find(({ name }) => name === 'spans')?.rows).toBe(SPANS + 1);
      expect(moved.blobs).toBe(2);
      expect(await opened(to, whole)).toEqual(await opened(from, whole));
      expect(await moveRecord(from, to)).toEqual(moved);
      await opened(to, async ({ store }) => {
        const cursor = await store.spanCursor();
        await store.appendRows([rowOf(span(SPANS + 2))]);
        expect((await store.spansSince(cursor)).rows).toEqual([rowOf(span(SPANS + 2))]);
      });
      await expect(moveRecord(from, to)).rejects.toMatchObject({
        code: 'BAD_ARGUMENT',
        message: expect.stringContaining('spans') as string,
      });
    },
  );
});

test('a move that was interrupted leaves what nobody can use, and goes on', async () => {
  await using place = await places();
  const from = await place.of('SQLite and a folder');
  const to = await place.of('SQLite and a folder');
  await filled(from);
  const stop = new AbortController();
  const onProgress = ({ table, done }: { table: string; done: number }): void => {
    if (table === 'spans' && done > 0) stop.abort(new Error('enough'));
  };
  await expect(moveRecord(from, to, { signal: stop.signal, onProgress })).rejects.toThrow('enough');
  await expect(openStorage(to)).rejects.toMatchObject({ code: 'STORE_DAMAGED', hint: expect.stringContaining('migrate') as string });
  const firsts: number[] = [];
  await moveRecord(from, to, {
    onProgress: ({ table, done }) => {
      if (table === 'spans') firsts.push(done);
    },
  });
  expect(firsts[0]).toBeGreaterThan(0);
  expect(await opened(to, whole)).toEqual(await opened(from, whole));
});

test('saved weights come along, whole ones alone, and those that are there already stay', async () => {
  await using place = await places();
  const from = await place.of('SQLite and a folder');
  const to = await place.of('SQLite and a bucket');
  await filled(from);
  const [source, target] = [from, to].map(({ HUD_PLATFORM_DIR: folder }) => join(folder, 'weights'));
  const names = ['sampler-1-a.weights', 'state-1-a.weights'];
  await mkdir(source ?? '');
  for (const name of [...names, `state-2-b.weights.${randomUUID()}.tmp`]) await writeFile(join(source ?? '', name), randomBytes(300_000));
  expect((await moveRecord(from, to)).weights).toBe(2);
  expect(await readdir(target ?? '')).toEqual(names);
  const before = await stat(join(target ?? '', 'state-1-a.weights'));
  await writeFile(join(target ?? '', 'sampler-1-a.weights'), 'torn');
  expect((await moveRecord(from, to)).weights).toBe(2);
  expect((await stat(join(target ?? '', 'state-1-a.weights'))).ino).toBe(before.ino);
  for (const name of names) expect(await readFile(join(target ?? '', name))).toEqual(await readFile(join(source ?? '', name)));
});

test('a target that holds something of its own is refused and stays as it was', async () => {
  await using place = await places();
  const from = await place.of('SQLite and a folder');
  const to = await place.of('SQLite and a folder');
  await filled(from);
  await opened(to, async ({ store }) => await store.createJob(job(9), []));
  await expect(moveRecord(from, to)).rejects.toMatchObject({ code: 'BAD_ARGUMENT', message: expect.stringContaining('jobs') as string });
  expect(await opened(to, async ({ store }) => (await store.listJobs()).items)).toEqual([job(9)]);
});

test('a source that is not there is not made', async () => {
  await using place = await places();
  const nothing = await place.of('SQLite and a folder');
  await expect(moveRecord(nothing, await place.of('SQLite and a folder'))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  await expect(moveRecord(nothing, await place.of('SQLite and a folder'))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

test.skipIf(whyNoPostgres)('both databases have the same tables, columns and keys, and every table has a key', async () => {
  await using place = await places();
  const [sqlite, postgres] = await Promise.all(
    (['SQLite and a folder', 'PostgreSQL and a folder'] as const).map(async (kind) => await opened(await place.of(kind), listTables)),
  );
  expect(postgres).toEqual(sqlite);
  expect(sqlite?.map(({ name }) => name)).toContain('spans');
});
