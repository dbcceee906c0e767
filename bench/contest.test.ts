import { describe, expect, test } from 'vitest';
import { mostBlocks, runContest, takeBlocks, type Block, type ContestRun } from './contest.ts';
import { ratioAtLeast, type Contest, type Context } from './contract.ts';
import { isVoid } from './fence.ts';
import { randomFrom } from './statistics.ts';

const clean = { foreign: 0, steal: 0, pressure: 0, load: 0, isClean: true };
const spoiled = { ...clean, foreign: 0.5, isClean: false };

/** Blocks whose fences come from a list that repeats. */
function fenced(...fences: Block['fence'][]): () => Promise<Block> {
  let taken = 0;
  return async () => ({ samples: [], fence: fences[taken++ % fences.length] ?? clean });
}

async function blocksOf(wanted: number, take: () => Promise<Block>): Promise<Block[]> {
  const run: ContestRun = { blocks: [] };
  await takeBlocks(run, { wanted, withOriginal: 0 }, take);
  return run.blocks;
}

describe('taking blocks', () => {
  test('ends when as many are clean as were wanted', async () => {
    expect(await blocksOf(15, fenced(clean))).toHaveLength(15);
  });

  test('repeats a discarded block, and keeps it to be told', async () => {
    const blocks = await blocksOf(15, fenced(spoiled, clean, clean));
    expect(blocks.filter((block) => block.fence.isClean)).toHaveLength(15);
    expect(blocks.filter((block) => !block.fence.isClean)).toHaveLength(8);
  });

  test('gives up on a machine that is never free, as soon as the result is void for certain', async () => {
    const blocks = await blocksOf(15, fenced(spoiled));
    expect(blocks).toHaveLength(11);
    expect(isVoid(11, 11 + 15)).toBe(true);
    expect(isVoid(10, 10 + 15)).toBe(false);
  });

  test.each([1, 2, 3, 5, 15, 40])('of %i wanted goes on just until the result would be void', (wanted) => {
    const most = mostBlocks(wanted);
    expect(most).toBeGreaterThan(wanted);
    if (wanted >= 5) expect(isVoid(most - wanted, most)).toBe(false);
    expect(isVoid(most + 1 - wanted, most + 1)).toBe(true);
  });

  test('asks for the original in the first blocks alone', async () => {
    const asked: boolean[] = [];
    await takeBlocks({ blocks: [] }, { wanted: 4, withOriginal: 2 }, async (isWithOriginal) => {
      asked.push(isWithOriginal);
      return { samples: [], fence: clean };
    });
    expect(asked).toEqual([true, true, false, false]);
  });
});

describe('a contest', () => {
  const context = { isQuick: true, isPinned: false, seed: 1, scratch: {} as Context['scratch'] };
  const contest = (open: Contest['open'], more: Partial<Contest> = {}): Contest => ({
    what: 'a',
    reference: 'b',
    measures: [{ figure: 'rate', unit: '/s', goal: ratioAtLeast(1) }],
    isTimed: false,
    open,
    ...more,
  });
  const plan = { wanted: 2, withOriginal: 1, random: randomFrom(1) };

  test('warms both sides, then samples each twice a block, and lets them go', async () => {
    const calls: string[] = [];
    let isClosed = false;
    const side = (name: string) => async () => {
      calls.push(name);
      return { rate: 1 };
    };
    const run = await runContest(
      contest(async () => ({
        ours: side('A'),
        reference: side('B'),
        original: side('O'),
        [Symbol.asyncDispose]: async () => void (isClosed = true),
      })),
      context,
      plan,
    );
    expect(calls.slice(0, 2)).toEqual(['A', 'B']);
    expect(['ABBA', 'BAAB']).toContain(calls.slice(2, 6).join(''));
    expect(calls[6]).toBe('O');
    expect(['ABBA', 'BAAB']).toContain(calls.slice(7).join(''));
    expect(run.blocks.map((block) => block.samples.length)).toEqual([5, 4]);
    expect(isClosed).toBe(true);
  });

  test('whose side fails keeps its blocks and says why', async () => {
    let samples = 0;
    const failing = async (): Promise<{ rate: number }> => {
      samples += 1;
      if (samples > 4) throw new Error('3 of 4 rollouts were graded');
      return { rate: 1 };
    };
    const run = await runContest(
      contest(async () => ({ ours: failing, reference: async () => ({ rate: 1 }), [Symbol.asyncDispose]: async () => {} })),
      context,
      plan,
    );
    expect(run.failure).toBe('3 of 4 rollouts were graded');
    expect(run.blocks).toHaveLength(1);
  });

  test('without the original says so', async () => {
    const one = async (): Promise<{ rate: number }> => ({ rate: 1 });
    const sides = { ours: one, reference: one, original: { absent: 'no Python' }, [Symbol.asyncDispose]: async () => {} };
    expect(
      await runContest(
        contest(async () => sides),
        context,
        plan,
      ),
    ).toMatchObject({ originalAbsent: 'no Python' });
  });
});
