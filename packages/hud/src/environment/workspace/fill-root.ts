/** Puts a fresh copy of a folder in place of what a workspace holds. Nobody may be inside meanwhile. */
import { cp, lchown, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HudError, messageOf } from '../../protocol/errors.ts';
import type { Identity } from './identity.ts';

/**
 * Links are copied as links. The copy belongs to the identity, if there is one.
 * @throws HudError BAD_ARGUMENT when the folder can't be read
 */
export async function fillRoot(root: string, source: string, identity: Identity | undefined): Promise<void> {
  for (const name of await readdir(root)) await rm(join(root, name), { recursive: true, force: true });
  try {
    for (const name of await readdir(source)) {
      await cp(join(source, name), join(root, name), { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    }
  } catch (cause) {
    throw new HudError('BAD_ARGUMENT', `${source} can't be copied into the workspace: ${messageOf(cause)}`, { cause });
  }
  if (identity !== undefined) await handOver(root, identity);
}

async function handOver(folder: string, { uid, gid }: Identity): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await lchown(path, uid, gid);
    if (entry.isDirectory()) await handOver(path, { uid, gid });
  }
}
