/** Where a drill takes place: its folder, its small disk, its control group. All of it goes when it is closed. */
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MOUNT_MS = 10_000;
const BASE_BYTES = 256 * 1024 * 1024;
const CGROUP_TRIES = 50;
const CGROUP_WAIT_MS = 20;
const ROLLOUT_BYTES = 64 * 1024;

export class Ground {
  readonly folder: string;
  /** Where the record is, as processes are told. */
  readonly store: string;
  /** A folder for each owner, to be its TMPDIR. */
  readonly temporary: string;
  readonly logs: string;
  /** Of the drill and all it starts; undefined where none can be made. */
  readonly cgroup: string | undefined;
  /** The store has a disk of its own, which can be made full. */
  readonly hasDisk: boolean;
  readonly #bytes: number;
  #isClosed = false;

  /** @param hasNamespace mounts made here are seen by the drill alone, and go with its last process */
  constructor(rollouts: number, hasNamespace: boolean) {
    this.folder = mkdtempSync(join(tmpdir(), 'hud-drill-'));
    this.store = join(this.folder, 'store');
    this.temporary = join(this.folder, 'tmp');
    this.logs = join(this.folder, 'logs');
    for (const path of [this.store, this.temporary, this.logs, join(this.folder, 'home')]) mkdirSync(path);
    for (const name of ['events', 'grades'] as const) writeFileSync(this.book(name), '');
    this.#bytes = BASE_BYTES + rollouts * ROLLOUT_BYTES;
    this.hasDisk = hasNamespace && this.#mount();
    this.cgroup = enterCgroup(`hud-drill-${process.pid}`);
  }

  book(name: 'events' | 'grades'): string {
    return join(this.folder, `${name}.jsonl`);
  }

  get database(): string {
    return join(this.store, 'hud.db');
  }

  /** Leaves the disk no room but `spareBytes`. @returns how to give the room back */
  fill(spareBytes: number): () => undefined {
    for (let spare = spareBytes, tries = 0; ; spare = 2 * spare + 65_536, tries++) {
      const { blocks, bfree, bsize } = statfsSync(this.store);
      try {
        this.#resize((blocks - bfree) * bsize + spare);
        return () => this.#resize(this.#bytes);
      } catch (error) {
        if (tries === 5) throw error; // more was written meanwhile than there was to spare
      }
    }
  }

  /** @param keep copies the record beside the books, so that it outlives its disk */
  close(keep: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.cgroup !== undefined) leaveCgroup(this.cgroup);
    if (keep && this.hasDisk) run('cp', ['-r', this.store, join(this.folder, 'record')]);
    if (this.hasDisk) run('umount', [this.store]);
    if (!keep) rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #mount(): boolean {
    try {
      run('mount', ['-t', 'tmpfs', '-o', `size=${this.#bytes},mode=700`, 'hud-drill', this.store]);
      return true;
    } catch {
      return false; // then writes are failed instead, which the report says
    }
  }

  #resize(bytes: number): undefined {
    run('mount', ['-o', `remount,size=${Math.ceil(bytes)}`, this.store]);
  }
}

function run(program: string, args: string[]): void {
  execFileSync(program, args, { stdio: 'pipe', timeout: MOUNT_MS });
}

function enterCgroup(name: string): string | undefined {
  try {
    const mount = / (\/\S+) \S+ .*- cgroup2 /.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
    const own = /^0::(\/\S*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    if (mount === undefined || own === undefined) return undefined;
    const path = join(mount, own, name);
    accessSync(join(mount, own, 'cgroup.procs'), constants.W_OK);
    mkdirSync(path);
    writeFileSync(join(path, 'cgroup.procs'), String(process.pid));
    return path;
  } catch {
    return undefined; // not ours to divide: the tag finds processes as well
  }
}

/** Ends what is left inside; it was reported by then. */
function leaveCgroup(path: string): void {
  writeFileSync(join(path, '..', 'cgroup.procs'), String(process.pid));
  if (existsSync(join(path, 'cgroup.kill'))) writeFileSync(join(path, 'cgroup.kill'), '1');
  for (let tries = 0; tries < CGROUP_TRIES && !removeCgroup(path); tries++)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, CGROUP_WAIT_MS);
}

/** @returns false while something in it is still ending */
function removeCgroup(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeCgroup(join(path, entry.name));
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
