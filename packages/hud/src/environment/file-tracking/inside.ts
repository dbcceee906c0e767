/**
 * Opening what is below a root that others write to at the same time. Nothing outside is ever opened for reading,
 * whatever link is put where a moment ago a folder was, and nothing that could block is waited for.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, realpathSync, type Stats } from 'node:fs';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY, O_NOCTTY } = constants;
const LINUX = process.platform === 'linux';

/** A folder that is open: its entries are reached through it, so that moving it away changes nothing. */
export interface Folder extends Disposable {
  stats: Stats;
  /** Address of an entry, for calls that take paths; of the folder itself without a name. */
  at(name?: string): string;
}

/** Where a root is when links are resolved, as {@link openFolder} wants it; undefined when it is not there. */
export function placeOf(root: string): string | undefined {
  if (!LINUX) return attempt(() => realpathSync(root));
  const fd = attempt(() => openSync(root, O_RDONLY | O_DIRECTORY | O_NONBLOCK));
  if (fd === undefined) return undefined;
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/**
 * @param root how to reach the root, `place` where it really is; `path` relative to it, '' for itself
 * @returns undefined when there is no such folder, or one that may not be read
 */
export function openFolder(root: string, place: string, path: string): Folder | undefined {
  const expected = path === '' ? place : `${place === '/' ? '' : place}/${path}`;
  const address = path === '' ? root : `${root}/${path}`;
  const fd = attempt(() => openSync(address, O_RDONLY | O_DIRECTORY | O_NONBLOCK | (path === '' ? 0 : O_NOFOLLOW)));
  if (fd === undefined) return undefined;
  const found = attempt(() => (LINUX ? readlinkSync(`/proc/self/fd/${fd}`) : realpathSync(address)));
  const stats = attempt(() => fstatSync(fd));
  if (found !== expected || stats === undefined) {
    closeSync(fd);
    return undefined;
  }
  const base = LINUX ? `/proc/self/fd/${fd}` : address;
  return { stats, at: (name) => (name === undefined ? base : `${base}/${name}`), [Symbol.dispose]: () => closeSync(fd) };
}

/** What stands at an address itself; undefined when nothing does, or it may not be known. */
export function look(address: string): Stats | undefined {
  return attempt(() => lstatSync(address));
}

export interface Content {
  /** As they were before the bytes were read. */
  stats: Stats;
  bytes: Buffer;
}

/** Why a file was not read: `gone` is anything but a regular file, `large` more bytes than asked for. */
export type Unread = { why: 'gone' | 'refused' | 'large'; stats?: Stats };

const ATTEMPTS = 3;

/**
 * A regular file's bytes, all from one moment where its owner lets them rest that long.
 * @param room where the bytes may be put, at least `maxBytes` large; used again by the next call
 */
export function readRegular(address: string, maxBytes: number, room: Buffer): Content | Unread {
  let fd: number;
  try {
    fd = openSync(address, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    const { code } = error as { code?: unknown };
    return { why: code === 'EACCES' || code === 'EPERM' || code === 'EIO' || code === 'EMFILE' || code === 'ENFILE' ? 'refused' : 'gone' };
  }
  try {
    return readOpen(fd, maxBytes, room);
  } catch {
    return { why: 'refused' }; // a disk that fails, a server that is away: the entry tells that it could not be read
  } finally {
    closeSync(fd);
  }
}

function readOpen(fd: number, maxBytes: number, room: Buffer): Content | Unread {
  for (let tries = 1; ; tries += 1) {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return { why: 'gone' };
    if (stats.size > maxBytes) return { why: 'large', stats };
    // What is added from now on is another change, of which an event will tell.
    const length = readAll(fd, room, stats.size);
    if (length === stats.size || tries === ATTEMPTS) return { stats, bytes: room.subarray(0, length) };
  }
}

function readAll(fd: number, room: Buffer, most: number): number {
  let length = 0;
  while (length < most) {
    const got = readSync(fd, room, length, most - length, length);
    if (got === 0) break;
    length += got;
  }
  return length;
}

/** Nobody can tell beforehand whether a path that others change can be opened: what can't is not there. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
