import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Tokenizer } from '../engine.ts';
import { tokenizer as characters } from '../local/tokenizer.ts';
import { openModelTokenizer } from '../text/model-tokenizer.ts';
import { ReplyText } from './reply-text.ts';

const folder = join(import.meta.dirname, '../../../test/chat-model');
const model = await openModelTokenizer({ folder, model: 'acme/chat', toolFormat: 'auto' });
const TOKENIZERS = [
  { name: 'characters', tokenizer: characters },
  { name: "a model's", tokenizer: model },
];

function told(tokenizer: Tokenizer, tokens: readonly number[], stopTexts: string[] = [], stopReason: 'stop' | 'length' = 'stop'): string[] {
  const text = new ReplyText(tokenizer, stopTexts);
  return [...tokens.map((token) => text.push([token])), text.end(stopReason)];
}

test.each(TOKENIZERS)('pieces of $name tokens are whole characters, and all of them together the text', ({ tokenizer }) => {
  const said = 'naïve – 数字 🙂👩‍👩‍👧\n  and\tblanks ';
  const tokens = tokenizer.encode(said);
  const pieces = told(tokenizer, [...tokens, ...tokenizer.stop[0]!]);
  expect(pieces.join('')).toBe(said);
  expect(pieces.join('|')).not.toContain('\uFFFD');
  expect(tokens.length).toBeGreaterThan(30);
  // Half a character at the end says that it is none.
  const half = tokenizer.encode('a🙂').slice(0, -1);
  expect(told(tokenizer, half, [], 'length').join('')).toMatch(/^a\uFFFD+$/);
});

test.each(TOKENIZERS)('a text ends $name reply where it begins, and what may be its beginning waits', ({ tokenizer }) => {
  const tokens = tokenizer.encode('one two three two');
  const pieces = told(tokenizer, tokens, ['two t', 'three']);
  expect(pieces.join('')).toBe('one ');
  expect(told(tokenizer, tokens, ['twofold', 'so']).join('')).toBe('one two three two');
  const text = new ReplyText(tokenizer, ['STOP']);
  expect([text.push(tokenizer.encode('Now ST')), text.push(tokenizer.encode('ILL')), text.push(tokenizer.encode(' STOP it'))]).toEqual([
    'Now ',
    'STILL',
    ' ',
  ]);
  expect([text.isOver, text.end('stop')]).toEqual([true, '']);
});

test('special tokens that mean nothing in replies are not told', () => {
  const [start] = model.encode('<|im_start|>');
  expect(told(model, [...model.encode('a'), start!, ...model.encode('b<think>')]).join('')).toBe('ab<think>');
});
