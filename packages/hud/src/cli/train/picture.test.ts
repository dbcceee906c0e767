import { expect, test } from 'vitest';
import { textWidth } from '../terminal/width.ts';
import type { Round } from './journal.ts';
import { picture, shortNumber } from './picture.ts';

const dim = (text: string): string => text;

const round = (number: number, more: Partial<Round> = {}): Round => ({
  kind: 'round',
  number,
  rollouts: 8,
  graded: 8,
  reward: number / 10,
  interval: [0, number / 10 + 0.1],
  spreadGroups: 3,
  groups: 4,
  tokens: 50,
  rolloutMs: 500,
  stepMs: 100,
  lag: 0,
  metrics: { 'loss:sum': -1 / number, kl_sample_train: 1e-7, entropy_sampled: 1.5 },
  checkpointId: 'c',
  ...more,
});

const rounds = [1, 2, 3].map((number) => round(number));

test('reward, spread, loss, entropy, KL, speed and lag are there, each with its newest value', () => {
  const text = [...picture(rounds, { columns: 60, rows: 20 }, { dim })];
  expect(text.slice(-6).map((line) => [line.slice(0, 9).trim(), line.split(' ').at(-1)])).toEqual([
    ['spread in', '4'],
    ['loss', '−0.333'],
    ['entropy', '1.5'],
    ['KL', '0'],
    ['tokens/s', '100'],
    ['lag', '0'],
  ]);
  expect(text.at(-6)).toMatch(/3 of 4$/);
});

test('the exact entropy of an engine is shown in place of the estimate', () => {
  const exact = rounds.map((one) => ({ ...one, metrics: { ...one.metrics, entropy: 0.25 } }));
  expect([...picture(exact, { columns: 60, rows: 20 }, { dim })].find((line) => line.startsWith('entropy'))).toMatch(/ 0\.25$/);
});

test.each([
  [100, 14],
  [60, 14],
  [60, 9],
  [40, 6],
  [40, 2],
])('it fits %i columns and %i lines, whatever has to go', (columns, rows) => {
  const many = Array.from({ length: 300 }, (_none, n) => round(n + 1, { reward: 0.5 }));
  for (const some of [rounds, many]) {
    const lines = [...picture(some, { columns, rows }, { dim })];
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(textWidth(line)).toBeLessThan(columns);
  }
});

test.each([
  [0.000004, '0'],
  [-0.0123456, '−0.0123'],
  [0.00042, '4.2e−4'],
  [123456, '1.2e+5'],
  [98.76, '98.8'],
])('%d is %s', (value, text) => {
  expect(shortNumber(value)).toBe(text);
});
