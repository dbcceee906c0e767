/** The page that `faults.c` reads in every process: which of them meet which fault right now. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const HEADER_BYTES = 8;
/** In the header, after the number of entries in use. */
const FULL_AT = 4;
const ENTRY_BYTES = 24;
const ENTRIES = 32;
const KINDS = { 'write-eio': 1, 'write-enospc': 2, 'sync-eio': 3, clock: 4 } as const;
/** Instead of a pid. */
export const EVERYBODY = -1;

export type PagedFault = keyof typeof KINDS;

/** @returns the library, or why it can't be made */
export function compileFaults(folder: string): { library: string } | { problem: string } {
  const library = join(folder, 'faults.so');
  if (process.platform !== 'linux') return { problem: 'a library is preloaded on Linux only' };
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, join(import.meta.dirname, 'faults.c'), '-ldl', '-lpthread'], {
      stdio: 'pipe',
      timeout: 60_000,
    });
    return { library };
  } catch (error) {
    return { problem: `cc: ${(error as Error).message.trim()}` };
  }
}

export interface ArmedFault {
  /** How often it was met so far. */
  hits(): number;
  /** To be called once. @returns how often it was met */
  end(): number;
}

export class FaultPage {
  readonly path: string;
  readonly #fd: number;
  readonly #isUsed = Array.from({ length: ENTRIES }, () => false);

  constructor(folder: string) {
    this.path = join(folder, 'control');
    writeFileSync(this.path, Buffer.alloc(HEADER_BYTES + ENTRIES * ENTRY_BYTES));
    this.#fd = openSync(this.path, 'r+');
  }

  /** @param offsetMs of the wall clock, for `clock` */
  arm(kind: PagedFault, pid: number, offsetMs = 0): ArmedFault {
    const slot = this.#isUsed.indexOf(false);
    if (slot < 0) throw new Error('too many faults at a time');
    this.#isUsed[slot] = true;
    const at = HEADER_BYTES + slot * ENTRY_BYTES;
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.writeInt32LE(pid, 0);
    entry.writeInt32LE(KINDS[kind], 4);
    entry.writeBigInt64LE(BigInt(offsetMs) * 1_000_000n, 8);
    this.#write(entry, at);
    this.#count();
    const hits = (): number => {
      readSync(this.#fd, entry, 0, ENTRY_BYTES, at);
      return Number(entry.readBigUInt64LE(16));
    };
    const end = (): number => {
      const total = hits();
      this.#write(Buffer.alloc(ENTRY_BYTES), at);
      this.#isUsed[slot] = false;
      this.#count();
      return total;
    };
    return { hits, end };
  }

  /** Writes of the record that found no room on the disk itself, in all processes so far. */
  get fullWrites(): number {
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(this.#fd, header, 0, HEADER_BYTES, 0);
    return header.readInt32LE(FULL_AT);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #count(): void {
    const armed = Buffer.alloc(FULL_AT);
    armed.writeInt32LE(this.#isUsed.filter(Boolean).length, 0);
    this.#write(armed, 0);
  }

  #write(bytes: Buffer, at: number): void {
    writeSync(this.#fd, bytes, 0, bytes.length, at);
  }
}
