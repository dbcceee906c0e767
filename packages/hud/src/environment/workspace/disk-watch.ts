/** Ends a sandbox that writes more than it may: looks at the free space, and at the folder when that fell. */
import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../protocol/errors.ts';
import { unlinkedBytes } from './unlinked-files.ts';

const EVERY_MS = 200;
/** An inode costs about as much, and a disk runs out of them as well. */
const INODE_BYTES = 4_096;
const WALK_MS = 5_000;
/** A file that changed in the same tick of the clock counts. */
const CLOCK_MS = 20;

interface Watched {
  folder: string;
  limitBytes: number;
  /** Of the processes that write, on this machine. */
  uid: number;
  /** Called once, with the reason. */
  over(reason: string): void;
  warn(message: string): void;
}

/** Only what changed since now counts. A limit of Infinity watches nothing. */
export function watchDisk(watched: Watched): Disposable {
  const { folder, limitBytes, uid } = watched;
  const since = Date.now() - CLOCK_MS;
  const most = { bytes: 0, inodes: 0 };
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const { bavail, bsize, ffree } = await statfs(folder);
    const free = { bytes: bavail * bsize, inodes: ffree * INODE_BYTES };
    most.bytes = Math.max(most.bytes, free.bytes);
    most.inodes = Math.max(most.inodes, free.inodes);
    // Less is gone from the whole disk than the sandbox may write: nothing to look at.
    if (most.bytes - free.bytes < limitBytes && most.inodes - free.inodes < limitBytes) return;
    const named = await changedBytes(folder, since, limitBytes);
    const used = named < limitBytes ? named + unlinkedBytes(folder, uid) : named;
    // Others wrote the rest.
    if (used < limitBytes) Object.assign(most, { bytes: free.bytes + used, inodes: free.inodes + used });
    else if (!isOver) watched.over(`it wrote more than ${limitBytes} bytes`);
    isOver ||= used >= limitBytes;
  };
  const next = async (): Promise<void> => {
    await look().catch(report);
    if (!isOver) timer = setTimeout(() => void next(), EVERY_MS).unref();
  };
  const report = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    watched.warn(`The limit on disk space is no longer watched: ${messageOf(error)}.`);
  };
  if (limitBytes !== Infinity) void next();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      clearTimeout(timer);
    },
  };
}

/** Of what changed below a folder; stops when it is enough, or has taken too long. */
async function changedBytes(folder: string, since: number, enough: number): Promise<number> {
  const deadline = Date.now() + WALK_MS;
  const folders = [folder];
  let bytes = 0;
  for (let at = folders.pop(); at !== undefined && bytes < enough && Date.now() < deadline; at = folders.pop()) {
    for await (const entry of await opendir(at).catch(ignoreGone)) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) folders.push(path);
      const stat = await lstat(path).catch(() => undefined); // removed meanwhile
      if (stat !== undefined && stat.ctimeMs >= since) bytes += Math.max(stat.blocks * 512, INODE_BYTES);
      if (bytes >= enough) break;
    }
  }
  return bytes;
}

/** A folder that was removed meanwhile, or that this user may not list, is empty to us. */
function ignoreGone(error: unknown): never[] {
  if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(String((error as { code?: unknown }).code))) return [];
  throw error;
}
