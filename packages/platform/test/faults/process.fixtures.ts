/** Platforms in processes of their own: the next one is loaded while this one runs, so that many can be killed in a short time. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { readConfig } from '../../src/config.ts';
import { startPlatform } from '../../src/server.ts';
import { createKey } from '../../src/storage/accounts/keys.ts';
import { createTeam, ensureUser } from '../../src/storage/accounts/teams.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

interface Loaded {
  child: Child;
  lines: Interface;
  isLoaded: Promise<unknown>;
}

const START_MS = 20_000;

export class Processes implements AsyncDisposable {
  readonly #settings: Record<string, string>;
  readonly #children = new Set<Child>();
  #next: Loaded | undefined;
  #current: Child | undefined;

  constructor(settings: Record<string, string>) {
    this.#settings = settings;
    this.#next = this.#load();
  }

  /** @returns where it listens */
  async start(): Promise<string> {
    const { child, lines, isLoaded } = this.#next ?? this.#load();
    this.#next = undefined;
    this.#current = child;
    await isLoaded;
    const told = once(lines, 'line', { signal: AbortSignal.timeout(START_MS) });
    child.stdin.write(`${JSON.stringify(this.#settings)}\n`);
    const [url] = (await told) as [string];
    this.#next = this.#load();
    return url;
  }

  /** `kill -9`; settles when it is gone. */
  async kill(): Promise<void> {
    const child = this.#current;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) throw new Error('the platform ended by itself');
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#children.delete(child);
    this.#current = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = [...this.#children]
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map(async (child) => await once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(gone);
  }

  #load(): Loaded {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'platform-process.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => {}); // its end is noticed by whoever waits for it
    this.#children.add(child);
    const lines = createInterface({ input: child.stdout });
    const isLoaded = once(lines, 'line', { signal: AbortSignal.timeout(START_MS) });
    isLoaded.catch(() => {}); // nobody waits for one that is never started
    return { child, lines, isLoaded };
  }
}

/** Makes the record with an account in it. @returns a key of that */
export async function prepare(settings: Record<string, string>): Promise<string> {
  await using platform = await startPlatform(readConfig({ ...settings, HUD_PLATFORM_PORT: '0' }), { version: '0.0.0' });
  const { db } = platform.context;
  const userId = await ensureUser(db, 'owner@example.com');
  const teamId = await createTeam(db, { name: 'team', ownerId: userId });
  return (await createKey(db, { teamId, userId, name: 'test' })).secret;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
