import { setImmediate as turn } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { tempDir } from '../../../hud/src/testing/temp-dir.ts';
import { job } from '../../../hud/src/store/store.fixtures.ts';
import { readConfig } from '../config.ts';
import { openStorage } from './open.ts';

test('a transaction on the file that reads first may write afterwards, whatever the store writes meanwhile', async () => {
  await using folder = await tempDir('hud-database-');
  const { db, store, close } = await openStorage(readConfig({ HUD_PLATFORM_DIR: folder.path }));
  await store.createJob(job(1), []);
  let created: Promise<void> | undefined;
  await db.transaction().execute(async (transaction) => {
    const { name } = await transaction.selectFrom('jobs').select('name').executeTakeFirstOrThrow();
    created = store.createJob(job(2), []);
    for (let i = 0; i < 10; i++) await turn();
    await transaction
      .updateTable('jobs')
      .set({ name: `${name}!` })
      .execute();
  });
  await created;
  expect((await store.listJobs()).items.map((item) => item.name)).toEqual(['job 2', 'job 1!']);
  await close();
});

test('one that fails is undone, and the next one works', async () => {
  await using folder = await tempDir('hud-database-');
  const { db, store, close } = await openStorage(readConfig({ HUD_PLATFORM_DIR: folder.path }));
  await store.createJob(job(1), []);
  const failing = db.transaction().execute(async (transaction) => {
    await transaction.updateTable('jobs').set({ name: 'lost' }).execute();
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  await db.transaction().execute(async (transaction) => void (await transaction.updateTable('jobs').set({ agent: 'kept' }).execute()));
  expect((await store.listJobs()).items).toEqual([job(1, { agent: 'kept' })]);
  await close();
});

test('one that finds the file full says so, and the next one works once there is room', async () => {
  await using folder = await tempDir('hud-database-');
  const { db, close } = await openStorage(readConfig({ HUD_PLATFORM_DIR: folder.path }));
  const write = async (): Promise<void> =>
    await db.transaction().execute(async (transaction) => {
      await sql`CREATE TABLE filling (text TEXT)`.execute(transaction);
      await sql`INSERT INTO filling VALUES (${'x'.repeat(1_000_000)})`.execute(transaction);
    });
  const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(db);
  await sql`PRAGMA max_page_count = ${sql.lit((rows[0]?.page_count ?? 0) + 20)}`.execute(db);
  await expect(write()).rejects.toMatchObject({ errcode: 13, message: 'database or disk is full' });
  await sql`PRAGMA max_page_count = 1000000`.execute(db);
  await write();
  await close();
});
