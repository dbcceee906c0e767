/** File contents by position, in one file that has no name: they cost no memory, and go with the process. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const GATHER_BYTES = 512 * 1024;

export class Spool implements Disposable {
  readonly #fd: number;
  readonly #gathered = Buffer.allocUnsafe(GATHER_BYTES);
  #gatheredBytes = 0;
  /** On disk, before what is gathered. */
  #writtenBytes = 0;
  #isClosed = false;

  /** @param directory a private folder; the file leaves it at once */
  constructor(directory: string) {
    const path = join(directory, `contents-${process.hrtime.bigint()}`);
    this.#fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  get sizeBytes(): number {
    return this.#writtenBytes + this.#gatheredBytes;
  }

  /** @returns where it begins. @throws Error of the system when the disk is full; nothing was added then */
  append(bytes: Buffer): number {
    if (this.#gatheredBytes + bytes.length > GATHER_BYTES) this.#write();
    const at = this.sizeBytes;
    if (bytes.length > GATHER_BYTES) {
      writeAll(this.#fd, bytes, at);
      this.#writtenBytes += bytes.length;
    } else {
      bytes.copy(this.#gathered, this.#gatheredBytes);
      this.#gatheredBytes += bytes.length;
    }
    return at;
  }

  read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    if (at >= this.#writtenBytes) {
      this.#gathered.copy(bytes, 0, at - this.#writtenBytes, at - this.#writtenBytes + length);
      return bytes;
    }
    for (let done = 0; done < length;) {
      const got = readSync(this.#fd, bytes, done, length - done, at + done);
      if (got === 0) throw new Error(`The contents kept by file tracking end at ${at + done}, before ${at + length}.`);
      done += got;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
  }

  #write(): void {
    writeAll(this.#fd, this.#gathered.subarray(0, this.#gatheredBytes), this.#writtenBytes);
    this.#writtenBytes += this.#gatheredBytes;
    this.#gatheredBytes = 0;
  }
}

function writeAll(fd: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}
