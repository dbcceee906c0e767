/** A PostgreSQL server of a test's own: real, on this machine alone, with nothing on its disk afterwards. */
import { execFile, spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

export interface Cluster extends AsyncDisposable {
  /** Creates the database when there is none of this name yet. @param place `small disk`: its tables can't grow beyond that @default 'data' */
  url(database: string, place?: 'data' | 'small disk'): Promise<string>;
  /** Its data folder. */
  readonly folder: string;
  /** The small disk, to fill it; it goes with the server. */
  readonly smallDisk: string;
  /** @param how `crash`: as after the loss of power @default 'orderly' */
  stop(how?: 'orderly' | 'crash'): Promise<void>;
  /** With the same data on the same port; may be called while it runs. */
  restart(how?: 'orderly' | 'crash'): Promise<void>;
}

const folderOfTools = findTools();

/** Why there can be no cluster on this machine; undefined when there can. For `test.skipIf` and its name. */
export const whyNoPostgres: string | undefined =
  folderOfTools === undefined ? 'PostgreSQL is not installed: no initdb in PATH or /usr/lib/postgresql' : whyNoUser();

/** Why there can be no small disk, besides. */
export const whyNoSmallDisk: string | undefined =
  whyNoPostgres ?? (spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'this user may not mount a disk of its own');

const run = promisify(execFile);
const READY_MS = 20_000;
const POLL_MS = 20;
const MAX_CONNECTIONS = 60;

export interface ClusterOptions {
  /** Lines of postgresql.conf, such as `synchronous_commit=on`. */
  settings?: readonly string[];
  /** Size of the small disk; without one there is none. It is lost when the server stops. */
  smallDiskMb?: number;
}

/** Up in a second. */
export async function startPostgres({ settings = [], smallDiskMb }: ClusterOptions = {}): Promise<Cluster> {
  if (folderOfTools === undefined) throw new Error(whyNoPostgres);
  const root = await mkdtemp(join(tmpdir(), 'hud-pg-'));
  const user = await otherUser();
  if (user !== undefined) await chown(root, user.uid, user.gid);
  const folder = join(root, 'data');
  await run(join(folderOfTools, 'initdb'), ['-D', folder, '-A', 'trust', '-U', 'hud', '-E', 'UTF8', '--no-sync'], { ...user, cwd: root });
  const port = await freePort();
  const server = new Server({ root, folder, port, settings, smallDiskMb, user });
  await server.start();
  return {
    folder,
    get smallDisk() {
      return `/proc/${server.pid}/root${root}/small`;
    },
    url: async (database, place) => await server.database(database, place),
    stop: async (how) => await server.stop(how),
    restart: async (how) => {
      await server.stop(how);
      await server.start();
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop('crash');
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

interface User {
  uid: number;
  gid: number;
}

interface Place {
  root: string;
  folder: string;
  port: number;
  settings: readonly string[];
  smallDiskMb: number | undefined;
  user: User | undefined;
}

class Server {
  readonly #place: Place;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(place: Place) {
    this.#place = place;
  }

  async start(): Promise<void> {
    const { root, folder, port, settings } = this.#place;
    const fixed = [`unix_socket_directories=${root}`, 'listen_addresses=127.0.0.1', `port=${port}`, `max_connections=${MAX_CONNECTIONS}`];
    const options = [...fixed, ...settings].flatMap((line) => ['-c', line]);
    const child = this.#spawn([join(folderOfTools ?? '', 'postgres'), '-D', folder, ...options]);
    this.#child = child;
    child.stderr?.on('data', (text: Buffer) => (this.#log = `${this.#log}${text.toString()}`.slice(-4_000)));
    const end = (): void => void child.kill('SIGQUIT');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    await this.#ready(child);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The small disk is mounted for the server alone, and so gone with it. */
  #spawn(command: string[]): ChildProcess {
    const { root, smallDiskMb, user } = this.#place;
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe'];
    if (smallDiskMb === undefined) return spawn(command[0] ?? '', command.slice(1), { ...user, cwd: root, stdio });
    const { uid, gid } = user ?? { uid: 0, gid: 0 };
    const mount = `mkdir -p small && mount -t tmpfs -o size=${smallDiskMb}m,uid=${uid},gid=${gid},mode=700 none small`;
    const become = `exec setpriv --reuid ${uid} --regid ${gid} --clear-groups "$@"`;
    return spawn('unshare', ['-m', 'sh', '-c', `${mount} && ${become}`, 'sh', ...command], { cwd: root, stdio });
  }

  async stop(how: 'orderly' | 'crash' = 'orderly'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(how === 'crash' ? 'SIGQUIT' : 'SIGINT');
    await ended;
  }

  async database(name: string, place: 'data' | 'small disk' = 'data'): Promise<string> {
    if (place === 'small disk') await this.#asked(`CREATE TABLESPACE small LOCATION '${this.#place.root}/small'`).catch(unless('42710'));
    await this.#asked(`CREATE DATABASE "${name}"${place === 'data' ? '' : ' TABLESPACE small'}`).catch(unless('42P04'));
    return this.#url(name);
  }

  /** A server that starts refuses connections until it has recovered. */
  async #ready(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      try {
        return await this.#asked('SELECT 1');
      } catch (error) {
        if (child.exitCode !== null || performance.now() > deadline)
          throw new Error(`PostgreSQL did not start: ${this.#log}`, { cause: error });
      }
      await sleep(POLL_MS);
    }
  }

  async #asked(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url('postgres'), connectionTimeoutMillis: READY_MS });
    client.on('error', () => {}); // it ends with the server
    try {
      await client.connect();
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  #url(database: string): string {
    return `postgres://hud@127.0.0.1:${this.#place.port}/${database}`;
  }
}

/** It is there already. */
function unless(code: string): (error: { code?: unknown }) => void {
  return (error) => {
    if (error.code !== code) throw error;
  };
}

function findTools(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** initdb refuses root. @returns undefined when this process may run it itself */
async function otherUser(): Promise<User | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const name = await run('id', ['-u', 'postgres']).then(
    () => 'postgres',
    () => 'nobody',
  );
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)));
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

function whyNoUser(): string | undefined {
  return process.platform === 'win32' ? 'a cluster for tests needs Unix sockets' : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
