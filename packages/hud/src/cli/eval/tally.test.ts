import { expect, test } from 'vitest';
import type { RunEvent } from '../../eval/index.ts';
import type { Run } from '../../client/index.ts';
import { heldText, Tally } from './tally.ts';

const run = (kind: string, reward = 0): Run => ({ class: kind, reward }) as Run;

/** Only what a tally reads. */
function started(runs: Run[], total: number): RunEvent {
  return { type: 'job-started', job: { runs }, total } as unknown as RunEvent;
}

const told = (type: string, of: Run): RunEvent => ({ type, run: of }) as unknown as RunEvent;

test.each([
  { held: { limit: 'descriptors', used: 976, of: 1024 } as const, text: 'held back by descriptors: 976 of 1024 in use' },
  { held: { limit: 'processes', used: 4032, of: 4096 } as const, text: 'held back by processes: 4032 of 4096 in use' },
  { held: { limit: 'memory', used: 3.25 * 2 ** 30, of: 4 * 2 ** 30 } as const, text: 'held back by memory: 3.3 of 4.0 GiB in use' },
  { held: { limit: 'load', used: 97, of: 100 } as const, text: 'held back by load: the processors are 97 % busy' },
])('$text', ({ held, text }) => {
  expect(heldText(held)).toBe(text);
});

test('what a resumed job had done counts from the start, and in its mean', () => {
  const tally = new Tally(2);
  tally.count(started([run('graded', 1), run('provider')], 4));
  expect(tally.resumedText()).toBe('resumed: 2 of 4 were done');
  expect(tally.parts()).toEqual(['2/4 done', 'mean 1.000', '0 running', 'faults: 1 provider']);
  expect(tally.times()).toMatch(/^0\.0 s$/); // nothing to judge the pace by yet
  tally.count(told('run-started', run('graded')));
  tally.count(told('run-ended', run('graded', 0)));
  expect(tally.parts()).toEqual(['3/4 done', 'mean 0.500', '0 running', 'faults: 1 provider']);
  expect(tally.times()).toMatch(/, about .* left$/);
});

test('an attempt that is tried again is neither done nor a fault', () => {
  const tally = new Tally(1);
  tally.count(started([], 1));
  expect(tally.resumedText()).toBeUndefined();
  tally.count(told('run-started', run('sandbox')));
  tally.count(told('run-retried', run('sandbox')));
  tally.count(told('run-started', run('graded')));
  expect(tally.parts()).toEqual(['0/1 done', '1 running', '1 retried']);
});
