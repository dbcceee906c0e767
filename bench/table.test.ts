import { expect, test } from 'vitest';
import type { Sample } from './contest.ts';
import { oursAtMost, ratioAtLeast, type Contest } from './contract.ts';
import { contestResult } from './result-file.ts';
import { randomFrom } from './statistics.ts';
import { formatRow } from './table.ts';

const contest: Contest = {
  what: 'over TCP',
  reference: 'bare Node',
  measures: [
    { figure: 'rate', unit: '/s', goal: ratioAtLeast(0.5) },
    { figure: 'ms', unit: 'ms', goal: oursAtMost(3) },
  ],
  open: async () => {
    throw new Error('not opened here');
  },
};

function table(options: { isQuick: boolean; foreign: number; failure?: string }): string {
  const fence = { foreign: options.foreign, steal: 0, pressure: 0, load: 1, isClean: options.foreign <= 0.15 };
  const samples: Sample[] = [
    { side: 'A', figures: { rate: 2_000, ms: 2.5 } },
    { side: 'B', figures: { rate: 1_000 } },
    { side: 'original', figures: { rate: 100 } },
  ];
  const run = { blocks: [{ samples, fence }], ...(options.failure === undefined ? {} : { failure: options.failure }) };
  const result = { id: 'P1', title: 'rollouts', contests: [contestResult(contest, run, randomFrom(1))] };
  return formatRow(result, options);
}

test('a line has both sides, their ratio with its interval, the original, the goal and the verdict', () => {
  const lines = table({ isQuick: false, foreign: 0 }).split('\n');
  expect(lines.find((line) => line.includes('rate (/s)'))).toMatch(/2,000 +1,000 +2 +2 – 2 +100 \(20×\) +ratio ≥ 0\.5 +met +0 of 1$/);
  expect(lines.find((line) => line.includes('ms (ms)'))).toMatch(/2\.5 +2\.5 – 2\.5 +ours ≤ 3 +met +0 of 1$/);
});

test('a quick run marks its verdicts', () => {
  expect(table({ isQuick: true, foreign: 0 })).toContain('met (quick)');
});

test('discards are printed, and a void result says that it proves nothing', () => {
  const text = table({ isQuick: false, foreign: 0.5 });
  expect(text).toContain('discarded 1 of 1 blocks for processor time of others: 1 (50 %); void');
  expect(text).not.toMatch(/ met /);
});

test('a contest that failed says why', () => {
  expect(table({ isQuick: false, foreign: 0, failure: '3 of 4 rollouts were graded' })).toContain('FAILED: 3 of 4 rollouts were graded');
});
