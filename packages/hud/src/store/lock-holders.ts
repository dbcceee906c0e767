/** Who keeps others from writing a database. */
import { readFileSync, statSync } from 'node:fs';

export interface LockHolder {
  pid: number;
  /** Name of its program, `?` when it is gone or hidden. */
  command: string;
}

/** Processes with a write lock on the database or on the index of its log. Linux tells; elsewhere the answer is none. */
export function lockHolders(location: string): LockHolder[] {
  const locks = readOr('/proc/locks', '');
  if (locks === '') return [];
  const inodes = [location, `${location}-shm`].map((path) => String(statSync(path, { throwIfNoEntry: false })?.ino));
  // `1: POSIX  ADVISORY  WRITE 4711 fe:00:10021199 120 120`; one that waits has `->` after the number.
  const pids = [...locks.matchAll(/^\d+: \S+ +\S+ +WRITE (\d+) [^:]+:[^:]+:(\d+) /gm)]
    .filter(([, , inode = '']) => inodes.includes(inode))
    .map(([, pid]) => Number(pid));
  return [...new Set(pids)].filter((pid) => pid > 0).map((pid) => ({ pid, command: readOr(`/proc/${pid}/comm`, '?').trim() }));
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise; // only Linux has it, and the process may have ended
  }
}
