/** Bytes named by their SHA-256, one file each. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HudError } from '../protocol/errors.ts';

export class Blobs {
  readonly #directory: string;
  readonly #writing = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @returns the name; the file is complete and on disk then */
  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await this.write(sha256, bytes);
    return sha256;
  }

  /**
   * {@link put} under a name that is known. Whoever writes the same meanwhile waits for the same file.
   * @param sha256 of these bytes
   */
  async write(sha256: string, bytes: Uint8Array): Promise<void> {
    let writing = this.#writing.get(sha256);
    if (writing === undefined) {
      writing = this.#writeOnce(sha256, bytes).finally(() => this.#writing.delete(sha256));
      this.#writing.set(sha256, writing);
    }
    await writing;
  }

  /** {@link write}, with the event loop stopped for as long as that takes. */
  writeNow(sha256: string, bytes: Uint8Array): void {
    const path = this.#path(sha256);
    if (statSync(path, { throwIfNoEntry: false })?.size === bytes.length && !this.#writing.has(sha256)) return;
    const folder = dirname(path);
    const created = mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = temporaryOf(path);
    try {
      writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600, flush: true });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolderNow(folder);
    if (created !== undefined) syncFolderNow(dirname(created));
  }

  /**
   * @returns undefined when there is no such file
   * @throws HudError STORE_DAMAGED when its bytes are not those that were put
   */
  async get(sha256: string): Promise<Uint8Array | undefined> {
    const path = this.#path(sha256);
    const bytes = await readFile(path).catch(absent);
    if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
    throw new HudError('STORE_DAMAGED', `${path} holds other bytes than those that were stored.`, {
      hint: 'The disk or another program changed it. Move it aside; what refers to it stays readable without it.',
    });
  }

  async #writeOnce(sha256: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(sha256);
    const present = await stat(path).catch(absent);
    if (present?.size !== bytes.length) await this.#write(path, bytes);
  }

  /** Under another name first, so that no reader and no crash ever meets half a file. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const folder = dirname(path);
    const created = await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = temporaryOf(path);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(folder);
    if (created !== undefined) await syncFolder(dirname(created));
  }

  #path(sha256: string): string {
    return join(this.#directory, sha256.slice(0, 2), sha256);
  }
}

function temporaryOf(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}`;
}

/** A new name outlives a power cut only once its folder is on disk too. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // has no way to ask for it
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function syncFolderNow(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function absent(error: { code?: unknown }): undefined {
  if (error.code !== 'ENOENT') throw error;
}
