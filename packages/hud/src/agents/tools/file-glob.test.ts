import { describe, expect, test } from 'vitest';
import { alternatives, globMatcher } from './file-glob.ts';

describe('path patterns', () => {
  test.each([
    { pattern: '*.ts', fits: ['a.ts', '.ts'], not: ['a.tsx', 'src/a.ts', 'ats'] },
    { pattern: 'src/**/*.ts', fits: ['src/a.ts', 'src/b/a.ts', 'src/b/c/a.ts'], not: ['src/a.js', 'xsrc/a.ts', 'src'] },
    { pattern: '**/a', fits: ['a', 'b/a', 'b/c/a'], not: ['xa', 'b/xa', 'a/b'] },
    { pattern: 'src/**', fits: ['src/a', 'src/b/c'], not: ['src', 'lib/a'] },
    { pattern: 'a?c', fits: ['abc'], not: ['a/c', 'ac', 'abbc'] },
    { pattern: '[a-c]x[!0-9]', fits: ['axz', 'cxy'], not: ['dxz', 'ax1', 'ax/'] },
    { pattern: 'x.{ts,{js,jsx}}', fits: ['x.ts', 'x.js', 'x.jsx'], not: ['x.css', 'x.'] },
    { pattern: 'a.b+(c)$', fits: ['a.b+(c)$'], not: ['aXb+(c)$'] },
    { pattern: '[', fits: ['['], not: ['x'] },
    { pattern: 'é*', fits: ['é', 'éa'], not: ['e'] },
  ])('$pattern', ({ pattern, fits, not }) => {
    const matches = globMatcher(pattern);
    expect(fits.filter((path) => !matches(path))).toEqual([]);
    expect(not.filter(matches)).toEqual([]);
  });

  test('a pattern made to be slow is not', () => {
    const started = performance.now();
    expect(globMatcher(`${'*a'.repeat(40)}b`)('a'.repeat(250))).toBe(false);
    expect(globMatcher(`${'**/a/'.repeat(30)}b`)('a/'.repeat(200))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('too many alternatives are refused before they are made', () => {
    expect(alternatives('{a,b}{c,d}').sort()).toEqual(['ac', 'ad', 'bc', 'bd']);
    expect(() => alternatives('{a,b}'.repeat(60))).toThrow('more than 256 alternatives');
  });
});
