/**
 * Whether somebody else had the machine during a block: processor time of the whole machine less that
 * of this bench and everything it started, waited for or still running.
 */
import { readFileSync, readdirSync } from 'node:fs';

/** Processor time in ticks since boot, and what the kernel says about waiting. */
export interface Reading {
  /** Of all processors, idle time too. */
  totalTicks: number;
  /** Idle, and waiting for a disk. */
  idleTicks: number;
  /** Taken by the host of this virtual machine. */
  stealTicks: number;
  /** Of this process and its descendants, those that ended included. */
  ownTicks: number;
  /** Of one minute. */
  load: number;
  /** Time during which some process waited for a processor, in microseconds; undefined where the kernel does not tell. */
  pressureUs: number | undefined;
  atMs: number;
}

/** What a block had beside it, as shares from 0 to 1. */
export interface Fence {
  /** Of the machine's processor time, steal included. */
  foreign: number;
  steal: number;
  /** Of the block's duration: our own processes waiting for each other count too, so it is told, not judged. */
  pressure: number | undefined;
  load: number;
  isClean: boolean;
}

/** More foreign processor time than this spoils a block. */
export const FOREIGN_LIMIT = 0.15;
/** More discarded blocks than this, of all taken, void a result. */
export const DISCARD_LIMIT = 0.4;

/** @throws Error where there is no /proc */
export function readFence(): Reading {
  const cpu = (/^cpu +(.+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number);
  const [, , , idle = 0, ioWait = 0, , , steal = 0] = cpu;
  return {
    totalTicks: cpu.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0),
    idleTicks: idle + ioWait,
    stealTicks: steal,
    ownTicks: treeTicks(process.pid),
    load: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
    pressureUs: readPressure(),
    atMs: performance.now(),
  };
}

export function judge(before: Reading, after: Reading): Fence {
  const total = Math.max(1, after.totalTicks - before.totalTicks);
  const busy = total - (after.idleTicks - before.idleTicks);
  const own = after.ownTicks - before.ownTicks;
  const foreign = Math.max(0, busy - own) / total;
  const waitedUs = after.pressureUs === undefined || before.pressureUs === undefined ? undefined : after.pressureUs - before.pressureUs;
  return {
    foreign,
    steal: (after.stealTicks - before.stealTicks) / total,
    pressure: waitedUs === undefined ? undefined : waitedUs / 1000 / Math.max(1, after.atMs - before.atMs),
    load: after.load,
    isClean: foreign <= FOREIGN_LIMIT,
  };
}

/** @param attempts all blocks taken, the discarded ones among them */
export function isVoid(discarded: number, attempts: number): boolean {
  return attempts === 0 || discarded / attempts > DISCARD_LIMIT;
}

/** User and system time of a process, without its children, in ticks of 10 ms; 0 when it is gone. */
export function processTicks(pid: number): number {
  return statOf(String(pid))?.ticks ?? 0;
}

interface Stat {
  parent: number;
  ticks: number;
  /** Of children that ended and were waited for. */
  endedTicks: number;
}

function treeTicks(root: number): number {
  const stats = new Map<number, Stat>();
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    if (stat === undefined) continue;
    stats.set(Number(name), stat);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  let sum = 0;
  const toVisit = [root];
  for (let pid = toVisit.pop(); pid !== undefined; pid = toVisit.pop()) {
    const stat = stats.get(pid);
    if (stat !== undefined) sum += stat.ticks + stat.endedTicks;
    toVisit.push(...(children.get(pid) ?? []));
  }
  return sum;
}

/** A process may end between being listed and being read. */
function statOf(pid: string): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (index: number): number => Number(fields[index]);
  return { parent: at(1), ticks: at(11) + at(12), endedTicks: at(13) + at(14) };
}

function readPressure(): number | undefined {
  try {
    const total = /^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1];
    return total === undefined ? undefined : Number(total);
  } catch {
    return undefined; // a kernel without pressure accounting
  }
}
