/** The servers of `npm run test:servers`, once for all its tests. */
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { tempDir } from '../../../hud/src/testing/temp-dir.ts';
import { readConfig } from '../../src/config.ts';
import { openStorage } from '../../src/storage/open.ts';
import { startPostgres, whyNoPostgres } from '../../src/storage/postgres/postgres.fixtures.ts';
import { startS3 } from '../../src/storage/blobs/s3.fixtures.ts';

export interface Servers {
  /** Of PostgreSQL, with the database from which others are made. */
  databases: string;
  /** Name of an empty one with every table. */
  template: string;
  s3: string;
  bucket: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: Servers;
  }
}

const TEMPLATE = 'hud_template';

/** Nothing here outlives the tests, so nothing waits for the disk. */
const FAST = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_wal_size=4GB'];

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (whyNoPostgres !== undefined) return undefined; // the one test that is left says so
  const cluster = await startPostgres({ settings: FAST });
  const s3 = await startS3();
  const databases = await cluster.url('postgres');
  await makeTemplate(databases);
  project.provide('servers', { databases, template: TEMPLATE, s3: s3.endpoint, bucket: s3.bucket });
  return async () => {
    await s3[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  };
}

/** Texts are sorted as people of some language do, as on most servers: a query that means the order of bytes has to say so. */
async function makeTemplate(databases: string): Promise<void> {
  const client = new pg.Client({ connectionString: databases });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`);
  await client.end();
  await using folder = await tempDir('hud-template-');
  const storage = await openStorage(readConfig({ HUD_PLATFORM_DIR: folder.path, DATABASE_URL: new URL(TEMPLATE, databases).href }));
  await storage.close();
}
