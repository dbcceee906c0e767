/** One fault, from when it strikes until it is over. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DriverSeat, Proxy, ServerSeat } from './actors.ts';
import { findProcesses, isTagged } from './census.ts';
import { EVERYBODY, type FaultPage, type PagedFault } from './fault-page.ts';
import type { Ground } from './ground.ts';
import type { FaultKind, PlannedFault } from './plan.ts';

export interface Scene {
  tag: string;
  ground: Ground;
  drivers: readonly DriverSeat[];
  servers: readonly ServerSeat[];
  proxy: Proxy;
  page: FaultPage;
}

/** What was hit. */
export interface Hit {
  /** The load whose rollouts suffer; undefined: all. */
  load?: string;
  what: string;
}

/** `hit` is known at once, `over` settles when the fault is over, with more about it if there is more to tell. */
export type Struck = { hit: Hit; over: Promise<string | undefined> } | undefined;

/** Files that a process may open beyond those it has open, while descriptors are short. */
const SPARE_DESCRIPTORS = 1;
/** Of the faults of the record and the clock: those that all processes meet, not one driver. */
const ALL_SHARE = 0.6;
/** What a full disk may still have room for. */
const SPARE_PAGES = 20;
const PAGE_BYTES = 4096;
const MEET_MS = 3_000;
const POLL_MS = 50;
const HOUR_MS = 3_600_000;
const TOOL_MS = 5_000;

/** @returns undefined when there was nothing to hit */
export async function strike(fault: PlannedFault, scene: Scene): Promise<Struck> {
  return await STRIKES[fault.kind](fault, scene);
}

/** @returns undefined when the process is gone */
type Act = (pid: number) => Promise<string | undefined> | undefined;

const NOTHING_MORE = Promise.resolve(undefined);

const STRIKES: Record<FaultKind, (fault: PlannedFault, scene: Scene) => Struck | Promise<Struck>> = {
  'kill driver': (fault, scene) => onDriver(fault, scene, (pid) => kill(pid, 'SIGKILL', scene.tag)),
  'stop driver': (fault, scene) => onDriver(fault, scene, (pid) => stopFor(pid, fault.ms, scene.tag)),
  'EMFILE driver': (fault, scene) => onDriver(fault, scene, (pid) => starve(pid, fault.ms, scene.tag)),
  'kill server': (fault, scene) => onServer(fault, scene, (pid) => kill(pid, 'SIGKILL', scene.tag)),
  'stop server': (fault, scene) => onServer(fault, scene, (pid) => stopFor(pid, fault.ms, scene.tag)),
  'EMFILE server': (fault, scene) => onServer(fault, scene, (pid) => starve(pid, fault.ms, scene.tag)),
  'kill child': (fault, scene) => onChild(fault, scene, (pid) => kill(pid, 'SIGKILL', scene.tag)),
  'stop child': (fault, scene) => onChild(fault, scene, (pid) => stopFor(pid, fault.ms, scene.tag)),
  'connection reset': onConnections,
  blackhole: onConnections,
  delay: onConnections,
  'disk full': fullDisk,
  'torn write': (fault, scene) => paged('write-enospc', fault, scene),
  'EIO write': (fault, scene) => paged('write-eio', fault, scene),
  'EIO sync': (fault, scene) => paged('sync-eio', fault, scene),
  'clock jump': (fault, scene) => paged('clock', fault, scene),
};

function onDriver({ aim }: PlannedFault, { drivers }: Scene, act: Act): Struck {
  const seat = pick(
    drivers.filter((driver) => driver.process?.pid !== undefined),
    aim,
  );
  const pid = seat?.process?.pid;
  const over = pid === undefined ? undefined : act(pid);
  return seat === undefined || over === undefined
    ? undefined
    : { hit: { load: seat.load.name, what: `${seat.owner}, process ${pid}` }, over };
}

function onServer({ aim }: PlannedFault, { servers }: Scene, act: Act): Struck {
  const pid = pick(servers, aim)?.process?.pid;
  const over = pid === undefined ? undefined : act(pid);
  return over === undefined ? undefined : { hit: { what: `server, process ${pid}` }, over };
}

function onChild({ aim }: PlannedFault, { tag, drivers }: Scene, act: Act): Struck {
  const child = pick(
    findProcesses(tag).filter((found) => found.isChild),
    aim,
  );
  const over = child === undefined ? undefined : act(child.pid);
  if (child === undefined || over === undefined) return undefined;
  const load = drivers.find(({ owner }) => owner === child.owner)?.load.name;
  return { hit: { ...(load === undefined ? {} : { load }), what: `child of ${child.owner}, process ${child.pid}` }, over };
}

