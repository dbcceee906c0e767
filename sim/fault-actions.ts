/** What each fault does to the world at its moment. */
import { HudError } from '../packages/hud/src/protocol/errors.ts';
import { openStore, reap } from '../packages/hud/src/store/index.ts';
import { actor } from './actor.ts';
import type { Driver } from './driver.ts';
import { intrude } from './intruder.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { Fault } from './scenario.ts';
import type { SimSocket } from './socket.ts';
import type { Stage } from './stage.ts';
import type { Cast } from './story.ts';
import { wander } from './wanderer.ts';

const LONGEST_PAUSE_MS = 25_000;
/** How long `hello` may take, when patience has not begun yet. */
const HELLO_SECONDS = 10;
const DAY_MS = 86_400_000;

/** Whom it may happen to: one of each kind, where there is any. */
interface Scene {
  stage: Stage;
  cast: Cast;
  random: Random;
  driver: Driver | undefined;
  child: SimProcess | undefined;
  /** A child, or whatever else serves an environment. */
  server: SimProcess | undefined;
  bystander: SimProcess | undefined;
  link: SimSocket | undefined;
}

/** @returns false when there is nobody that it could happen to */
type Action = (scene: Scene) => boolean;

const ACTIONS: Record<Fault, Action> = {
  'kill driver': ({ driver }) => on(driver, ({ process }) => process.kill('is killed')),
  'kill child': ({ child }) => on(child, (process) => process.kill('is killed')),
  'kill bystander': ({ bystander }) => on(bystander, (process) => process.kill('is killed')),
  'pause driver': ({ driver, random }) => on(driver, ({ process }) => pause(process, random)),
  'pause child': ({ server, random }) => on(server, (process) => pause(process, random)),
  'pause bystander': ({ bystander, random }) => on(bystander, (process) => pause(process, random)),
  reset: ({ link, server, random, stage }) =>
    on(link, (socket) => {
      socket.break();
      if (server !== undefined && random.chance(0.5)) intrude(stage, server, random);
    }),
  blackhole: ({ link, stage }) => on(link, (socket) => blackhole(stage, socket)),
  'disk full': ({ stage, random }) =>
    on(stage, ({ disk, world }) => void (disk.fullUntil = world.now + random.unit() * random.pick([500, 5_000, 30_000]))),
  'clock jump': ({ driver, random }) =>
    on(driver, ({ process }) => void (process.clockOffset += (random.unit() - 0.5) * random.pick([2_000, 7_200_000, 4 * DAY_MS]))),
  'power cut': ({ stage }) => on(stage.served === undefined ? stage : undefined, powerCut),
  interrupt: ({ driver, stage }) =>
    on(driver, ({ process, interrupt }) =>
      stage.world.schedule(0, process, 'gets INT', () => interrupt.abort(new HudError('CANCELLED', 'Interrupted.'))),
    ),
  'second driver': ({ cast }) => on(cast, () => cast.resume()),
  'foreign reaper': ({ stage, cast }) => on(stage, () => cast.bystanders.push(reapOnce(stage))),
  intruder: ({ server, stage, random }) => on(server, (process) => intrude(stage, process, random)),
  wanderer: ({ server, stage, random }) => on(server, (process) => wander(stage, process, random)),
};

/** @returns false when there is nobody that it could happen to */
export function inflict(stage: Stage, cast: Cast, fault: Fault, random: Random): boolean {
  const some = <T>(list: readonly T[]): T | undefined => (list.length === 0 ? undefined : random.pick(list));
  const alive = stage.world.processes.filter((process) => process.isAlive);
  return ACTIONS[fault]({
    stage,
    cast,
    random,
    driver: some(cast.drivers.filter(({ process }) => process.isAlive)),
    child: some(alive.filter((process) => process.tag !== undefined)),
    server: some(alive.filter((process) => process.ports.size > 0)),
    bystander: some(cast.bystanders.filter((process) => process.isAlive)),
    link: stage.network.someLink(random),
  });
}

function on<T>(target: T | undefined, act: (target: T) => unknown): boolean {
  if (target === undefined) return false;
  act(target);
  return true;
}

function pause(process: SimProcess, random: Random): void {
  process.pause();
  process.world.schedule(random.unit() * LONGEST_PAUSE_MS, undefined, 'CONT', () => process.resume());
}

/** Silence for ever. The end that runs rollouts must notice in time, unless it sees that the other's process runs. */
function blackhole({ world, scenario }: Stage, socket: SimSocket): void {
  socket.link.isBlackhole = true;
  const end = [socket, socket.other].find((each) => each?.process.name.startsWith('driver'));
  if (end === undefined || scenario.hasProbe || end.process.isPaused) return;
  const { process } = end;
  const { pauses } = process;
  const dueMs = 1000 * Math.max(scenario.patience, HELLO_SECONDS) + 1_000;
  world.schedule(dueMs, undefined, 'a silence must have been noticed', () => {
    if (process.isAlive && process.pauses === pauses && !end.destroyed)
      world.fail('hang', `driver ${process.pid} has not noticed a dead connection within ${dueMs} ms`);
  });
}

/** Every process ends at once, and temporary folders are gone with it. */
function powerCut({ world, disk }: Stage): void {
  disk.losePower(() => {
    for (const process of world.processes) process.kill('loses power');
  });
  world.folders.clear();
}

/** `hud reap`, at the same time as whatever else runs. */
function reapOnce(stage: Stage): SimProcess {
  return actor(stage, 'reaper', async (process) => {
    const host = stage.hostOf(process);
    await using store = await openStore({ directory: stage.world.directory, host });
    await reap(store, host);
  });
}
