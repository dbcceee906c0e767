import { expect, test } from 'vitest';
import { RecentImages } from './context-policy.ts';

function shown(keep: number | undefined, count: number): string[] {
  const images = new RecentImages(keep);
  const conversation: string[] = [];
  const seen: string[] = [];
  for (let i = 0; i < count; i++) {
    conversation.push(String(i));
    images.add(() => void (conversation[i] = '-'));
    seen.push(conversation.join(''));
  }
  return seen;
}

test('old images go in batches, so that what was sent before seldom changes', () => {
  expect(shown(2, 8)).toEqual(['0', '01', '012', '--23', '--234', '----45', '----456', '------67']);
});

test('five are kept unless said otherwise', () => expect(shown(undefined, 10).at(-1)).toBe('-----56789'));

test.each([0, 1, -3])('%s keeps the newest', (keep) => expect(shown(keep, 3).at(-1)).toBe('--2'));

test('Infinity drops none', () => expect(shown(Infinity, 9).at(-1)).toBe('012345678'));
