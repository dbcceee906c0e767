/** Bytes named by their SHA-256, one file each. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HudError } from '../protocol/errors.ts';

export class Blobs {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @returns the name; the file is complete and on disk then */
  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const path = this.#path(sha256);
    const present = await stat(path).catch(absent);
    if (present?.size !== bytes.length) await this.#write(path, bytes);
    return sha256;
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

  /** Under another name first, so that no reader and no crash ever meets half a file. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const folder = dirname(path);
    const created = await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = `${path}.${randomBytes(6).toString('hex')}`;
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

function absent(error: { code?: unknown }): undefined {
  if (error.code !== 'ENOENT') throw error;
}
