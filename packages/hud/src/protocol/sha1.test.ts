import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha1OfAscii } from './sha1.ts';

test.each([
  ['', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
  ['abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['a'.repeat(1_000_000), '34aa973cd4c4daa4f61eeb2bdbad27316534016f'],
])('the published example of %j', (text, digest) => expect(sha1OfAscii(text)).toBe(digest));

test('texts of every length around the edges of a block have the digest that the platform gives', () => {
  for (let length = 0; length <= 260; length++) {
    const text = Array.from({ length }, (_, i) => String.fromCharCode((i * 37 + length) % 128)).join('');
    expect(sha1OfAscii(text)).toBe(createHash('sha1').update(text).digest('hex'));
  }
});
