/** What files held: their bytes, kept outside of memory for as long as somebody may want the difference to them. */
import { createHash } from 'node:crypto';
import { Spool } from './spool.ts';
import type { FileEntry } from './tree.ts';

/** This much of what is kept may be wanted by nobody before room is made. */
const MAX_WASTE_BYTES = 128 * 1024 * 1024;

export class Contents implements Disposable {
  readonly #directory: string;
  readonly #onWarning: (message: string) => void;
  #spool: Spool;
  #neededBytes = 0;
  #hasWarned = false;

  /** @param directory private to this process */
  constructor(directory: string, onWarning: (message: string) => void) {
    this.#directory = directory;
    this.#onWarning = onWarning;
    this.#spool = new Spool(directory);
  }

  /** @returns where they are kept; undefined when the disk is full */
  add(bytes: Buffer): number | undefined {
    try {
      return this.#spool.append(bytes);
    } catch (error) {
      if (!this.#hasWarned) this.#onWarning(`File tracking can't keep contents in ${this.#directory}: ${(error as Error).message}.`);
      this.#hasWarned = true;
      return undefined;
    }
  }

  /** @returns undefined for a file whose content is not kept */
  read(entry: FileEntry): Buffer | undefined {
    return entry.at < 0 ? undefined : this.#spool.read(entry.at, entry.size);
  }

  holds(entry: FileEntry, bytes: Uint8Array): boolean {
    return entry.size === bytes.length && this.read(entry)?.equals(bytes) === true;
  }

  /** SHA-256 as hex, or the mark that stands for it. */
  hash(entry: FileEntry): string {
    return entry.mark ?? createHash('sha256').update(this.#spool.read(entry.at, entry.size)).digest('hex');
  }

  isSame(a: FileEntry, b: FileEntry): boolean {
    if (a === b || a.mark !== undefined || b.mark !== undefined) return a === b || a.mark === b.mark;
    return a.size === b.size && this.#spool.read(a.at, a.size).equals(this.#spool.read(b.at, b.size));
  }

  /** Lets go of all contents but those of these entries, when it is worth it. */
  tidy(needed: () => Iterable<FileEntry>): void {
    if (this.#spool.sizeBytes <= this.#neededBytes + MAX_WASTE_BYTES) return;
    const next = new Spool(this.#directory);
    const moved = new Map<FileEntry, number>();
    try {
      for (const entry of needed())
        if (entry.at >= 0 && !moved.has(entry)) moved.set(entry, next.append(this.#spool.read(entry.at, entry.size)));
    } catch {
      next[Symbol.dispose](); // no room to make room: then it stays as it is
      this.#neededBytes = this.#spool.sizeBytes;
      return;
    }
    for (const [entry, at] of moved) entry.at = at;
    this.#spool[Symbol.dispose]();
    this.#spool = next;
    this.#neededBytes = next.sizeBytes;
  }

  [Symbol.dispose](): void {
    this.#spool[Symbol.dispose]();
  }
}
