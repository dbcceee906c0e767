/** Which rollouts the drill runs: jobs of the same store, each driven by a process of its own. */
import { rewardOf } from './world.ts';

export interface Load {
  /** Name of the job, and first letters of its slugs. */
  name: string;
  /** `server`: one environment in another process, over TCP. `child`: a process for each rollout. */
  place: 'server' | 'child';
  tasks: number;
  group: number;
  maxConcurrent: number;
}

export interface Slot {
  load: string;
  slug: string;
  repeat: number;
  reward: number;
}

/** A child costs as much as a hundred rollouts on a server, so few have one. */
const CHILD_SHARE = 0.04;
const CHILD_GROUP = 2;
const SERVER_GROUP = 4;

/** Loads of exactly `rollouts` rollouts together. */
export function planLoads(rollouts: number): Load[] {
  const childTasks = Math.max(1, Math.round((rollouts * CHILD_SHARE) / CHILD_GROUP));
  const left = Math.max(2, rollouts - childTasks * CHILD_GROUP);
  const groups = Math.floor(left / 2 / SERVER_GROUP);
  const singles = left - groups * SERVER_GROUP;
  const loads: Load[] = [
    { name: 'groups', place: 'server', tasks: groups, group: SERVER_GROUP, maxConcurrent: 16 },
    { name: 'singles', place: 'server', tasks: singles, group: 1, maxConcurrent: 16 },
    { name: 'children', place: 'child', tasks: childTasks, group: CHILD_GROUP, maxConcurrent: 4 },
  ];
  return loads.filter(({ tasks }) => tasks > 0);
}

export function slugOf({ name }: Load, n: number): string {
  return `${name}-${n}`;
}

export function slotsOf(load: Load): Slot[] {
  const slots: Slot[] = [];
  for (let n = 0; n < load.tasks; n++) {
    for (let repeat = 0; repeat < load.group; repeat++) {
      slots.push({ load: load.name, slug: slugOf(load, n), repeat, reward: rewardOf(n, repeat) });
    }
  }
  return slots;
}
