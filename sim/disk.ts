/** The disk under the database: full for a while, failing, busy, and torn where a process died while writing. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync, type DatabaseSyncOptions } from 'node:sqlite';
import { SimDatabase } from './database.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import { HEADER_BYTES, checkpointedEnd, lastCommitEnd, salts } from './wal.ts';
import type { World } from './world.ts';

export type DiskFault = 'full' | 'failing' | 'busy';

export class Disk {
  readonly world: World;
  readonly random: Random;
  /** Virtual time until which nothing can be written. */
  fullUntil = 0;
  /** The log as far as it is known to be on the disk itself; kept only where the power is going to be cut. */
  readonly #synced = new Map<string, { salts: string; end: number; read: number }>();
  #reads = 0;
  readonly #mayLosePower: boolean;
  readonly #open = new Map<string, Set<SimDatabase>>();

  constructor(world: World, options: { mayLosePower: boolean }) {
    this.#mayLosePower = options.mayLosePower;
    this.world = world;
    this.random = world.stream('disk');
  }

  /** @throws an error as the driver reports it, when this opening is to fail */
  open(process: SimProcess, path: string, options: DatabaseSyncOptions): DatabaseSync {
    if (this.#isTime(this.world.flaws.disk)) {
      this.world.injected('disk: cannot open');
      throw sqliteError(14, 'unable to open database file');
    }
    const database = new SimDatabase(this, process, path, new DatabaseSync(path, options));
    const others = this.#open.get(path) ?? new Set();
    this.#open.set(path, others.add(database));
    process.databases.add(database);
    return database as unknown as DatabaseSync;
  }

  closed(database: SimDatabase): void {
    this.#open.get(database.path)?.delete(database);
    database.process.databases.delete(database);
  }

  /**
   * Lets go of the files as a process does that is killed: without the checkpoint of an orderly close,
   * and with whatever half of a write had reached the log.
   */
  abandon(database: SimDatabase, close: () => void): void {
    this.closed(database);
    const { path } = database;
    const wal = `${path}-wal`;
    if ((this.#open.get(path)?.size ?? 0) > 0) return close(); // the others keep the log as it is
    const [file, log, index] = [readOr(path), readOr(wal), readOr(`${path}-shm`)];
    close();
    if (file === undefined || log === undefined) return;
    if (this.#mayLosePower) this.#synced.set(path, { salts: salts(log), end: this.#safeEnd(path, log, index), read: ++this.#reads });
    writeFileSync(path, file);
    writeFileSync(wal, this.#torn(log));
    rmSync(`${path}-shm`, { force: true });
  }

  /** @returns what to call once the disk has answered: the log as it is now is safe then */
  beginSync(path: string): () => void {
    const log = this.#mayLosePower ? readOr(`${path}-wal`) : undefined;
    if (log === undefined) return () => {};
    const state = { salts: salts(log), end: lastCommitEnd(log), read: ++this.#reads };
    return () => {
      const known = this.#synced.get(path);
      // An answer that comes after that to a later question says nothing new.
      if (known === undefined || known.read < state.read) this.#synced.set(path, state);
    };
  }

  syncFailure(): Error {
    this.world.injected('disk: a sync fails');
    return Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO', syscall: 'fdatasync' });
  }

  /** @param killAll ends every process; what the disk had not been told to keep may be gone afterwards */
  losePower(killAll: () => void): void {
    const paths = [...this.#open.keys()];
    const before = paths.map((path) => ({ path, file: readOr(path), log: readOr(`${path}-wal`), index: readOr(`${path}-shm`) }));
    killAll();
    for (const { path, file, log, index } of before) {
      if (file === undefined || log === undefined) continue;
      const safe = this.#safeEnd(path, log, index);
      writeFileSync(path, file);
      writeFileSync(`${path}-wal`, log.subarray(0, this.random.between(safe, log.length)));
      rmSync(`${path}-shm`, { force: true });
    }
  }

  /** @returns what happens to this statement, if anything does */
  faultOf(isWrite: boolean): DiskFault | undefined {
    if (this.world.isQuiet) return undefined;
    if (isWrite && this.world.now < this.fullUntil) return 'full';
    if (!this.#isTime(this.world.flaws.disk)) return undefined;
    return this.random.weighted({ full: isWrite ? 1 : 0, failing: 1, busy: 2 });
  }

  /** Does the process die in the middle of this transaction's end? */
  diesInCommit(): boolean {
    return this.#isTime(this.world.flaws.diesInCommit);
  }

  #isTime(probability: number): boolean {
    return !this.world.isQuiet && probability > 0 && this.random.chance(probability);
  }

  /** How much of the log survives a loss of power: what a transaction waited for, and what a checkpoint had copied. */
  #safeEnd(path: string, log: Uint8Array, index: Uint8Array | undefined): number {
    const synced = this.#synced.get(path);
    const told = synced?.salts === salts(log) ? synced.end : Math.min(HEADER_BYTES, log.length);
    return Math.max(told, checkpointedEnd(log, index ?? new Uint8Array()));
  }

  #torn(log: Uint8Array): Uint8Array {
    if (this.world.isQuiet || !this.random.chance(0.5)) return log;
    this.world.injected('disk: torn log');
    const end = lastCommitEnd(log);
    if (log.length > end && this.random.chance(0.5)) return log.subarray(0, this.random.between(end, log.length));
    const garbage = Uint8Array.from({ length: this.random.between(1, 6_000) }, () => this.random.below(256));
    return Buffer.concat([log, garbage]);
  }
}

/** As Node's driver throws them. */
export function sqliteError(errcode: number, errstr: string): Error {
  return Object.assign(new Error(errstr), { code: 'ERR_SQLITE_ERROR', errcode, errstr });
}

function readOr(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    return undefined; // an orderly close has taken the log away, or nothing was written yet
  }
}
