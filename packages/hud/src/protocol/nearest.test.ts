import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test.each([
  { word: 'evall', found: 'eval' },
  { word: 'srever', found: 'server' },
  { word: 'lcient', found: 'client' },
  { word: 'EVAL', found: 'eval' },
  { word: 'comp', found: 'completion' },
  { word: 'zzz', found: undefined },
  { word: '', found: undefined },
])("the nearest to '$word' is $found", ({ word, found }) => {
  expect(nearest(word, ['eval', 'client', 'server', 'completion'])).toBe(found);
});
