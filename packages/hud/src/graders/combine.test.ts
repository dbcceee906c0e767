import { describe, expect, test } from 'vitest';
import { gradeFrame } from '../environment/task-runner.ts';
import { parseGrade } from '../protocol/grade.ts';
import { uniqueNames } from './combine.ts';
import { combine, combineAll, combineAny, evaluationResult, type SubScore } from './index.ts';

const part = (name: string, value: number, weight?: number): SubScore => ({ name, value, ...(weight === undefined ? {} : { weight }) });

describe('combine', () => {
  test('adds up weighted values and keeps the order, whoever finishes first', async () => {
    const { promise, resolve } = Promise.withResolvers<SubScore>();
    const quick = Promise.resolve(part('quick', 0, 0.25)).then((value) => {
      resolve(part('slow', 1, 0.75));
      return value;
    });
    const result = await combine(promise, quick);
    const subscores = [part('slow', 1, 0.75), part('quick', 0, 0.25)];
    expect(result).toEqual({ reward: 0.75, done: true, info: {}, isError: false, subscores });
  });

  test('scales positive weights to 1 and says so', async () => {
    const result = await combine(part('a', 1, 3), part('b', 0.5, 1));
    expect(result.reward).toBe(0.875);
    expect(result.subscores?.map(({ weight }) => weight)).toEqual([0.75, 0.25]);
    expect(result.info.warnings).toEqual([
      'The positive weights sum to 4.0000, not 1. They were scaled, so they count differently from what was written.',
    ]);
  });

  test('weights that are off by a hundredth are scaled without a word', async () => {
    const result = await combine(part('a', 1, 0.505), part('b', 1, 0.5));
    expect([result.reward, result.info]).toEqual([1, {}]);
  });

  test('penalties are not scaled, and may take the reward below 0', async () => {
    const result = await combine(part('right', 0.25, 4), part('leaked', 1, -0.5));
    expect(result.reward).toBe(-0.25);
    expect(result.subscores?.map(({ weight }) => weight)).toEqual([1, -0.5]);
  });

  test('a full score is exactly 1, however many parts it has', async () => {
    for (const count of [3, 6, 7, 10, 49]) {
      const result = await combine(...Array.from({ length: count }, (_, index) => part(`p${index}`, 1)));
      expect(result.reward).toBe(1);
    }
  });

  test('doubled names are numbered, and that is told', async () => {
    const result = await combine(part('a', 1, 0.5), part('a', 1, 0.25), part('b', 1, 0.25));
    expect(result.subscores?.map(({ name }) => name)).toEqual(['a-1', 'a-2', 'b']);
    expect(result.info.warnings).toEqual(["2 sub-scores were named 'a' and are now a-1, a-2."]);
  });

  test.each([
    ['no parts', []],
    ['penalties alone', [part('a', 1, -1)]],
    ['parts without weight', [part('a', 1, 0)]],
  ])('%s are refused', async (_, parts) => {
    await expect(combine(...parts)).rejects.toMatchObject({ code: 'GRADE_INVALID', message: expect.stringContaining('positive weight') });
  });

  test.each([
    [part('big', 1.5), 'big'],
    [part('odd', Number.NaN), 'odd'],
    [{ ...part('extra', 1), score: 1 }, 'extra'],
    [undefined as unknown as SubScore, 'A sub-score'],
  ])('a malformed part is refused by name: %j', async (bad, name) => {
    await expect(combine(part('good', 1), bad)).rejects.toMatchObject({ code: 'GRADE_INVALID', message: expect.stringContaining(name) });
  });

  test('a failing part fails the whole, with its own error', async () => {
    const broken = new Error('out of order');
    await expect(combine(part('a', 1), Promise.reject(broken))).rejects.toBe(broken);
  });

  test('the result travels as a grade, with all five keys in every sub-score', async () => {
    const frame = gradeFrame(await combine(combineAny(1, [part('x', 0.5), part('x', 1)])), false, 'task');
    expect(frame).toEqual({
      score: 1,
      done: true,
      content: null,
      info: {},
      isError: false,
      subscores: [
        {
          name: 'any',
          weight: 1,
          value: 1,
          info: null,
          children: [
            { name: 'x-1', weight: 1, value: 0.5, info: null, children: null },
            { name: 'x-2', weight: 1, value: 1, info: null, children: null },
          ],
        },
      ],
    });
    expect(parseGrade(frame).reward).toBe(1);
  });
});

describe('combineAny and combineAll', () => {
  const parts = [part('low', 0.25, 2), part('high', 0.75, -1)];

  test('any is the best part, all is the worst; both keep their parts', () => {
    expect(combineAny(0.5, parts)).toEqual({ name: 'any', value: 0.75, weight: 0.5, children: parts });
    expect(combineAll(-0.5, parts, 'strict')).toEqual({ name: 'strict', value: 0.25, weight: -0.5, children: parts });
  });

  test('no parts are refused', () => {
    expect(() => combineAny(1, [])).toThrow(/'any' was to be made of parts/);
    expect(() => combineAll(1, [])).toThrow(/'all' was to be made of parts/);
  });
});

describe('uniqueNames', () => {
  test.each([
    [
      ['a', 'a', 'a-1', 'b', 'a'],
      ['a-2', 'a-3', 'a-1', 'b', 'a-4'],
    ],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [
      ['a', 'a', 'a-1', 'a-1'],
      ['a-2', 'a-3', 'a-1-1', 'a-1-2'],
    ],
    [[], []],
  ])('%j become %j', (names, expected) => {
    expect(uniqueNames(names)).toEqual(expected);
  });
});

describe('evaluationResult', () => {
  test('a number becomes a result with that reward', () => {
    expect(evaluationResult(0.5)).toEqual({ reward: 0.5, done: true, info: {}, isError: false });
  });

  test('extra fields stay, and sub-scores that fit bring no warning', () => {
    const result = evaluationResult({ reward: 0.5, note: 'kept', subscores: [part('a', 1, 0.5), part('b', 0, 0.5)] });
    expect([result.note, result.info]).toEqual(['kept', {}]);
  });

  test('what does not fit is told beside earlier warnings and changes no number', () => {
    const result = evaluationResult({ reward: 0.2, info: { warnings: ['earlier'], n: 1 }, subscores: [part('a', 1), part('a', 1)] });
    expect(result.reward).toBe(0.2);
    expect(result.info).toEqual({
      n: 1,
      warnings: [
        'earlier',
        "More than one sub-score is named 'a'.",
        'The positive weights sum to 2.0000, not 1.',
        'The sub-scores add up to 2.0000, but the reward is 0.2000.',
      ],
    });
  });

  test.each([[Number.NaN], [{ reward: Number.POSITIVE_INFINITY }], [{ subscores: [part('a', 2)] }]])('%j is no result', (init) => {
    expect(() => evaluationResult(init)).toThrow(expect.objectContaining({ code: 'GRADE_INVALID' }));
  });
});
