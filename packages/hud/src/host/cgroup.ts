/** A control group of its own for each child, where the system lets this process make one. */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
