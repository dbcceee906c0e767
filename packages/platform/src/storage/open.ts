/** The record, the queries and the blobs, on whatever the settings name. */
import { HudError } from 'hud/protocol';
import { openStore, type Store } from 'hud/store';
import type { Config } from '../config.ts';
import type { BlobFiles } from './blobs/blob-files.ts';
import { openDatabase, type Db } from './database.ts';
import { openFolder } from './blobs/folder-blobs.ts';
import { assertWhole } from './move/mark.ts';
import { PostgresDatabase } from './postgres/database.ts';
import { postgresError } from './postgres/errors.ts';
import { PostgresStore } from './postgres/store.ts';
import { openBucket, type Bucket } from './blobs/s3-blobs.ts';
import type { Dialect } from './schema/index.ts';

export interface Storage {
  db: Db;
  dialect: Dialect;
  store: Store;
  blobs: BlobFiles;
  /** Of the database, for messages. */
  location: string;
  close(): Promise<void>;
}

export type StorageConfig = Pick<
  Config,
  | 'HUD_PLATFORM_DIR'
  | 'DATABASE_URL'
  | 'HUD_PLATFORM_DATABASE_CONNECTIONS'
  | 'HUD_PLATFORM_S3_BUCKET'
  | 'HUD_PLATFORM_S3_ENDPOINT'
  | 'HUD_PLATFORM_S3_REGION'
  | 'HUD_PLATFORM_S3_PREFIX'
>;

export interface StorageOptions {
  /** Opens also what is only partly moved here. @default false */
  isMove?: boolean;
}

/** @throws HudError STORE_*, BAD_CONFIG, PACKAGE_MISSING */
export async function openStorage(config: StorageConfig, options: StorageOptions = {}): Promise<Storage> {
  const bucket = await bucketOf(config);
  const folder = openFolder(config.HUD_PLATFORM_DIR);
  try {
    const storage = config.DATABASE_URL === undefined ? await onFile(config, folder, bucket) : await onPostgres(config, bucket ?? folder);
    try {
      if (options.isMove !== true) await assertWhole(storage.db, storage.location);
    } catch (error) {
      await storage.close();
      throw error;
    }
    return { ...storage, close: async () => await storage.close().finally(() => bucket?.close()) };
  } catch (error) {
    bucket?.close();
    throw error;
  }
}

async function onFile(config: StorageConfig, folder: BlobFiles, bucket: BlobFiles | undefined): Promise<Storage> {
  const directory = config.HUD_PLATFORM_DIR;
  const store = await openStore({ directory, ...(bucket === undefined ? {} : { findBlob: bucket.get }) });
  const { db, dialect } = await openDatabase({ directory }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const close = async (): Promise<void> => {
    await db.destroy();
    await store.close();
  };
  // The store keeps what it takes out of spans in its own folder.
  const blobs = bucket === undefined ? folder : layered(bucket, folder);
  return { db, dialect, store, blobs, location: store.location, close };
}

async function onPostgres(config: StorageConfig, blobs: BlobFiles): Promise<Storage> {
  const { DATABASE_URL: url = '', HUD_PLATFORM_DATABASE_CONNECTIONS: connections } = config;
  const location = locationOf(url);
  const { db, dialect, pool } = await openDatabase({ directory: config.HUD_PLATFORM_DIR, url, connections }).catch((error: unknown) => {
    throw postgresError(error, location);
  });
  if (pool === undefined) throw new TypeError('A database that a URL names has a pool.');
  const store = new PostgresStore(new PostgresDatabase(pool, location), blobs);
  const close = async (): Promise<void> => {
    try {
      await store.close();
    } finally {
      await db.destroy();
    }
  };
  return { db, dialect, store, blobs, location, close };
}

async function bucketOf(config: StorageConfig): Promise<Bucket | undefined> {
  const { HUD_PLATFORM_S3_BUCKET: bucket, HUD_PLATFORM_S3_ENDPOINT: endpoint } = config;
  if (bucket === undefined) return undefined;
  return await openBucket({
    bucket,
    region: config.HUD_PLATFORM_S3_REGION,
    prefix: config.HUD_PLATFORM_S3_PREFIX,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

/** Written to the first, read from whichever has it. */
function layered(first: BlobFiles, second: BlobFiles): BlobFiles {
  return {
    location: `${first.location} and ${second.location}`,
    write: async (sha256, bytes) => await first.write(sha256, bytes),
    get: async (sha256) => (await second.get(sha256)) ?? (await first.get(sha256)),
    list: async function* () {
      const seen = new Set<string>();
      for (const files of [first, second]) {
        for await (const sha256 of files.list()) {
          if (!seen.has(sha256)) yield sha256;
          seen.add(sha256);
        }
      }
    },
    check: async () => await first.check(),
  };
}

/** Without user and password. @throws HudError BAD_CONFIG */
function locationOf(url: string): string {
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new HudError('BAD_CONFIG', 'DATABASE_URL is no address of a PostgreSQL database.', {
      hint: 'Write postgres://user:password@host:5432/database.',
    });
  }
  const { host, pathname, searchParams } = new URL(url);
  return `postgres://${host || (searchParams.get('host') ?? 'localhost')}${pathname}`;
}
