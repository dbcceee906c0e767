import { describe, expect, test } from 'vitest';
import { float } from '../protocol/json.ts';
import { contains, containsAll, containsAny, exactMatch, f1Score, normalize } from './index.ts';

describe('normalize', () => {
  test.each([
    ['  The Answer is: 42! ', 'answer is 42'],
    ['A man, a plan — the canal', 'man plan canal'],
    ["it's", 'it s'],
    ['foo_bar a_b', 'foo_bar a_b'],
    ['año nuevo', 'año nuevo'],
    ['e\u0301cole', 'e cole'],
    ['a\u00a0b\ufeffc', 'b c'],
    ['', ''],
    ['the a an', ''],
    ['THE\x1cthing\x85here', 'thing here'],
    ['٣ 世界 x²', '٣ 世界 x²'],
    ['ΣΟΦΟΣ', 'σοφος'],
    ['𝒜bc-then a‍b', '𝒜bc then b'],
  ])('%j becomes %j', (text, expected) => {
    expect(normalize(text)).toBe(expected);
  });

  test('nothing counts as the empty text, other values as their JSON text', () => {
    expect([null, undefined, 42, true, float(1), { b: [1, 'x'] }].map(normalize)).toEqual(['', '', '42', 'true', '1 0', 'b 1 x']);
  });
});

describe('exactMatch', () => {
  test.each([
    ['The answer is 42.', 'answer: is 42', {}, 1],
    ['año', 'o', {}, 0],
    [null, '', {}, 1],
    [null, 'None', {}, 0],
    [42, 42, {}, 1],
    [' The Cat\n', 'the cat', { normalizeText: false }, 1],
    ['The cat', 'cat', { normalizeText: false }, 0],
    ['\x1c\x85\u2003cat\u3000', 'CAT', { normalizeText: false }, 1],
    ['\ufeffcat', 'cat', { normalizeText: false }, 0],
    [' \t ', '', { normalizeText: false }, 1],
  ])('%j against %j with %j earns %d', (answer, expected, options, value) => {
    expect(exactMatch(answer, expected, options)).toBe(value);
  });
});

describe('contains', () => {
  test('ignores case unless told not to', () => {
    expect(contains('Paris, FRANCE', 'france')).toBe(1);
    expect(contains('Paris, FRANCE', 'france', { caseSensitive: true })).toBe(0);
    expect(contains('Paris, FRANCE', 'FRANCE', { caseSensitive: true })).toBe(1);
    expect(contains('Paris', 'London')).toBe(0);
  });

  test('the empty text occurs in every answer, also in none', () => {
    expect([contains('x', ''), contains(null, ''), contains(undefined, 'None')]).toEqual([1, 1, 0]);
  });

  test('any of nothing fails, all of nothing passes', () => {
    expect([containsAny('x', []), containsAll('x', [])]).toEqual([0, 1]);
  });

  test('any needs one, all needs each', () => {
    expect([containsAny('red and Blue', ['green', 'blue']), containsAny('red', ['green', 'blue'])]).toEqual([1, 0]);
    expect([containsAll('red and Blue', ['RED', 'blue']), containsAll('red', ['red', 'blue'])]).toEqual([1, 0]);
    expect(containsAll('red and Blue', ['red', 'blue'], { caseSensitive: true })).toBe(0);
    expect(containsAny('red and Blue', ['RED', 'blue'], { caseSensitive: true })).toBe(0);
  });
});

describe('f1Score', () => {
  test.each([
    ['The capital is Paris, France', 'Paris', 0.4],
    ['a b b', 'b b b', 0.8],
    ['Paris', 'paris!', 1],
    ['London', 'Paris', 0],
    ['', 'Paris', 0],
    ['Paris', 'the', 0],
    [null, 'Paris', 0],
    ['x x x', 'x', 0.5],
  ])('%j against %j is %d', (answer, reference, value) => {
    expect(f1Score(answer, reference)).toBe(value);
  });
});
