/**
 * The one way to begin a platform in a test: on storage of its own, gone afterwards. That is a folder, or with
 * `npm run test:servers` a database of PostgreSQL and a part of a bucket: every test has to pass on either.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { tempDir } from '../../hud/src/testing/temp-dir.ts';
import { readConfig } from '../src/config.ts';
import { startPlatform, type Platform, type PlatformOptions } from '../src/server.ts';
import { createKey } from '../src/storage/accounts/keys.ts';
import { createTeam, ensureUser } from '../src/storage/accounts/teams.ts';
import type { Db } from '../src/storage/database.ts';
import type { Servers } from './servers/setup.ts';

export interface OwnStorage extends AsyncDisposable {
  /** That name it. */
  readonly settings: Record<string, string>;
}

export async function ownStorage(): Promise<OwnStorage> {
  const servers = inject('servers') as Servers | undefined; // nobody provides them to the other suites
  const folder = await tempDir('hud-platform-');
  const inFolder = { HUD_PLATFORM_DIR: folder.path };
  if (servers === undefined) return { settings: inFolder, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
  const name = `test_${randomBytes(8).toString('hex')}`;
  await ask(servers, `CREATE DATABASE ${name} TEMPLATE ${servers.template}`);
  return {
    settings: {
      ...inFolder,
      DATABASE_URL: new URL(name, servers.databases).href,
      HUD_PLATFORM_S3_ENDPOINT: servers.s3,
      HUD_PLATFORM_S3_BUCKET: servers.bucket,
      HUD_PLATFORM_S3_PREFIX: `${name}/`,
    },
    [Symbol.asyncDispose]: async () => {
      await ask(servers, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await folder[Symbol.asyncDispose]();
    },
  };
}

export interface OwnPlatform extends AsyncDisposable {
  readonly platform: Platform;
}

/** @param settings win over those of the storage */
export async function ownPlatform(
  settings: Record<string, string> = {},
  options: Omit<PlatformOptions, 'version'> = {},
): Promise<OwnPlatform> {
  const storage = await ownStorage();
  try {
    const config = readConfig({ HUD_PLATFORM_PORT: '0', HUD_PLATFORM_LOG: 'silent', ...storage.settings, ...settings });
    const platform = await startPlatform(config, { version: '0.0.0', ...options });
    const end = async (): Promise<void> => {
      try {
        await platform.close();
      } finally {
        await storage[Symbol.asyncDispose]();
      }
    };
    return { platform, [Symbol.asyncDispose]: end };
  } catch (error) {
    await storage[Symbol.asyncDispose]();
    throw error;
  }
}

export interface NewTeam {
  teamId: string;
  /** Of its owner. */
  userId: string;
  key: string;
}

export async function newTeam(db: Db, name: string): Promise<NewTeam> {
  const userId = await ensureUser(db, `${name}@example.com`);
  const teamId = await createTeam(db, { name, ownerId: userId });
  return { teamId, userId, key: (await createKey(db, { teamId, userId, name: 'test' })).secret };
}

async function ask({ databases }: Servers, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databases });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
