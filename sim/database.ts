/** A real database whose statements fail when the seed says so, and which dies with its process. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { sqliteError, type Disk, type DiskFault } from './disk.ts';
import type { SimProcess } from './process.ts';

/** What a dead process's program still meets while it runs to its next wait. Nobody alive ever sees it. */
export class ProcessGone extends Error {
  constructor() {
    super('this process has died');
  }
}

const CODES: Record<DiskFault, [code: number, text: string]> = {
  busy: [5, 'database is locked'],
  failing: [10, 'disk I/O error'],
  full: [13, 'database or disk is full'],
};

export class SimDatabase {
  readonly path: string;
  readonly process: SimProcess;
  readonly #disk: Disk;
  readonly #real: DatabaseSync;
  #isDead = false;

  constructor(disk: Disk, process: SimProcess, path: string, real: DatabaseSync) {
    this.#disk = disk;
    this.process = process;
    this.path = path;
    this.#real = real;
  }

  get isOpen(): boolean {
    return !this.#isDead && this.#real.isOpen;
  }

  get isTransaction(): boolean {
    return this.isOpen && this.#real.isTransaction;
  }

  exec(sql: string): void {
    if (this.#isDead) return;
    this.#run(sql, () => this.#real.exec(sql));
    // The log is folded back at other moments in every world.
    if (sql.includes('wal_autocheckpoint')) this.#real.exec(`PRAGMA wal_autocheckpoint = ${this.#disk.random.pick([1, 8, 64, 2000])}`);
  }

  prepare(sql: string): StatementSync {
    if (this.#isDead) throw new ProcessGone();
    const real = this.#real.prepare(sql);
    const run = <T>(work: () => T): T => this.#run(sql, work);
    return {
      run: (...values: SQLInputValue[]) => run(() => real.run(...values)),
      all: (...values: SQLInputValue[]) => run(() => real.all(...values)),
      get: (...values: SQLInputValue[]) => run(() => real.get(...values)),
    } as unknown as StatementSync;
  }

  close(): void {
    if (this.#isDead) return;
    this.#disk.closed(this);
    this.#real.close();
  }

  tearOff(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#disk.abandon(this, () => this.#real.close());
  }

  #run<T>(sql: string, work: () => T): T {
    if (this.#isDead) throw new ProcessGone();
    const verb = /^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? '';
    if (verb === 'ROLLBACK' || verb === 'SAVEPOINT' || verb === 'RELEASE') return work();
    if (verb === 'COMMIT') return this.#commit(work);
    const fault = this.#disk.faultOf(verb !== 'SELECT' && verb !== 'PRAGMA');
    if (fault === undefined) return work();
    this.#disk.world.injected(`disk: ${fault} at ${verb}`);
    if (fault !== 'busy') this.#mayRollBack();
    throw sqliteError(...CODES[fault]);
  }

  /** May fail before it happens, and after it has happened: a sync that fails leaves nobody the wiser. */
  #commit<T>(work: () => T): T {
    const { world, random } = this.#disk;
    if (this.#disk.diesInCommit()) {
      world.injected('killed in COMMIT');
      if (random.chance(0.5)) work();
      this.process.kill('is killed in a COMMIT');
      throw new ProcessGone();
    }
    const fault = this.#disk.faultOf(true);
    if (fault === undefined) return work();
    if (fault === 'failing' && random.chance(0.4)) {
      work();
      world.injected(`disk: ${fault} after COMMIT`);
    } else {
      world.injected(`disk: ${fault} at COMMIT`);
      if (fault !== 'busy') this.#mayRollBack();
    }
    throw sqliteError(...CODES[fault]);
  }

  /** SQLite undoes a whole transaction by itself after some failures. */
  #mayRollBack(): void {
    if (this.#real.isTransaction && this.#disk.random.chance(0.5)) this.#real.exec('ROLLBACK');
  }
}
