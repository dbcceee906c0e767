import { describe, expect, test } from 'vitest';
import { Grader, type Score } from './index.ts';

interface Given {
  score?: Score;
  note?: unknown;
}

class Fixed extends Grader<Given> {
  readonly name = 'Fixed';

  computeScore({ score = 1 }: Given): Score {
    return score;
  }
}

class Length extends Grader<{ text: string; limit: number }> {
  readonly name = 'Length';

  async computeScore({ text, limit }: { text: string; limit: number }): Promise<Score> {
    return Promise.resolve(text.length <= limit ? 1 : 0);
  }
}

describe('Grader', () => {
  test('a number becomes a sub-score with name, weight and parameters', async () => {
    expect(await new Length().grade({ text: 'abc', limit: 2, weight: 0.25 })).toEqual({
      name: 'Length',
      value: 0,
      weight: 0.25,
      info: { _parameters: { text: 'abc', limit: 2 } },
    });
  });

  test('a number with details keeps them', async () => {
    const { value, info } = await new Fixed().grade({ score: [0.5, { words: 3 }] });
    expect([value, info?.words]).toEqual([0.5, 3]);
  });

  test('a sub-score keeps its parts and details, and takes the name and weight asked for', async () => {
    const score = { name: 'inner', value: 0.5, weight: 9, children: [{ name: 'c', value: 1 }], info: { seen: true } };
    expect(await new Fixed().grade({ score, name: 'outer', weight: -1 })).toMatchObject({
      name: 'outer',
      value: 0.5,
      weight: -1,
      children: [{ name: 'c', value: 1 }],
      info: { seen: true },
    });
    expect(await new Fixed().grade({ score })).toMatchObject({ name: 'Fixed', weight: 1 });
  });

  test.each([[1.5], [Number.NaN], [undefined], ['1']])('%j is no score', async (score) => {
    class Wrong extends Fixed {
      override computeScore(): Score {
        return score as Score;
      }
    }
    await expect(new Wrong().grade({})).rejects.toMatchObject({ code: 'GRADE_INVALID', message: expect.stringContaining('Fixed') });
  });

  test('parameters are kept as JSON values, long texts by their start', async () => {
    const loop: Record<string, unknown> = { deep: ['x'.repeat(3_000)] };
    loop.self = loop;
    const { info } = await new Fixed().grade({ note: { loop, when: /a+/u, big: 10n, none: Number.NaN, gone: undefined, nil: null } });
    expect(JSON.parse(JSON.stringify(info?._parameters))).toEqual({
      note: {
        loop: { deep: [`${'x'.repeat(2_000)} [... 1000 characters cut ...]`], self: '[circular]' },
        when: '/a+/u',
        big: '10',
        none: 'NaN',
        nil: null,
      },
    });
  });
});
