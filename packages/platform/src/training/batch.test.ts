import { describe, expect, test } from 'vitest';
import { advantagesOf, groupsOf } from './advantages.ts';
import { byRecordedGroup, checkGroups, partsOf, split, type BatchOptions } from './batch.ts';
import type { Trajectory } from './inputs.ts';
import { combine } from './metrics.ts';

const OPTIONS: BatchOptions = { loss: 'importance_sampling', groupSize: 2, rewardScale: 1, substeps: 1, advantage: 'center' };

/** Of one turn each, told apart by its first token. */
function trajectories(rewards: readonly number[], groups: readonly string[] = []): Trajectory[] {
  return rewards.map((reward, index) => {
    const turn = { input: [index, 1, 2], targets: [1, 2, 3], mask: [0, 1, 1], samplingLogprobs: [0, -1, -1] };
    return { index, reward, turns: [turn], groupId: groups[index], traceId: undefined };
  });
}

const firsts = (parts: Awaited<ReturnType<typeof partsOf>>): (number | undefined)[][] =>
  parts.map((part) => part.map(({ input }) => input[0]));

describe('advantages', () => {
  test.each([
    { rewards: [1, 0, 0, 1], size: undefined, advantages: [0.5, -0.5, -0.5, 0.5] },
    { rewards: [1, 0, 3, 1], size: 2, advantages: [0.5, -0.5, 1, -1] },
    { rewards: [0.1, 0.1, 0.1, 1], size: 3, advantages: undefined },
    { rewards: [0.3, 0.3, 0.3], size: 3, advantages: [0, 0, 0] },
  ])('of $rewards in groups of $size are $advantages', ({ rewards, size, advantages }) => {
    if (advantages === undefined) expect(() => checkGroups(rewards.length, size)).toThrow('4 inputs are no whole groups of 3');
    else expect(advantagesOf(rewards, groupsOf(rewards.length, size), 'center')).toEqual(advantages);
  });

  test('standardized ones are divided by the standard deviation of their group', () => {
    const [good = 0, bad = 0] = advantagesOf([10, 0], [[0, 1]], 'standardize');
    expect([good, bad]).toEqual([expect.closeTo(1, 5), expect.closeTo(-1, 5)]);
  });
});

describe('parts', () => {
  test('are cut between groups, nearly equal, and there are no empty ones', async () => {
    const six = trajectories([1, 0, 1, 0, 1, 0]);
    expect(firsts(await partsOf(six, { ...OPTIONS, substeps: 2 }))).toEqual([
      [0, 1],
      [2, 3, 4, 5],
    ]);
    expect(firsts(await partsOf(six, { ...OPTIONS, substeps: 9 }))).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(split([], 3)).toEqual([]);
  });

  test('leave out groups that teach nothing, but not for cross_entropy', async () => {
    const some = trajectories([1, 1, 1, 0]);
    expect(firsts(await partsOf(some, OPTIONS))).toEqual([[2, 3]]);
    const [part = []] = await partsOf(some, { ...OPTIONS, loss: 'cross_entropy', rewardScale: 2 });
    expect(part.map(({ weights, advantages }) => [[...weights], [...advantages]])).toEqual(
      some.map(() => [
        [0, 2, 2],
        [0, 0, 0],
      ]),
    );
  });

  test('scale rewards before they are compared', async () => {
    const [part = []] = await partsOf(trajectories([1, 0]), { ...OPTIONS, rewardScale: 10 });
    expect(part.map(({ advantages }) => [...advantages])).toEqual([
      [0, 5, 5],
      [0, -5, -5],
    ]);
  });
});

test('runs of recorded groups stand together, however they were named; incomplete groups stay as they came', () => {
  const order = (groups: string[]): number[] => byRecordedGroup(trajectories([1, 0, 1, 0], groups), 2).map(({ index }) => index);
  expect(order(['a', 'b', 'a', 'b'])).toEqual([0, 2, 1, 3]);
  expect(order(['a', 'a', 'a', 'b'])).toEqual([0, 1, 2, 3]);
  expect(order(['a'])).toEqual([0, 1, 2, 3]);
});

test('numbers of passes add up by their names, and what is not finite is left out', () => {
  const all = combine([
    { datums: 1, metrics: { 'loss:sum': 1, num_tokens: 3, kl_sample_train: 1, reward_max: 2, 'x:min': 5, odd: Infinity } },
    { datums: 3, metrics: { 'loss:sum': 2, num_tokens: 4, kl_sample_train: 5, reward_max: 1, 'x:min': 4 } },
  ]);
  expect(all).toEqual({ 'loss:sum': 3, num_tokens: 7, kl_sample_train: 4, reward_max: 2, 'x:min': 4 });
});
