/** Blobs in a folder, laid out as the SDK's own. */
import { access, constants, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HudError, isHudError, messageOf } from 'hud/protocol';
import { Blobs } from 'hud/store';
import { isBlobName, type BlobFiles } from './blob-files.ts';

/** @param directory of the record; the blobs are below it */
export function openFolder(directory: string): BlobFiles {
  const folder = resolve(directory, 'blobs');
  const blobs = new Blobs(folder);
  return {
    location: folder,
    write: async (sha256, bytes) => {
      try {
        await blobs.write(sha256, bytes);
      } catch (error) {
        throw folderError(error, folder);
      }
    },
    get: async (sha256) => (isBlobName(sha256) ? await blobs.get(sha256) : undefined),
    list: () => listFolder(folder),
    check: async () => {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await access(folder, constants.W_OK);
      } catch (error) {
        throw folderError(error, folder);
      }
    },
  };
}

/** What a crash left half-written has another name, and is passed over. */
async function* listFolder(folder: string): AsyncGenerator<string> {
  for (const group of await readdir(folder).catch(nothingYet)) {
    if (!/^[0-9a-f]{2}$/.test(group)) continue;
    for (const name of await readdir(join(folder, group))) if (isBlobName(name)) yield name;
  }
}

function nothingYet(error: { code?: unknown }): string[] {
  if (error.code !== 'ENOENT') throw error;
  return [];
}

function folderError(error: unknown, folder: string): HudError {
  if (isHudError(error)) return error;
  if (['ENOSPC', 'EDQUOT'].includes(String((error as { code?: unknown } | null)?.code))) {
    return new HudError('STORE_FULL', `There is no space left for ${folder}. What was recorded before is safe.`, {
      cause: error,
      hint: 'Free some space on that disk, or keep blobs in a bucket: HUD_PLATFORM_S3_BUCKET.',
    });
  }
  return new HudError('STORE_UNWRITABLE', `${folder} can't be written: ${messageOf(error)}.`, {
    cause: error,
    hint: 'Check its permissions, or point HUD_PLATFORM_DIR at a folder that can be written.',
  });
}
