import type { api } from 'hud/protocol';
import { expect, test } from 'vitest';
import { axisEnd, curvesOf, isGoingOn, otherMetrics, toggled } from './model-metrics.ts';

const checkpoint = (metrics: Record<string, number>, more: Partial<api.models.Checkpoint> = {}): api.models.Checkpoint =>
  ({ metrics, meanReward: null, numTokens: null, ...more }) as api.models.Checkpoint;

test('the reward has a band that ends at the least and the greatest reward; a step without it leaves a gap', () => {
  const [reward] = curvesOf([
    checkpoint({ reward_std: 0.5, reward_min: 0, reward_max: 1 }, { meanReward: 0.25 }),
    checkpoint({}, { meanReward: 0.5 }),
  ]);
  expect(reward).toMatchObject({ values: [0.25, 0.5], band: { low: [0, null], high: [0.75, null] } });
  expect(curvesOf([checkpoint({}, { meanReward: 1 })])[0]).not.toHaveProperty('band');
});

test('curves are those that some step has, the exact entropy before the estimate; all else can be chosen', () => {
  const all = [
    checkpoint({ 'loss:sum': 3, sampling_logprob_mean: -1, mine: 1 }),
    checkpoint({ 'loss:sum': 2, entropy: 0.5, reward_std: 0 }),
  ];
  const curves = curvesOf(all);
  expect(curves.map(({ title, values }) => [title, values])).toEqual([
    ['Reward', [null, null]],
    ['Loss', [3, 2]],
    ['Entropy', [null, 0.5]],
  ]);
  expect(otherMetrics(all, curves)).toEqual(['mine']);
});

test('without an exact entropy the estimate is shown, and from what older steps kept', () => {
  const curves = curvesOf([checkpoint({ sampling_logprob_mean: -1.5 }), checkpoint({ sampling_logprob_mean: 0, entropy_sampled: 0 })]);
  expect(curves.map(({ title, values }) => [title, values])).toContainEqual(['Entropy (sampled)', [1.5, 0]]);
});

test('training goes on until three times the last step have passed, a minute at least', () => {
  const at = (...seconds: number[]): api.models.Checkpoint[] =>
    seconds.map((s) => checkpoint({}, { createdAt: new Date(s * 1_000).toISOString() }));
  expect(isGoingOn([], 0)).toBe(false);
  expect(isGoingOn(at(0, 4), 60_000)).toBe(true);
  expect(isGoingOn(at(0, 4), 65_000)).toBe(false);
  expect(isGoingOn(at(0, 100), 399_000)).toBe(true);
  expect(isGoingOn(at(0, 100_000), 100_000_000 + 31 * 60_000)).toBe(false);
});

test('the axis keeps its end for some steps while training goes on, and fits once it is over', () => {
  expect([1, 9, 10, 19, 99, 100].map((count) => axisEnd(count, true))).toEqual([10, 10, 20, 20, 100, 200]);
  expect([0, 7].map((count) => axisEnd(count, false))).toEqual([1, 7]);
});

test('two can be looked at: a third takes the place of the first, and what is there already goes', () => {
  expect(toggled({ at: undefined, beside: undefined }, 'a')).toEqual({ at: 'a', beside: undefined });
  expect(toggled({ at: 'a', beside: undefined }, 'b')).toEqual({ at: 'a', beside: 'b' });
  expect(toggled({ at: 'a', beside: 'b' }, 'c')).toEqual({ at: 'b', beside: 'c' });
  expect(toggled({ at: 'a', beside: 'b' }, 'a')).toEqual({ at: 'b', beside: undefined });
  expect(toggled({ at: 'a', beside: 'b' }, 'b')).toEqual({ at: 'a', beside: undefined });
});
