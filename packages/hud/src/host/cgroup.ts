/** A control group of its own for each child, where the system lets this process make one. */
import { accessSync, constants, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * An empty group below this process's own, so that one write ends all that is in it.
 * @returns its absolute path; undefined without a writable cgroup version 2, which is the rule outside of root and containers
 */
export function makeCgroup(name: string): string | undefined {
  base ??= { path: findBase() };
  if (base.path === undefined) return undefined;
  const path = join(base.path, name);
  try {
    mkdirSync(path);
    return path;
  } catch {
    return undefined; // full, or withdrawn meanwhile; the process group and the tag are left
  }
}

/** Where {@link makeCgroup} will make the group. */
export function cgroupPath(name: string): string | undefined {
  base ??= { path: findBase() };
  return base.path === undefined ? undefined : join(base.path, name);
}

/** Moves a process in; what it starts from then on is in as well. */
export function joinCgroup(path: string, pid: number): void {
  try {
    writeFileSync(join(path, 'cgroup.procs'), String(pid));
  } catch {
    // It has ended already, or the system refuses: the process group and the tag are left.
  }
}

let base: { path: string | undefined } | undefined;

function findBase(): string | undefined {
  try {
    const mount = / (\/\S+) \S+ .*- cgroup2 /.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
    const own = /^0::(\/\S*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    if (mount === undefined || own === undefined) return undefined;
    const path = join(mount, own);
    accessSync(path, constants.W_OK);
    accessSync(join(path, 'cgroup.procs'), constants.W_OK);
    return path;
  } catch {
    return undefined; // another system, or not ours to divide
  }
}

export const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** Where this process may make groups that limit something. */
export interface LimitBase {
  version: 1 | 2;
  path: string;
}

let bases: ReadonlyMap<Controller, LimitBase> | undefined;

/** By what is limited; empty where nothing may be, which is the rule outside of root. Looked up once. */
export function limitBases(): ReadonlyMap<Controller, LimitBase> {
  bases ??= new Map(
    CONTROLLERS.flatMap((controller) => {
      const base = firstBase(controller) ?? secondBase(controller);
      return base === undefined ? [] : [[controller, base] as const];
    }),
  );
  return bases;
}

/** Version 1 keeps a tree for each controller, and a group may hold both processes and groups. */
function firstBase(controller: Controller): LimitBase | undefined {
  const path = ownGroup(
    new RegExp(`^.* - cgroup .*[ ,]${controller}(?:,|$)`, 'm'),
    new RegExp(`^\\d+:(?:.*,)?${controller}(?:,.*)?:(.*)$`, 'm'),
  );
  return path !== undefined && isWritable(path) ? { version: 1, path } : undefined;
}

/** In version 2 only a group without processes passes controllers on, so it is the parent that may have a child beside this one. */
function secondBase(controller: Controller): LimitBase | undefined {
  const own = ownGroup(/^.* - cgroup2 .*$/m, /^0::(.*)$/m);
  if (own === undefined) return undefined;
  const path = [own, dirname(own)].find((path) => {
    const passedOn = readOrEmpty(join(path, 'cgroup.subtree_control')).trim().split(' ');
    return passedOn.includes(controller) && isWritable(path);
  });
  return path === undefined ? undefined : { version: 2, path };
}

function ownGroup(mountLine: RegExp, groupLine: RegExp): string | undefined {
  const [, root = '/', mount] = / (\/\S*) (\/\S+) /.exec(mountLine.exec(readOrEmpty('/proc/self/mountinfo'))?.[0] ?? '') ?? [];
  const own = groupLine.exec(readOrEmpty('/proc/self/cgroup'))?.[1];
  if (mount === undefined || own === undefined) return undefined;
  return join(mount, root !== '/' && own.startsWith(root) ? own.slice(root.length) : own);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    accessSync(join(path, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false; // not ours to divide
  }
}

/** A group that is gone has nothing to tell. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const MOST_SIBLINGS = 200;

/** Groups below this process's, its parent and its siblings whose name begins so; other processes of ours make theirs there. */
export function groupsNamed(isMeant: (name: string) => boolean): string[] {
  const paths = new Set([...limitBases().values()].map(({ path }) => path));
  const near = new Set([...paths].flatMap((path) => [path, dirname(path), ...childrenOf(dirname(path)).slice(0, MOST_SIBLINGS)]));
  return [...near].flatMap((path) => childrenOf(path).filter((child) => isMeant(child.slice(path.length + 1))));
}

function childrenOf(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(path, entry.name)] : []));
  } catch {
    return []; // gone meanwhile, or not to be seen
  }
}

const END_ROUNDS = 200;
const END_ROUND_MS = 10;

/** Kills what is in a group of either version, and removes it. @throws when something survives */
export async function endGroup(path: string): Promise<void> {
  for (let round = 0; ; round++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ENOENT') return; // somebody else removed it
      if (code !== 'EBUSY' || round >= END_ROUNDS) throw error;
    }
    for (const pid of readOrEmpty(join(path, 'cgroup.procs')).split('\n').map(Number)) if (pid > 0 && pid !== process.pid) killOne(pid);
    await new Promise((resolve) => setTimeout(resolve, END_ROUND_MS));
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error; // it ended meanwhile
  }
}
