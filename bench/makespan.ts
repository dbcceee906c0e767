/** Lists of rollouts on a number of places, on a clock that only counts: no time passes. */
import { SlotQueue, type Slot } from '../packages/hud/src/eval/slot-queue.ts';
import { Task } from '../packages/hud/src/protocol/task.ts';
import { randomFrom } from './statistics.ts';

export interface Workload {
  /** By task, then by repeat. */
  durations: number[][];
  places: number;
}

export interface Shape {
  tasks: number;
  group: number;
  places: number;
  tail: 'lognormal' | 'pareto';
}

/** How much one repeat of a task differs from another: a factor of e^±0.3. */
const REPEAT_SIGMA = 0.3;

/** Tasks differ with a heavy tail; repeats of one task resemble each other. */
export function drawWorkload({ tasks, group, places, tail }: Shape, seed: number): Workload {
  const random = randomFrom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const ofTask = (): number => (tail === 'lognormal' ? Math.exp(normal()) : (1 - random()) ** (-1 / 1.5));
  const durations = Array.from({ length: tasks }, () => {
    const typical = ofTask();
    return Array.from({ length: group }, () => typical * Math.exp(REPEAT_SIGMA * normal()));
  });
  return { durations, places };
}

/** No schedule ends sooner: all places busy throughout, and nothing shorter than its longest part. */
export function bound({ durations, places }: Workload): number {
  const all = durations.flat();
  return Math.max(all.reduce((sum, one) => sum + one, 0) / places, Math.max(...all));
}

/** The order in which the scheduler starts runs, with its own queue. */
export function scheduledMakespan(workload: Workload): number {
  const clock = { now: 0 };
  const queue = new SlotQueue(slotsOf(workload), { now: () => clock.now, inOrder: false });
  return run(workload.places, clock, {
    take: () => {
      const slot = queue.take();
      if (slot === undefined) return undefined;
      const ms = durationOf(workload, slot);
      return { ms, end: () => queue.ended(slot) };
    },
  });
}

/** Row by row in the given order, through a plain semaphore. */
export function naiveMakespan(workload: Workload): number {
  return listMakespan(workload.durations.flat(), workload.places);
}

/** The longest first, as though every duration were known: what no scheduler can know, and close to the optimum. */
export function knownMakespan(workload: Workload): number {
  return listMakespan(
    workload.durations.flat().sort((a, b) => b - a),
    workload.places,
  );
}

function listMakespan(waiting: readonly number[], places: number): number {
  let next = 0;
  return run(
    places,
    { now: 0 },
    {
      take: () => {
        const ms = waiting[next++];
        return ms === undefined ? undefined : { ms, end: () => {} };
      },
    },
  );
}

interface Source {
  take(): { ms: number; end: () => void } | undefined;
}

function run(places: number, clock: { now: number }, source: Source): number {
  const running: { until: number; end: () => void }[] = [];
  for (;;) {
    while (running.length < places) {
      const next = source.take();
      if (next === undefined) break;
      running.push({ until: clock.now + next.ms, end: next.end });
    }
    if (running.length === 0) return clock.now;
    const first = running.reduce((soonest, one) => (one.until < soonest.until ? one : soonest));
    running.splice(running.indexOf(first), 1);
    clock.now = first.until;
    first.end();
  }
}

function slotsOf({ durations }: Workload): Slot[][] {
  let order = 0;
  return durations.map((repeats, index) => {
    const task = new Task({ env: 'virtual', id: 'go', slug: `task-${index}` });
    return repeats.map((_, repeat) => ({
      task,
      order: order++,
      repeat,
      attempt: 1,
      tries: 0,
      groupId: `group-${index}`,
      groupSize: repeats.length,
    }));
  });
}

function durationOf({ durations }: Workload, { order }: Slot): number {
  const group = durations[0]?.length ?? 1;
  return durations[Math.floor(order / group)]?.[order % group] as number;
}
