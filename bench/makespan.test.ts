import { describe, expect, test } from 'vitest';
import { bound, drawWorkload, knownMakespan, naiveMakespan, scheduledMakespan, type Workload } from './makespan.ts';

describe('on a workload known by hand', () => {
  // two places; in row order the long task starts last and runs alone
  const workload: Workload = { durations: [[1], [1], [1], [1], [4]], places: 2 };

  test('the bound is all places busy throughout', () => {
    expect(bound(workload)).toBe(4);
  });

  test('row order ends when the long task does', () => {
    expect(naiveMakespan(workload)).toBe(6);
  });

  test('one that knows the durations begins with the long one, and reaches the bound', () => {
    expect(knownMakespan(workload)).toBe(4);
  });

  test('nothing is shorter than its longest part', () => {
    expect(bound({ durations: [[10], [1]], places: 2 })).toBe(10);
  });
});

test('no schedule beats the bound, and every run is scheduled once', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const workload = drawWorkload({ tasks: 30, group: 4, places: 8, tail: 'pareto' }, seed);
    const total = workload.durations.flat().reduce((sum, one) => sum + one, 0);
    for (const makespan of [scheduledMakespan(workload), naiveMakespan(workload), knownMakespan(workload)]) {
      expect(makespan).toBeGreaterThanOrEqual(bound(workload) - 1e-9);
      expect(makespan).toBeLessThanOrEqual(total);
    }
    expect(scheduledMakespan({ ...workload, places: 1 })).toBeCloseTo(total, 6);
  }
});

test('a workload is the same for the same seed', () => {
  const shape = { tasks: 5, group: 2, places: 2, tail: 'lognormal' } as const;
  expect(drawWorkload(shape, 3)).toEqual(drawWorkload(shape, 3));
  expect(drawWorkload(shape, 3)).not.toEqual(drawWorkload(shape, 4));
});
