import { describe, expect, test } from 'vitest';
import { estimateMedian, estimateRatio, logRatio, median, randomFrom } from './statistics.ts';

describe('median', () => {
  test.each([
    { values: [3, 1, 2], expected: 2 },
    { values: [4, 1, 3, 2], expected: 2.5 },
    { values: [7], expected: 7 },
  ])('of $values is $expected', ({ values, expected }) => {
    expect(median(values)).toBe(expected);
  });

  test('of nothing is no number', () => {
    expect(median([])).toBeNaN();
  });
});

describe('randomFrom', () => {
  test('repeats its numbers for the same seed, and has others for another', () => {
    const draw = (seed: number): number[] => Array.from({ length: 5 }, randomFrom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test('spreads evenly between 0 and 1', () => {
    const random = randomFrom(1);
    const draws = Array.from({ length: 10_000 }, random);
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    expect(mean).toBeCloseTo(0.5, 1);
  });
});

describe('bootstrap', () => {
  test('of equal values has no width', () => {
    expect(estimateMedian([2, 2, 2, 2], randomFrom(1))).toEqual({ median: 2, interval: [2, 2] });
  });

  test('covers the true median in about 95 of 100 draws, and is no wider than the data', () => {
    const random = randomFrom(42);
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    let covered = 0;
    const rounds = 100;
    for (let i = 0; i < rounds; i += 1) {
      const values = Array.from({ length: 15 }, () => 10 + normal());
      const [low, high] = estimateMedian(values, random)?.interval ?? [Number.NaN, Number.NaN];
      expect(low).toBeGreaterThanOrEqual(Math.min(...values));
      expect(high).toBeLessThanOrEqual(Math.max(...values));
      if (low <= 10 && 10 <= high) covered += 1;
    }
    expect(covered).toBeGreaterThanOrEqual(85);
    expect(covered).toBeLessThan(rounds);
  });

  test('of no values is no estimate', () => {
    expect(estimateMedian([], randomFrom(1))).toBeUndefined();
    expect(estimateRatio([], randomFrom(1))).toBeUndefined();
  });
});

describe('ratio of a block', () => {
  test('is that of the geometric means, so that an even drift cancels out', () => {
    // A B B A while everything slows down by a tenth each time
    const [a1, b1, b2, a2] = [200, 100 / 1.1, 100 / 1.1 ** 2, 200 / 1.1 ** 3];
    expect(Math.exp(logRatio([a1, a2], [b1, b2]) ?? Number.NaN)).toBeCloseTo(2, 12);
  });

  test.each([{ ours: [0, 1] }, { ours: [-1, 1] }, { ours: [Number.NaN, 1] }, { ours: [] }])('is absent for $ours', ({ ours }) => {
    expect(logRatio(ours, [1, 1])).toBeUndefined();
  });

  test('twice as fast and half as fast have no difference at the middle', () => {
    const estimate = estimateRatio([Math.log(2), Math.log(0.5)], randomFrom(3));
    expect(estimate?.median).toBeCloseTo(1, 12);
  });
});
