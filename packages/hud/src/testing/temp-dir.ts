/** A folder that lives as long as a test. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir extends AsyncDisposable {
  /** Absolute, with symbolic links resolved. */
  readonly path: string;
}

/**
 * Makes an empty folder under the system's place for such; disposing removes it with everything in it, twice is fine.
 * @param prefix start of the folder's name @default 'hud-'
 */
export async function tempDir(prefix = 'hud-'): Promise<TempDir> {
  // On macOS the system's folder is a link, and a process started inside reports the other name.
  const path = await realpath(await mkdtemp(join(tmpdir(), prefix)));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
