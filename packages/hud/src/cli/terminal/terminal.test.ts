import { expect, test } from 'vitest';
import { literal, literalLine } from './literal.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';
import { textWidth, truncate } from './width.ts';
import { ago, duration, listed, plural, reward } from './wording.ts';

test('text that would move the cursor, colour, ring or reorder is shown, not obeyed', () => {
  expect(literal('a\x1b[2Jb\x07c\u202ed\u009be')).toBe('a\\x1b[2Jb\\x07c\\u202ed\\x9be');
  expect(literal('tab\tand\nline\r\nbreaks\rstay')).toBe('tab\tand\nline\nbreaks\\x0dstay');
  expect(literalLine('  one\n two\t three ')).toBe('one two three');
});

test.each([
  { text: 'plain', width: 5 },
  { text: '日本', width: 4 },
  { text: 'e\u0301', width: 1 },
  { text: '🚀', width: 2 },
  { text: 'ü…', width: 2 },
])("'$text' takes $width columns", ({ text, width }) => {
  expect(textWidth(text)).toBe(width);
});

test('what is cut fits, and says that it was cut', () => {
  expect(truncate('strawberry', 10)).toBe('strawberry');
  expect(truncate('strawberry', 6)).toBe('straw…');
  expect(textWidth(truncate('日本語日本語', 6))).toBeLessThanOrEqual(6);
  expect(truncate('x', 0)).toBe('');
});

const columns = [
  { header: 'task', shrinks: { min: 6 } },
  { header: 'reward', align: 'right' as const },
  { header: 'error', shrinks: { min: 5 } },
];
const rows = [
  ['count-letter-1234', '1', ''],
  ['x\ty', '0.50', 'the environment\nended before it served'],
];

test('for a pipe a table is tab-separated, one line a row', () => {
  expect(table(columns, rows, terminal({ isTTY: false, columns: 80 }))).toEqual([
    'task\treward\terror',
    'count-letter-1234\t1\t',
    'x y\t0.50\tthe environment ended before it served',
  ]);
});

test('for people a table is aligned', () => {
  expect(table(columns, rows, terminal({ isTTY: true, columns: 80 }))).toEqual([
    'task               reward  error',
    'count-letter-1234       1',
    'x y                  0.50  the environment ended before it served',
  ]);
});

test.each([80, 40, 30])('no line of a table is wider than %i columns', (width) => {
  for (const line of table(columns, rows, terminal({ isTTY: true, columns: width }))) expect(textWidth(line)).toBeLessThanOrEqual(width);
});

test('numbers and times are worded for people', () => {
  expect([plural(1, 'run'), plural(0, 'run'), plural(2, 'capability', 'capabilities')]).toEqual(['1 run', '0 runs', '2 capabilities']);
  expect([listed([]), listed(['a']), listed(['a', 'b', 'c'])]).toEqual(['', 'a', 'a, b and c']);
  expect([reward(1), reward(0.5), reward(-0), reward(2 / 3)]).toEqual(['1', '0.50', '0', '0.67']);
  expect([duration(840), duration(42_300), duration(59_700), duration(135_000), duration(3_780_000)]).toEqual([
    '0.8 s',
    '42 s',
    '1 min 0 s',
    '2 min 15 s',
    '1 h 3 min',
  ]);
  const now = Date.UTC(2026, 0, 31);
  expect([3, 30, 60, 3_600, 172_800].map((seconds) => ago(now - seconds * 1_000, now))).toEqual([
    'just now',
    '30 seconds ago',
    '1 minute ago',
    '1 hour ago',
    '2 days ago',
  ]);
  expect(ago(Date.UTC(2025, 11, 1), now)).toBe('2025-12-01');
  expect(ago(now + 60_000, now)).toBe('just now');
});

function terminal(shape: { isTTY: boolean; columns: number }): Terminal {
  const plain = (text: string): string => text;
  return { ...shape, bold: plain, dim: plain, red: plain, green: plain, yellow: plain, line: () => {}, stream: process.stdout };
}