async function onConnections({ kind, ms, aim }: PlannedFault, { proxy }: Scene): Promise<Struck> {
  const count = 1 + Math.floor(aim * 8);
  const order =
    kind === 'delay'
      ? ({ type: 'delay', delayMs: Math.round(20 + 400 * aim), ms } as const)
      : kind === 'blackhole'
        ? ({ type: 'blackhole', count, ...(aim > 0.8 ? { ms } : {}) } as const)
        : ({ type: 'reset', count: aim > 0.9 ? Infinity : count } as const);
  const touched = await proxy.send(order);
  if (touched === 0) return undefined;
  return { hit: { what: `${touched} connections` }, over: kind === 'delay' ? sleep(ms).then(() => undefined) : NOTHING_MORE };
}

/** Of the whole disk where the record has one of its own; otherwise every write of every process fails. */
function fullDisk(fault: PlannedFault, scene: Scene): Struck {
  const { ground, page } = scene;
  if (!ground.hasDisk) return paged('write-enospc', { ...fault, aim: 0 }, scene);
  const before = page.fullWrites;
  const giveBack = ground.fill(Math.floor(fault.aim * SPARE_PAGES) * PAGE_BYTES);
  const over = untilMet(fault.ms, () => page.fullWrites - before).then((hits) => {
    giveBack();
    return `${hits} calls`;
  });
  return { hit: { what: 'the disk of the record' }, over };
}

/** A fault that nobody has met yet waits for somebody. @returns how often it was met */
async function untilMet(ms: number, hits: () => number): Promise<number> {
  await sleep(ms);
  for (let waited = 0; hits() === 0 && waited < MEET_MS; waited += POLL_MS) await sleep(POLL_MS);
  return hits();
}

function paged(kind: PagedFault, { ms, aim }: PlannedFault, { page, drivers }: Scene): Struck {
  const running = drivers.filter((driver) => driver.process?.pid !== undefined);
  const seat = aim < ALL_SHARE ? undefined : pick(running, (aim - ALL_SHARE) / (1 - ALL_SHARE));
  const pid = seat?.process?.pid ?? EVERYBODY;
  const { hits, end } = page.arm(kind, pid, aim * 10 - Math.floor(aim * 10) < 0.5 ? HOUR_MS : -HOUR_MS);
  const who = seat === undefined ? 'all processes' : `${seat.owner}, process ${pid}`;
  const over = untilMet(ms, hits).then(() => `${end()} calls`);
  return { hit: { ...(seat === undefined ? {} : { load: seat.load.name }), what: who }, over };
}

function kill(pid: number, signal: NodeJS.Signals, tag: string): Promise<undefined> | undefined {
  if (!isTagged(pid, tag)) return undefined;
  try {
    process.kill(pid, signal);
    return NOTHING_MORE;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return undefined; // it has ended just now
    throw error;
  }
}

function stopFor(pid: number, ms: number, tag: string): Promise<string | undefined> | undefined {
  if (kill(pid, 'SIGSTOP', tag) === undefined) return undefined;
  return sleep(ms).then(() => (kill(pid, 'SIGCONT', tag) === undefined ? 'gone before it went on' : `${ms} ms`));
}

/** Lowers the limit of open files to what is open, and raises it again. */
function starve(pid: number, ms: number, tag: string): Promise<string | undefined> | undefined {
  if (!isTagged(pid, tag)) return undefined;
  try {
    const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
    const highest = Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number));
    const used = highest + SPARE_DESCRIPTORS + 1;
    if (soft === undefined || hard === undefined) return undefined;
    setLimit(pid, `${used}:${hard}`);
    return sleep(ms).then(() => {
      if (!isTagged(pid, tag)) return 'gone before it had room again';
      setLimit(pid, `${soft}:${hard}`);
      return `limit ${used}`;
    });
  } catch (error) {
    if (!isTagged(pid, tag)) return undefined; // it has ended just now
    throw error;
  }
}

function setLimit(pid: number, limit: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}`], { stdio: 'pipe', timeout: TOOL_MS });
}

function pick<T>(items: readonly T[], aim: number): T | undefined {
  return items[Math.floor(aim * items.length)];
}
