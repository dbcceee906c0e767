/** Copies saved weights of trained models, which are files whatever the blobs are in. */
import { createHash, randomUUID, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HudError, messageOf } from 'hud/protocol';

export interface WeightsMoveOptions {
  onProgress: (done: number, total: number) => void;
  signal: AbortSignal | undefined;
}

/** Below the folder of the platform. */
const FOLDER = 'weights';

/**
 * Whole files alone, each with the hash that it had; those that are there already stay.
 * @param from folder of the platform. @returns how many there are. @throws HudError STORE_*
 */
export async function moveWeights(from: string, to: string, { onProgress, signal }: WeightsMoveOptions): Promise<number> {
  const [source, target] = [resolve(from, FOLDER), resolve(to, FOLDER)];
  const files = await weightsIn(source);
  if (source === target) return files.length;
  for (const [done, file] of files.entries()) {
    signal?.throwIfAborted();
    onProgress(done, files.length);
    await moveFile(join(source, file), join(target, file), signal);
  }
  if (files.length > 0) onProgress(files.length, files.length);
  return files.length;
}

async function moveFile(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const hash = await hashOf(from, signal);
  if (hash === undefined) throw damaged(from, 'went while it was moved');
  if ((await hashOf(to, signal)) === hash) return;
  const temporary = `${to}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, temporary);
    await using file = await open(temporary, 'r+');
    await file.sync();
    if ((await hashOf(temporary, signal)) !== hash) throw damaged(from, 'is not the same after it was copied');
    await rename(temporary, to);
    await using folder = await open(dirname(to), 'r');
    await folder.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof HudError || signal?.aborted === true) throw error;
    throw new HudError('STORE_UNWRITABLE', `Weights could not be written to ${to}: ${messageOf(error)}.`, {
      hint: 'Is the disk full? Start the move again when there is room; it goes on where it stopped.',
      cause: error,
    });
  }
}

/** SHA-256; undefined when there is no such file. */
async function hashOf(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const hash: Hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash, signal === undefined ? {} : { signal });
    return hash.digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function weightsIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.weights')).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function damaged(path: string, what: string): HudError {
  return new HudError('STORE_DAMAGED', `${path} ${what}.`, {
    hint: 'Stop whatever uses it, and start the move again; it goes on where it stopped.',
  });
}
