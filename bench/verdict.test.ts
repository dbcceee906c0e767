import { describe, expect, test } from 'vitest';
import type { Block } from './contest.ts';
import { oursAtMost, ratioAtLeast, ratioAtMost, type Measure } from './contract.ts';
import { randomFrom } from './statistics.ts';
import { resultOf } from './verdict.ts';

const fence = { foreign: 0, steal: 0, pressure: 0, load: 0, isClean: true };

function block(ours: number, reference: number, isClean = true, original?: number): Block {
  const samples: Block['samples'] = [
    { side: 'A', figures: { rate: ours } },
    { side: 'B', figures: { rate: reference } },
    { side: 'B', figures: { rate: reference } },
    { side: 'A', figures: { rate: ours } },
  ];
  if (original !== undefined) samples.push({ side: 'original', figures: { rate: original } });
  return { samples, fence: { ...fence, isClean } };
}

function judged(goal: Measure['goal'], blocks: Block[]): ReturnType<typeof resultOf> {
  return resultOf({ figure: 'rate', unit: '/s', ...(goal === undefined ? {} : { goal }) }, blocks, randomFrom(1));
}

const times = (count: number, make: (index: number) => Block): Block[] => Array.from({ length: count }, (_, index) => make(index));

describe('a goal', () => {
  test('is met when the whole interval is within it', () => {
    const result = judged(
      ratioAtLeast(0.6),
      times(15, (i) => block(70 + i, 100)),
    );
    expect(result.ratio?.median).toBeCloseTo(0.77, 2);
    expect(result.verdict).toBe('met');
  });

  test('is missed when the median is within it and the unlucky end is not', () => {
    const result = judged(
      ratioAtLeast(0.6),
      times(15, (i) => block(i % 2 === 0 ? 61 : 40, 100)),
    );
    expect(result.ratio?.median).toBeGreaterThan(0.6);
    expect(result.ratio?.interval[0]).toBeLessThan(0.6);
    expect(result.verdict).toBe('missed');
  });

  test.each([
    { goal: ratioAtMost(1.6), verdict: 'met' },
    { goal: ratioAtMost(1.4), verdict: 'missed' },
    { goal: oursAtMost(150), verdict: 'met' },
    { goal: oursAtMost(149), verdict: 'missed' },
    { goal: undefined, verdict: 'no goal' },
  ])('of $goal.of at most $goal.value for 150 against 100 is $verdict', ({ goal, verdict }) => {
    expect(
      judged(
        goal,
        times(15, () => block(150, 100)),
      ).verdict,
    ).toBe(verdict);
  });

  test('on a figure that no sample has is not measured, never met', () => {
    const result = resultOf(
      { figure: 'absent', unit: '', goal: ratioAtMost(10) },
      times(15, () => block(1, 1)),
      randomFrom(1),
    );
    expect(result.verdict).toBe('not measured');
    expect(judged(ratioAtMost(10), []).verdict).toBe('not measured');
  });
});

describe('discarded blocks', () => {
  test('are left out of the estimates', () => {
    const blocks = [...times(15, () => block(100, 100)), ...times(5, () => block(1, 100, false))];
    const result = judged(ratioAtLeast(0.9), blocks);
    expect(result.ratio).toEqual({ median: 1, interval: [1, 1] });
    expect(result.verdict).toBe('met');
  });

  test('beyond the limit void the result, whatever it says', () => {
    const blocks = [...times(5, () => block(100, 100)), ...times(10, () => block(100, 100, false))];
    expect(judged(ratioAtLeast(0.9), blocks).verdict).toBe('void');
    expect(judged(ratioAtLeast(1.1), blocks).verdict).toBe('void');
  });
});

test('the original is compared within the blocks it took part in', () => {
  const result = judged(undefined, [block(100, 50, true, 10), block(300, 50), block(300, 50)]);
  expect(result.original?.median).toBe(10);
  expect(result.original?.ratio).toBeCloseTo(10, 12);
});
