import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../../../../hud/src/testing/temp-dir.ts';
import { describeStore } from '../../../../hud/src/store/store.contract.ts';
import { graded, job, lease, picture, rowOf, span, start } from '../../../../hud/src/store/store.fixtures.ts';
import { readConfig } from '../../config.ts';
import { openPool } from '../database.ts';
import { openStorage, type Storage } from '../open.ts';
import { PostgresDatabase } from './database.ts';
import { startPostgres, whyNoPostgres, whyNoSmallDisk, type Cluster } from './postgres.fixtures.ts';

let cluster: Cluster;
let count = 0;
beforeAll(async () => {
  if (whyNoPostgres === undefined) cluster = await startPostgres();
});
afterAll(async () => await cluster?.[Symbol.asyncDispose]());

interface Fresh extends AsyncDisposable {
  url: string;
  storage: Storage;
  open(): Promise<Storage>;
}

/** A database of its own, with blobs in a folder. */
async function fresh(server = cluster, place: 'data' | 'small disk' = 'data'): Promise<Fresh> {
  const folder = await tempDir('hud-pg-store-');
  const url = await server.url(`store_${++count}`, place);
  const config = readConfig({ HUD_PLATFORM_DIR: folder.path, DATABASE_URL: url, HUD_PLATFORM_DATABASE_CONNECTIONS: '4' });
  const opened: Storage[] = [];
  const open = async (): Promise<Storage> => {
    const storage = await openStorage(config);
    opened.push(storage);
    return storage;
  };
  return {
    url,
    storage: await open(),
    open,
    async [Symbol.asyncDispose]() {
      for (const storage of opened) await storage.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(whyNoPostgres)(`on PostgreSQL${whyNoPostgres === undefined ? '' : ` (${whyNoPostgres})`}`, () => {
  describeStore('PostgreSQL', async () => {
    const own = await fresh();
    return {
      store: own.storage.store,
      reopen: async () => (await own.open()).store,
      [Symbol.asyncDispose]: async () => await own[Symbol.asyncDispose](),
    };
  });

  test('a server that crashes and comes back loses nothing that was acknowledged, and nobody who waits is told', async () => {
    await using server = await startPostgres();
    await using own = await fresh(server);
    const { store } = own.storage;
    await store.createJob(job(1), []);
    const acknowledged: string[] = [];
    const crashes = { count: 0 };
    const writer = async (which: number): Promise<void> => {
      for (let n = 0; crashes.count < 2 || n < 20; n++) {
        const { traceId } = start(which * 10_000 + n);
        await store.startRun(start(which * 10_000 + n));
        await store.appendRows([rowOf(span(1, traceId)), rowOf(span(2, traceId))]);
        expect(await store.finishRun(traceId, graded(1))).toBe(true);
        acknowledged.push(traceId);
      }
    };
    const restarts = async (): Promise<void> => {
      while (crashes.count < 2) {
        const before = acknowledged.length;
        await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 10);
        await server.restart('crash');
        crashes.count += 1;
      }
    };
    await Promise.all([...Array.from({ length: 4 }, async (_, which) => await writer(which)), restarts()]);
    const runs = (await store.listRuns(job(1).id, { limit: 100_000 })).items;
    expect(runs.filter((run) => run.class === 'graded').map((run) => run.traceId)).toEqual(expect.arrayContaining(acknowledged));
    const spans = (await store.spansSince(0, { limit: 1_000_000 })).rows;
    expect(spans).toHaveLength(runs.length * 2);
    expect(new Set(spans.map(({ traceId, spanId }) => traceId + spanId)).size).toBe(spans.length);
  });

  test('spans that are queued while the server is away are told of, kept, and written when it is back', async () => {
    await using server = await startPostgres();
    await using own = await fresh(server);
    const { store } = own.storage;
    await server.stop();
    store.appendSpan(span(1));
    store.appendSpan(picture(2));
    const { failed } = store;
    const pending = store.flush();
    await server.restart();
    await pending;
    expect((await store.listSpans(start(1).traceId)).items).toEqual([span(1), picture(2)]);
    expect(failed.aborted).toBe(false);
  });

  test('what the queue can not hold is lost, which is told at once and by the next flush', async () => {
    await using server = await startPostgres();
    await using own = await fresh(server);
    const { store } = own.storage;
    await server.stop();
    const large = (n: number) => span(n, start(1).traceId, { attributes: { text: 'x'.repeat(10_000_000) } });
    for (let n = 0; n < 8; n++) store.appendSpan(large(n));
    expect(store.failed.aborted).toBe(true);
    expect(store.failed.reason).toMatchObject({ code: 'STORE_LOCKED' });
    await server.restart();
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    expect((await store.listSpans(start(1).traceId)).items.map(({ spanId }) => spanId)).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => span(n).spanId),
    );
  });

  test('a server that stays away is an error that says so, after a while', async () => {
    await using server = await startPostgres();
    const pool = openPool(await server.url('postgres'), 2);
    const database = new PostgresDatabase(pool, 'postgres://here/postgres', 200);
    expect(await database.read('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    await expect(database.run({ sql: 'SELECT 1', values: [] })).rejects.toMatchObject({
      code: 'STORE_UNWRITABLE',
      message: expect.stringContaining("postgres://here/postgres can't be reached") as string,
    });
    await server.restart();
    expect(await database.run({ sql: 'SELECT 1', values: [] })).toBe(1);
    await pool.end();
  });

  test.skipIf(whyNoSmallDisk)(
    `a disk that is full is told of, and writes go on once there is room${whyNoSmallDisk === undefined ? '' : ` (${whyNoSmallDisk})`}`,
    async () => {
      await using server = await startPostgres({ smallDiskMb: 64 });
      await using own = await fresh(server, 'small disk');
      const { store } = own.storage;
      const ballast = join(server.smallDisk, 'ballast');
      await writeFile(ballast, Buffer.alloc(30 * 1024 * 1024));
      const rows = (from: number) =>
        Array.from({ length: 100 }, (_, n) =>
          rowOf(span(from + n, start(1).traceId, { attributes: { text: randomBytes(8_000).toString('base64') } })),
        );
      let written = 0;
      const fill = async (): Promise<void> => {
        for (;;) {
          await store.appendRows(rows(written));
          written += 100;
        }
      };
      await expect(fill()).rejects.toMatchObject({ code: 'STORE_FULL' });
      store.appendSpan(
        rows(1_000_000).map((row) => span(Number.parseInt(row.spanId, 16), start(2).traceId, { attributes: { text: row.body } }))[0] ??
          span(1),
      );
      await rm(ballast);
      await store.flush();
      await store.appendRows(rows(written));
      expect((await store.spansSince(0, { limit: 100_000, traceId: start(1).traceId })).rows).toHaveLength(written + 100);
      expect((await store.spansSince(0, { traceId: start(2).traceId })).rows).toHaveLength(1);
    },
  );

  test('a row that is refused takes none of those with it that are written at the same moment', async () => {
    await using own = await fresh();
    const { store } = own.storage;
    const tooLong = { ...rowOf(span(1)), spanId: randomBytes(9_000).toString('base64') }; // more than an index holds
    const results = await Promise.allSettled([
      store.appendRows([rowOf(span(1))]),
      store.appendRows([rowOf(span(2)), tooLong]),
      store.appendRows([rowOf(span(3))]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'BAD_ARGUMENT' } });
    expect((await store.listSpans(start(1).traceId)).items).toEqual([span(1), span(3)]);
    store.appendSpan(span(4));
    store.appendSpan(span(5, start(1).traceId, { spanId: tooLong.spanId }));
    store.appendSpan(span(6));
    await store.flush().catch((error: unknown) => expect(error).toMatchObject({ code: 'BAD_ARGUMENT' }));
    expect(store.failed.aborted).toBe(true);
    expect((await store.listSpans(start(1).traceId)).items).toEqual([1, 3, 4, 6].map((n) => span(n)));
  });

  test('a flush that is asked for at the moment when another one ends is not forgotten', async () => {
    await using own = await fresh();
    const { store } = own.storage;
    const writer = async (which: number): Promise<void> => {
      for (let n = 0; n < 60; n++) {
        store.appendSpan(span(n, start(which).traceId));
        await store.flush();
      }
    };
    await Promise.all([1, 2, 3].map(writer));
    expect((await store.spansSince(0)).rows).toHaveLength(180);
  });

  test('texts keep everything but NUL, which is shown as a character that stands for it', async () => {
    await using own = await fresh();
    const { store, db } = own.storage;
    await store.createJob(job(1, { name: 'a\0b' }), []);
    await db.updateTable('jobs').set({ error: 'c\0' }).where('name', '=', 'a\0b').execute();
    await store.appendRows([{ ...rowOf(span(1)), name: 'd\0' }]);
    expect(await store.getJob(job(1).id)).toMatchObject({ name: 'a\ufffdb', error: 'c\ufffd' });
    expect((await store.spansSince(0)).rows[0]?.name).toBe('d\ufffd');
  });

  test('whoever has lost the lease of a job can not end it, and of many that take it one does', async () => {
    await using own = await fresh();
    const { store } = own.storage;
    const other = (await own.open()).store;
    const held = lease('job:1', { kind: 'job', jobId: job(1).id });
    const why = { code: 'CANCELLED', message: 'gone' };
    await store.createJob(job(1), []);
    await store.startRun(start(1));
    await store.putLease(held);
    const taken = await Promise.all([store, other, store, other].map(async (by, n) => await by.interruptJob(held, why, 50, `3:${n}`)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await store.getRun(start(1).traceId)).toMatchObject({ class: 'cancelled', steps: 0 });
  });

  test('an address that leads nowhere, or is none, is an error without its password', async () => {
    await using folder = await tempDir('hud-pg-store-');
    const open = async (DATABASE_URL: string): Promise<unknown> =>
      await openStorage(readConfig({ HUD_PLATFORM_DIR: folder.path, DATABASE_URL })).catch((error: unknown) => error);
    const absent = await open((await cluster.url('postgres')).replace('hud@', 'hud:geheim@').replace(/postgres$/, 'no_such'));
    expect(absent).toMatchObject({ code: 'STORE_UNWRITABLE', message: expect.stringContaining('no_such') as string });
    expect(await open('postgres://hud:geheim@127.0.0.1:1/hud')).toMatchObject({ code: 'STORE_UNWRITABLE' });
    expect(await open('mysql://hud:geheim@127.0.0.1/hud')).toMatchObject({ code: 'BAD_CONFIG' });
    for (const url of ['postgres://hud:geheim@127.0.0.1:1/hud', 'mysql://hud:geheim@127.0.0.1/hud'])
      expect(String(((await open(url)) as Error).message)).not.toContain('geheim');
  });
});
