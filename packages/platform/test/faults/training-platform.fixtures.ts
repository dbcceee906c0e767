/** A platform that trains, whose process, disk and database can be disturbed, and that is started again whenever it has ended. */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, prepare } from './process.fixtures.ts';
import type { Disturbance } from './training-process.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

const START_MS = 60_000;
/** Of its disk, in bytes, while nothing squeezes it. */
const DISK_BYTES = 512 * 1_048_576;
const SQLITE_BUSY = 5;
/** How often in a row it may fail to start: while the disk is full or the database is held, it can't. */
const MOST_FAILED_STARTS = 30;

export class DisturbedPlatform implements AsyncDisposable {
  readonly folder: string;
  /** Undefined: this machine lets nobody mount a small disk. */
  readonly #mount: string | undefined;
  readonly #settings: Record<string, string>;
  readonly url: string;
  readonly key: string;
  /** How often it was started. */
  starts = 0;
  /** Aborted with the reason when it ends by itself. */
  readonly failed = new AbortController();
  #child: Child | undefined;
  #next: Promise<Child> | undefined;
  #supervised: Promise<void> | undefined;
  #isClosing = false;

  private constructor(folder: string, mount: string | undefined, { settings, key }: { settings: Record<string, string>; key: string }) {
    [this.folder, this.#mount, this.#settings, this.key] = [folder, mount, settings, key];
    this.url = `http://127.0.0.1:${settings.HUD_PLATFORM_PORT}`;
  }

  static async begin(): Promise<DisturbedPlatform> {
    const folder = mkdtempSync(join(tmpdir(), 'hud-disturbed-'));
    const mount = tryMount(folder) ? folder : undefined;
    const settings = {
      HUD_PLATFORM_DIR: folder,
      HUD_PLATFORM_LOG: process.env.HUD_PLATFORM_LOG ?? 'silent',
      HUD_PLATFORM_REQUESTS_PER_MINUTE: '1000000',
      HUD_PLATFORM_PORT: String(await freePort()),
    };
    const platform = new DisturbedPlatform(folder, mount, { settings, key: await prepare(settings) });
    platform.#supervised = platform.#supervise();
    return platform;
  }

  get hasDisk(): boolean {
    return this.#mount !== undefined;
  }

  /** Sent to the process that runs now; one that is starting hears nothing. */
  disturb(disturbance: Disturbance): void {
    this.#child?.stdin.write(`${JSON.stringify(disturbance)}\n`);
  }

  end(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.#child?.kill(signal);
  }

  /** Its disk has so many bytes left, for so long. */
  async fillDisk(leftBytes: number, forMs: number): Promise<void> {
    if (this.#mount === undefined) throw new Error('It has no disk of its own.');
    squeeze(this.#mount, leftBytes);
    await sleep(forMs);
    resize(this.#mount, DISK_BYTES);
  }

  /** Unless it is written to, or held already, just then: a wait would stop this process, and with it who holds it. */
  async holdDatabase(forMs: number): Promise<void> {
    const database = new DatabaseSync(join(this.folder, 'hud.db'), { timeout: 0 });
    try {
      database.exec('BEGIN IMMEDIATE');
      await sleep(forMs);
      database.exec('ROLLBACK');
    } catch (error) {
      if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
    } finally {
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#child?.kill('SIGKILL');
    await this.#supervised;
    const next = await this.#next;
    if (next !== undefined && next.exitCode === null && next.kill('SIGKILL')) await once(next, 'exit');
    if (this.#mount !== undefined) execFileSync('umount', [this.#mount]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #supervise(): Promise<void> {
    for (let failures = 0; !this.#isClosing && failures < MOST_FAILED_STARTS;) {
      const child = await (this.#next ?? this.#load());
      const exited = once(child, 'exit');
      this.starts += 1;
      child.stdin.write(`${JSON.stringify(this.#settings)}\n`);
      const told = once(createInterface({ input: child.stdout }), 'line', { signal: AbortSignal.timeout(START_MS) });
      const hasStarted = await Promise.race([told.then(() => true), exited.then(() => false)]);
      told.catch(() => {}); // it ended before it said anything
      failures = hasStarted ? 0 : failures + 1;
      this.#child = child;
      this.#next = this.#load();
      if (!hasStarted) await sleep(50);
      else if (this.#isClosing) child.kill('SIGKILL');
      const [code, signal] = (await exited) as [number | null, string | null];
      if (hasStarted && signal === null && code !== 0) this.failed.abort(new Error(`The platform ended by itself, with ${code}.`));
    }
    if (!this.#isClosing) this.failed.abort(new Error(`The platform did not start ${MOST_FAILED_STARTS} times in a row.`));
  }

  /** The next one is loaded while this one runs. */
  async #load(): Promise<Child> {
    const script = join(import.meta.dirname, 'training-process.ts');
    const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => {}); // its end is noticed by whoever waits for it
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(START_MS) });
    return child;
  }
}

/** No smaller than what is on it, and that may grow just then. */
function squeeze(mount: string, leftBytes: number): void {
  for (let tries = 1; ; tries += 1) {
    const { blocks, bfree, bsize } = statfsSync(mount);
    try {
      return resize(mount, (blocks - bfree + Math.ceil(leftBytes / bsize)) * bsize);
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
    }
  }
}

const MOST_TRIES = 20;

function resize(mount: string, bytes: number): void {
  execFileSync('mount', ['-o', `remount,size=${bytes}`, mount], { stdio: 'pipe' });
}

function tryMount(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder], { stdio: 'pipe' });
    return true;
  } catch {
    return false; // needs root
  }
}
