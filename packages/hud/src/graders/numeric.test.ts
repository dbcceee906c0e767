import { describe, expect, test } from 'vitest';
import { numericMatch } from './index.ts';

describe('numericMatch by default reads as the Python package does', () => {
  test.each([
    ['about 1,234', 1],
    ['.5', 5],
    ['1e5', 1],
    ['-3.', -3],
    ['step 2: 42', 2],
    ['٣', 3],
    ['-४२.५', -42.5],
    ['𝟗𝟎', 90],
    ['5-3', 5],
    ['x-7', -7],
    [12, 12],
  ])('%j holds %d', (answer, expected) => {
    expect(numericMatch(answer, expected)).toBe(1);
    expect(numericMatch(answer, expected + 1)).toBe(0);
  });

  test.each([['none'], [''], [null], [undefined], ['½ ² Ⅷ']])('%j holds no number', (answer) => {
    expect(numericMatch(answer, 0)).toBe(0);
  });

  test('the tolerance itself still matches', () => {
    expect(numericMatch('1.5', 1, { tolerance: 0.5 })).toBe(1);
    expect(numericMatch('1.5', 1, { tolerance: 0.49 })).toBe(0);
    expect(numericMatch('0.5', 1, { tolerance: 0.5 })).toBe(1);
  });

  test('a number too long for a double is far from everything', () => {
    expect(numericMatch('9'.repeat(400), 1, { tolerance: 1e300 })).toBe(0);
  });
});

describe('numericMatch with options', () => {
  test.each([
    ['about 1,234', 1234],
    ['-1,234,567.5 euro', -1_234_567.5],
    ['1,2345', 1],
    ['1234,567', 1234],
    ['3, 400', 3],
    ['١,٢٣٤', 1234],
  ])('grouping: %j holds %d', (answer, expected) => {
    expect(numericMatch(answer, expected, { grouping: true })).toBe(1);
  });

  test.each([
    ['.5', 0.5],
    ['-.5', -0.5],
    ['1e5', 100_000],
    ['about 2.5E-3 m', 0.0025],
    ['1e+2', 100],
    ['4 eggs', 4],
    ['4e', 4],
    ['1,234', 1],
  ])('scientific: %j holds %d', (answer, expected) => {
    expect(numericMatch(answer, expected, { scientific: true })).toBe(1);
  });

  test('the last number can count instead of the first', () => {
    expect(numericMatch('step 2: 40 + 2 = 42.', 42, { pick: 'last' })).toBe(1);
    expect(numericMatch('step 2: 40 + 2 = 42.', 2, { pick: 'last' })).toBe(0);
    expect(numericMatch('no number', 0, { pick: 'last' })).toBe(0);
    expect(numericMatch('7', 7, { pick: 'last' })).toBe(1);
  });

  test('options work together', () => {
    expect(numericMatch('2 of 3 make 1,250.5e1', 12_505, { grouping: true, scientific: true, pick: 'last' })).toBe(1);
  });

  test('a long answer is read in a moment', () => {
    const answer = `${'111,'.repeat(50_000)}1111`;
    const start = performance.now();
    numericMatch(answer, 0, { grouping: true, scientific: true, pick: 'last' });
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
