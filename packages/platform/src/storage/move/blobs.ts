/** Copies every blob that the target does not have yet. Both ends check the bytes against their name. */
import { HudError } from 'hud/protocol';
import type { BlobFiles } from '../blobs/blob-files.ts';

const LANES = 8;

export interface BlobMoveOptions {
  onProgress: (done: number, total: number) => void;
  signal: AbortSignal | undefined;
}

/** @returns how many there are. @throws HudError STORE_* */
export async function moveBlobs(from: BlobFiles, to: BlobFiles, { onProgress, signal }: BlobMoveOptions): Promise<number> {
  const names = await Array.fromAsync(from.list());
  if (from.location === to.location) return names.length;
  const present = new Set(await Array.fromAsync(to.list()));
  const missing = names.filter((name) => !present.has(name));
  let done = names.length - missing.length;
  onProgress(done, names.length);
  const left = missing.values();
  const lane = async (): Promise<void> => {
    for (const name of left) {
      signal?.throwIfAborted();
      const bytes = await from.get(name);
      if (bytes === undefined) throw changed(name, from.location);
      await to.write(name, bytes);
      onProgress(++done, names.length);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return names.length;
}

function changed(name: string, location: string): HudError {
  return new HudError('STORE_DAMAGED', `Blob ${name} went from ${location} while it was moved.`, {
    hint: 'Stop whatever uses it, and start the move again; it goes on where it stopped.',
  });
}
