import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { isVoid, judge, processTicks, readFence, type Reading } from './fence.ts';

const start: Reading = { totalTicks: 1_000, idleTicks: 500, stealTicks: 10, ownTicks: 100, load: 1, pressureUs: 5_000, atMs: 0 };

/** 400 ticks later. */
function later(change: { idle: number; own: number; steal?: number }): Reading {
  return {
    totalTicks: start.totalTicks + 400,
    idleTicks: start.idleTicks + change.idle,
    stealTicks: start.stealTicks + (change.steal ?? 0),
    ownTicks: start.ownTicks + change.own,
    load: 2,
    pressureUs: 1_005_000,
    atMs: 2_000,
  };
}

describe('a block', () => {
  test.each([
    { what: 'a machine of its own', idle: 100, own: 300, foreign: 0, isClean: true },
    { what: 'an idle machine', idle: 400, own: 0, foreign: 0, isClean: true },
    { what: 'a neighbour within the limit', idle: 140, own: 200, foreign: 0.15, isClean: true },
    { what: 'a neighbour beyond the limit', idle: 139, own: 200, foreign: 0.1525, isClean: false },
    { what: 'more of its own time than the machine counted, by rounding', idle: 100, own: 310, foreign: 0, isClean: true },
  ])('with $what has foreign time $foreign', ({ idle, own, foreign, isClean }) => {
    const fence = judge(start, later({ idle, own }));
    expect(fence.foreign).toBeCloseTo(foreign, 10);
    expect(fence.isClean).toBe(isClean);
  });

  test('whose time was stolen by the host is not clean', () => {
    const fence = judge(start, later({ idle: 100, own: 200, steal: 100 }));
    expect(fence).toMatchObject({ foreign: 0.25, steal: 0.25, isClean: false });
  });

  test('tells how much of its duration somebody waited for a processor', () => {
    expect(judge(start, later({ idle: 100, own: 300 })).pressure).toBe(0.5);
    expect(judge({ ...start, pressureUs: undefined }, later({ idle: 100, own: 300 })).pressure).toBeUndefined();
  });
});

describe('a result', () => {
  test.each([
    { discarded: 0, attempts: 15, expected: false },
    { discarded: 10, attempts: 25, expected: false },
    { discarded: 11, attempts: 25, expected: true },
    { discarded: 0, attempts: 0, expected: true },
  ])('of $attempts blocks with $discarded discarded is void: $expected', ({ discarded, attempts, expected }) => {
    expect(isVoid(discarded, attempts)).toBe(expected);
  });
});

describe('processor time', () => {
  test('of children that ended counts as our own', () => {
    const before = readFence();
    execFileSync(process.execPath, ['-e', 'const end = Date.now() + 400; while (Date.now() < end);']);
    const after = readFence();
    expect(after.ownTicks - before.ownTicks).toBeGreaterThanOrEqual(5);
    expect(after.totalTicks).toBeGreaterThan(before.totalTicks);
  });

  test('of a process that is gone is 0, of this one is not', () => {
    expect(processTicks(process.pid)).toBeGreaterThan(0);
    expect(processTicks(2 ** 22 + 1)).toBe(0);
  });
});
