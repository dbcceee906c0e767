/**
 * What exists on this machine that the drill brought about: looked up in the system's own lists, by tag and path,
 * never in the product's books. Linux only.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** In the environment of every process that the drill starts, and so of what those start. */
export const TAG_VARIABLE = 'DRILL_TAG';

export interface Found {
  pid: number;
  /** Who started it: `driver-3`, `server-1`; also of all its descendants. */
  owner: string;
  /** It serves one environment for a driver, or was started by such a process. */
  isChild: boolean;
}

/** Living processes that carry the tag. */
export function findProcesses(tag: string): Found[] {
  const found: Found[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const variables = environmentOf(pid);
    if (variables.get(TAG_VARIABLE) !== tag || !isAlive(pid)) continue;
    found.push({ pid, owner: variables.get('DRILL_OWNER') ?? '', isChild: variables.has('HUD_LEASE') });
  }
  return found;
}

/** Right before a signal is sent: a pid may be somebody else's by now. */
export function isTagged(pid: number, tag: string): boolean {
  return environmentOf(pid).get(TAG_VARIABLE) === tag && isAlive(pid);
}

/** Inodes of the sockets that the processes listen on. */
export function listeningSockets(pids: readonly number[]): number[] {
  const all = listeningInodes();
  return pids.flatMap((pid) => socketsOf(pid).filter((inode) => all.has(inode)));
}

/** Of all TCP sockets of this machine that listen. */
export function listeningInodes(): Set<number> {
  const inodes = new Set<number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(table).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === '0A') inodes.add(Number(fields[9]));
    }
  }
  return inodes;
}

/** Paths of unix sockets below the folder. */
export function unixSockets(folder: string): string[] {
  return textOf('/proc/net/unix')
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[7] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
}

/** What lies in the temporary folders, by owner. */
export function leftFolders(temporary: string): { owner: string; path: string }[] {
  return readdirSync(temporary).flatMap((owner) =>
    readdirSync(join(temporary, owner)).map((name) => ({ owner, path: join(temporary, owner, name) })),
  );
}

/** Control groups below the drill's own. */
export function leftCgroups(cgroup: string | undefined): string[] {
  if (cgroup === undefined) return [];
  return readdirSync(cgroup, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(cgroup, name));
}

function environmentOf(pid: number): Map<string, string> {
  const pairs = textOf(`/proc/${pid}/environ`).split('\0');
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

function isAlive(pid: number): boolean {
  const stat = textOf(`/proc/${pid}/stat`);
  return !'ZXx'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X');
}

function socketsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => inodeOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it has ended
  }
}

function inodeOf(path: string): number[] {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return inode === undefined ? [] : [Number(inode)];
  } catch {
    return []; // closed meanwhile
  }
}

/** Empty for what is gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
