import { expect, test } from 'vitest';
import type { Machine, MachineState } from '../host/machine.ts';
import { thisMachine } from '../host/machine.ts';
import { nodeHost } from '../host/node.ts';
import { Admission, type Held } from './admission.ts';

const signal = new AbortController().signal;
const GIB = 1024 ** 3;

function machine(changes: Partial<MachineState> = {}): { machine: Machine; state: MachineState } {
  const state: MachineState = {
    descriptors: { used: 20, limit: 1_024 },
    processes: { used: 100, limit: 10_000 },
    memory: { used: 1 * GIB, limit: 8 * GIB },
    busy: 0,
    ...changes,
  };
  return { state, machine: { processors: 2, look: () => structuredClone(state) } };
}

/** Lets in as many as there is room for. */
async function fill(share: ReturnType<Admission['open']>, most: number): Promise<(() => void)[]> {
  const releases: (() => void)[] = [];
  for (let i = 0; i < most; i++) void share.enter(signal).then((release) => releases.push(release));
  await new Promise((resolve) => setImmediate(resolve));
  return releases;
}

test('as many are let in as descriptors are left, and the limit is told by name', async () => {
  const told: (Held | undefined)[] = [];
  const share = new Admission(nodeHost, machine().machine).open({ descriptors: 8 }, (held) => told.push(held));
  const releases = await fill(share, 1_000);
  expect(releases).toHaveLength(119); // (1024 - 20 - 48) / 8
  expect(told).toEqual([{ limit: 'descriptors', used: 972, of: 1_024 }]);
  releases.pop()?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(releases).toHaveLength(119);
  expect(told).toHaveLength(1);
});

test.each([
  ['memory', { memory: GIB / 2 }, { memory: { used: 6.5 * GIB, limit: 8 * GIB } }, 2],
  ['processes', { processes: 12 }, { processes: { used: 9_900, limit: 10_000 } }, 3],
  ['load', { computes: true }, { busy: 0.97 }, 6],
] as const)('%s holds back what the machine has no room for', async (limit, cost, state, expected) => {
  const told: (Held | undefined)[] = [];
  const share = new Admission(nodeHost, machine(state).machine).open(cost, (held) => told.push(held));
  expect(await fill(share, 50)).toHaveLength(expected);
  expect(told.map((held) => held?.limit)).toEqual([limit]);
});

test('a busy machine that becomes idle lets in more, a few at a time', async () => {
  const { machine: busy, state } = machine({ busy: 0.97 });
  const share = new Admission(nodeHost, busy).open({ computes: true });
  const releases = await fill(share, 30);
  expect(releases).toHaveLength(6);
  state.busy = 0.2;
  await expect.poll(() => releases.length, { timeout: 3_000 }).toBeGreaterThanOrEqual(8);
});

test('one is let in however little there is, or nothing would ever start', async () => {
  const share = new Admission(nodeHost, machine({ descriptors: { used: 1_020, limit: 1_024 } }).machine).open({ descriptors: 8 });
  const releases = await fill(share, 3);
  expect(releases).toHaveLength(1);
  releases[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(releases).toHaveLength(2);
});

test('batches that ask at the same time get the same number of places', async () => {
  const admission = new Admission(nodeHost, machine().machine);
  const early = admission.open({ descriptors: 8 });
  const held = await fill(early, 500);
  const late = admission.open({ descriptors: 8 });
  const lateOnes = await fill(late, 500);
  for (let i = 0; i < 119; i++) {
    held.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(Math.abs(early.inFlight - late.inFlight)).toBeLessThanOrEqual(1);
  expect(lateOnes.length).toBe(late.inFlight);
});

test('who stops waiting takes nothing, and a place is given back once', async () => {
  const admission = new Admission(nodeHost, machine({ descriptors: { used: 20, limit: 84 } }).machine);
  const share = admission.open({ descriptors: 8 });
  const releases = await fill(share, 2);
  const stop = new AbortController();
  const waiting = share.enter(stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  for (const release of releases) {
    release();
    release();
  }
  expect(share.inFlight).toBe(0);
});

test('this machine tells how much it has', () => {
  const { descriptors, processes, memory, busy } = thisMachine().look();
  expect(descriptors.limit).toBeGreaterThan(descriptors.used);
  expect(memory.limit).toBeGreaterThan(memory.used);
  expect(memory.used).toBeGreaterThan(0);
  expect(processes.limit).toBeGreaterThan(processes.used);
  expect(busy).toBeGreaterThanOrEqual(0);
  expect(busy).toBeLessThanOrEqual(1);
});
