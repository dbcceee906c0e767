import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Needles, type Hit } from './needles.ts';

function search(needles: readonly string[], text: string): string[] {
  const found = new Needles(needles.map((needle) => ({ bytes: Buffer.from(needle), name: needle }))).find(Buffer.from(text));
  return found.map(({ start, needle }: Hit) => `${start} ${needle.name}`);
}

/** The same, place by place. */
function plainly(needles: readonly string[], text: string): string[] {
  const found: string[] = [];
  const longestFirst = needles.toSorted((a, b) => b.length - a.length);
  for (let at = 0; at < text.length;) {
    const needle = longestFirst.find((one) => text.startsWith(one, at));
    if (needle !== undefined) found.push(`${at} ${needle}`);
    at += needle?.length ?? 1;
  }
  return found;
}

test.each([
  { needles: ['abcdefgh'], text: 'xxabcdefghxx', found: ['2 abcdefgh'] },
  { needles: ['abcdefgh', 'abcdefghij'], text: 'abcdefghij', found: ['0 abcdefghij'] },
  { needles: ['abcdefgh', 'cdefghij'], text: 'abcdefghij', found: ['0 abcdefgh'] },
  { needles: ['aaaa'], text: 'aaaaaaaaa', found: ['0 aaaa', '4 aaaa'] },
  { needles: ['abcdefgh'], text: 'abcdefg', found: [] },
  { needles: ['abcdefgh'], text: '', found: [] },
])('$needles in $text', ({ needles, text, found }) => {
  expect(search(needles, text)).toEqual(found);
});

test('finds in any text what looking at every place finds', () => {
  const letters = (least: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: least, maxLength: 7 });
  fc.assert(
    fc.property(fc.uniqueArray(letters(4), { minLength: 1, maxLength: 6 }), fc.array(letters(0), { maxLength: 40 }), (needles, parts) => {
      expect(search(needles, parts.join(''))).toEqual(plainly(needles, parts.join('')));
    }),
    { numRuns: 3_000 },
  );
});
