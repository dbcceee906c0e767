/** Control groups that limit what a sandbox uses, of version 1 or 2, whichever has the controller. */
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Controller, endGroup, groupsNamed, type LimitBase, limitBases } from '../../host/cgroup.ts';
import { groupPrefix, LEASE_VARIABLE } from '../../host/destroy.ts';
import { startTime } from '../../host/owner.ts';
import { messageOf } from '../../protocol/errors.ts';
import type { SandboxLevel } from './sandbox.ts';

export interface GroupLimits {
  memoryBytes: number;
  processes: number;
  cpus: number | undefined;
}

export interface LimitGroups {
  readonly level: Pick<SandboxLevel['limits'], 'memory' | 'processes' | 'cpus'>;
  /** Limits a process, and all that it starts from then on. @throws when it can't be */
  enter(pid: number): void;
  /** How often memory ran out and a process was killed for it. */
  memoryKills(): number;
  /** Kills what is left inside and removes the groups. */
  remove(): Promise<void>;
}

/** What the sandbox's first process may have beyond the limit on processes, so that it can always start the next command. */
const SPARE_PROCESSES = 64;
const PERIOD_US = 100_000;
let made = 0;
let isSwept = false;

/** Makes them. What can't be limited is told in `level`. */
export async function makeLimitGroups(limits: GroupLimits, onWarning: (message: string) => void): Promise<LimitGroups> {
  if (!isSwept) {
    isSwept = true;
    await sweepGroups(onWarning);
  }
  const maker = `${process.pid}.${startTime(process.pid) ?? 0}.${numberSpace()}`;
  const name = `${groupPrefix(process.env[LEASE_VARIABLE] ?? 'own')}${maker}-${++made}`;
  const paths = new Map<Controller, string>();
  const level: LimitGroups['level'] = { memory: 'none', processes: 'none', cpus: 'none' };
  for (const [controller, base] of limitBases()) {
    const member = MEMBERS[controller];
    const settings = settingsOf(controller, base.version, limits);
    if (settings === undefined) continue;
    try {
      const path = join(base.path, name);
      mkdirSync(path, { recursive: true });
      for (const [file, value] of settings) writeFileSync(join(path, file), value);
      paths.set(controller, path);
      level[member] = `cgroup${base.version}`;
    } catch (error) {
      onWarning(`The limit on ${member} is not in force, its control group could not be made: ${messageOf(error)}.`);
    }
  }
  return {
    level,
    enter: (pid) => {
      for (const path of new Set(paths.values())) writeFileSync(join(path, 'cgroup.procs'), String(pid));
    },
    memoryKills: () => memoryKills(paths.get('memory')),
    remove: async () => void (await Promise.all([...new Set(paths.values())].map(endGroup))),
  };
}

const MEMBERS = { memory: 'memory', pids: 'processes', cpu: 'cpus' } as const;

/** Undefined for what is not to be limited. In order: version 1 refuses a limit with swap below the one without. */
function settingsOf(controller: Controller, version: LimitBase['version'], limits: GroupLimits): [string, string][] | undefined {
  const memory = String(limits.memoryBytes);
  if (controller === 'memory') return version === 2 ? [['memory.max', memory]] : [['memory.limit_in_bytes', memory]];
  if (controller === 'pids') return [['pids.max', String(limits.processes + SPARE_PROCESSES)]];
  if (limits.cpus === undefined) return undefined;
  const quota = String(Math.max(1_000, Math.round(limits.cpus * PERIOD_US)));
  if (version === 2) return [['cpu.max', `${quota} ${PERIOD_US}`]];
  return [
    ['cpu.cfs_period_us', String(PERIOD_US)],
    ['cpu.cfs_quota_us', quota],
  ];
}

/** Version 1 counts in `memory.oom_control`, version 2 in `memory.events`. */
function memoryKills(path: string | undefined): number {
  if (path === undefined) return 0;
  for (const file of ['memory.events', 'memory.oom_control']) {
    try {
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(path, file), 'utf8'))?.[1] ?? 0);
    } catch {
      // The other version's file, or the group is gone.
    }
  }
  return 0;
}

/** In which a process number means something: two containers may share control groups and still not see each other's processes. */
function numberSpace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}

/** Ends the groups whose maker has ended without doing so. */
async function sweepGroups(onWarning: (message: string) => void): Promise<void> {
  const own = numberSpace();
  const left = groupsNamed((name) => {
    const [, pid, started, space] = /^hud-\w+-(\d+)\.(\d+)(?:\.(\d+))?-\d+$/.exec(name) ?? [];
    if (pid === undefined || (space !== undefined && space !== own)) return false;
    return startTime(Number(pid)) !== started;
  });
  for (const outcome of await Promise.allSettled(left.map(endGroup))) {
    if (outcome.status === 'rejected') onWarning(`A control group of an ended process could not be removed: ${messageOf(outcome.reason)}.`);
  }
}
