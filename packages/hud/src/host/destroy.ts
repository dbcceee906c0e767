/** Ends things that outlive the process that made them: tagged processes, their folders, their cgroup. */
import { readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { endGroup, groupsNamed } from './cgroup.ts';
import { startTime } from './owner.ts';

/** Every process that serves an environment, and whatever it starts, has this variable: the id of its lease. */
export const LEASE_VARIABLE = 'HUD_LEASE';

/** What a lease of a process names; each member that is there is destroyed. */
export interface ProcessTarget {
  /** Value of {@link LEASE_VARIABLE}. Found through the system's list of processes, where there is one. */
  tag?: string;
  /** Leader of a process group, and when it started; for systems that show no environments. */
  pid?: number;
  started?: string;
  /** Its private temporary folder, as {@link leasedFolder} names it. */
  folder?: string;
  /** Its control group, absolute. */
  cgroup?: string;
}

/** The private temporary folder of what `leaseId` stands for. */
export function leasedFolder(leaseId: string): string {
  return join(tmpdir(), `hud-${leaseId}`);
}

/** Settles when nothing of it is left. May be repeated, also by several processes at once. */
export async function destroyTarget(target: ProcessTarget): Promise<void> {
  if (target.cgroup !== undefined) await endCgroup(target.cgroup);
  if (target.tag !== undefined) await endTagged(target.tag);
  if (target.pid !== undefined && startTime(target.pid) === target.started) kill(-target.pid);
  if (target.folder !== undefined) await removeFolder(target.folder);
}

const wanted = new Set<string>();
let sweeping: Promise<void> | undefined;

/** Many ends at the same time share one look at the list of processes. */
async function endTagged(tag: string): Promise<void> {
  if (process.platform !== 'linux') return;
  wanted.add(tag);
  await (sweeping ??= Promise.resolve().then(() => {
    const tags = [...wanted];
    wanted.clear();
    sweeping = undefined;
    return sweep(tags);
  }));
}

const ROUNDS = 50;
const ROUND_MS = 10;

/** Again until none is found: a process may be forking while it is being killed. */
async function sweep(tags: readonly string[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const found = taggedProcesses(tags);
    if (found.length === 0) return await endGroups(tags);
    for (const pid of found) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  }
  throw new Error(`processes ${taggedProcesses(tags).join(', ')} survive SIGKILL`);
}

/** The control groups of sandboxes that tagged processes had; {@link groupPrefix} begins their names. */
async function endGroups(tags: readonly string[]): Promise<void> {
  const prefixes = tags.map(groupPrefix);
  const left = groupsNamed((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  await Promise.all(left.map(endGroup));
}

/** How the names of all control groups begin that limit something on behalf of a lease. */
export function groupPrefix(leaseId: string): string {
  return `hud-${leaseId}-`;
}

/** Pids of the living processes whose environment holds one of the tags; never this process. Linux only. */
export function taggedProcesses(tags: readonly string[]): number[] {
  const marks = tags.map((tag) => `\0${LEASE_VARIABLE}=${tag}\0`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const environment = `\0${readOr(`/proc/${pid}/environ`)}`;
      return marks.some((mark) => environment.includes(mark));
    })
    .map(Number);
}

/**
 * Empty for a process that ended, and for one of another user.
 * @throws where it can't be told, as without descriptors: nobody may conclude then that nothing is left
 */
function readOr(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String((error as { code?: unknown }).code))) return '';
    throw error;
  }
}

/** Only folders that {@link leasedFolder} names: a damaged record must not remove anything else. */
async function removeFolder(path: string): Promise<void> {
  if (!/^hud-[0-9a-f]{8,}$/.test(basename(path)) || dirname(path) === '/') return;
  await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 });
}

async function endCgroup(path: string): Promise<void> {
  if (!/^hud-[0-9a-f]{8,}$/.test(basename(path))) return;
  for (let round = 0; ; round++) {
    try {
      writeFileSync(join(path, 'cgroup.kill'), '1');
      rmdirSync(path);
      return;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ENOENT') return; // removed already
      if (code !== 'EBUSY' || round >= ROUNDS) throw error; // EBUSY: what was killed is still ending
    }
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error; // it ended meanwhile
  }
}
