import { expect, test } from 'vitest';
import { Task } from '../protocol/task.ts';
import { SlotQueue, type Slot } from './slot-queue.ts';

function groupsOf(tasks: number, group: number): Slot[][] {
  return Array.from({ length: tasks }, (_, t) => {
    const task = new Task({ env: 'e', id: `t${t}`, slug: `t${t}` });
    return Array.from({ length: group }, (_, repeat) => ({
      task,
      repeat,
      order: t * group + repeat,
      attempt: 1,
      tries: 0,
      groupId: `g${t}`,
      groupSize: group,
    }));
  });
}

const nameOf = (slot: Slot | undefined): string => (slot === undefined ? '-' : `${slot.task.slug}/${slot.repeat}`);

test('without looking ahead the given order is kept', () => {
  const queue = new SlotQueue(groupsOf(3, 2), { now: () => 0, inOrder: true });
  expect(Array.from({ length: 7 }, () => nameOf(queue.take()))).toEqual(['t0/0', 't0/1', 't1/0', 't1/1', 't2/0', 't2/1', '-']);
});

test('the first of every task goes ahead, then the longest task is started as a whole', () => {
  let now = 0;
  const queue = new SlotQueue(groupsOf(4, 3), { now: () => now, inOrder: false });
  const scouts = [queue.take(), queue.take(), queue.take(), queue.take()] as Slot[];
  expect(scouts.map(nameOf)).toEqual(['t0/0', 't1/0', 't2/0', 't3/0']);
  for (const [slot, endsAt] of [
    [scouts[0], 10],
    [scouts[2], 50],
    [scouts[3], 20],
  ] as const) {
    now = endsAt;
    queue.ended(slot as Slot);
  }
  expect([queue.take(), queue.take()].map(nameOf)).toEqual(['t2/1', 't2/2']);
  now = 60; // the first of t1 has been running for longer than the others took
  expect([queue.take(), queue.take()].map(nameOf)).toEqual(['t1/1', 't1/2']);
  expect([queue.take(), queue.take(), queue.take(), queue.take(), queue.take()].map(nameOf)).toEqual(['t3/1', 't3/2', 't0/1', 't0/2', '-']);
});

test('every slot is given out exactly once, whatever ends when, and retries come last', () => {
  let now = 0;
  const queue = new SlotQueue(groupsOf(20, 4), { now: () => now++, inOrder: false });
  const seen: string[] = [];
  for (let slot = queue.take(); slot !== undefined; slot = queue.take()) {
    seen.push(nameOf(slot));
    if (slot.tries === 0 && slot.order % 7 === 0) queue.retry({ ...slot, tries: 1, attempt: 2 });
    else queue.ended(slot);
  }
  expect(queue.size).toBe(0);
  expect(new Set(seen).size).toBe(80);
  expect(seen).toHaveLength(80 + 12);
});

/** mulberry32: the same numbers everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** When the last of all runs ends, with `width` at a time, over virtual time. */
function makespan(groups: Slot[][], width: number, duration: (slot: Slot) => number): number {
  let now = 0;
  const queue = new SlotQueue(groups, { now: () => now, inOrder: false });
  const running: { slot: Slot; until: number }[] = [];
  for (;;) {
    while (running.length < width) {
      const slot = queue.take();
      if (slot === undefined) break;
      running.push({ slot, until: now + duration(slot) });
    }
    const next = running.toSorted((a, b) => a.until - b.until)[0];
    if (next === undefined) return now;
    running.splice(running.indexOf(next), 1);
    now = next.until;
    queue.ended(next.slot);
  }
}

test.each(['lognormal', 'pareto'])('runs with %s durations end within the twentieth part of the best possible time', (shape) => {
  const shares: number[] = [];
  for (let seed = 1; seed <= 5; seed++) {
    const next = random(seed);
    const gauss = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const groups = groupsOf(300, 8);
    const scale = groups.map(() => (shape === 'lognormal' ? Math.exp(gauss()) : Math.min(100, (1 - next()) ** (-1 / 1.5))));
    const durations = groups.map((slots, t) => slots.map(() => (scale[t] ?? 1) * Math.exp(0.3 * gauss())));
    const duration = (slot: Slot): number => durations[Math.floor(slot.order / 8)]?.[slot.repeat] ?? 0;
    const all = durations.flat();
    const best = Math.max(all.reduce((sum, ms) => sum + ms, 0) / 32, ...all);
    shares.push(best / makespan(groups, 32, duration));
  }
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  expect(mean).toBeGreaterThanOrEqual(0.95);
});
