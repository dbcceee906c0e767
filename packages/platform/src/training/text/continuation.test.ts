import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { ChatMessage, Tokenizer } from '../engine.ts';
import { openModelTokenizer } from './model-tokenizer.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  const folder = join(import.meta.dirname, '../../../test/chat-model');
  tokenizer = await openModelTokenizer({ folder, model: 'acme/chat', toolFormat: 'auto' });
});

const TOOLS = [{ type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } }];
const SYSTEM = { role: 'system', content: 'Be brief.' };
const ASKED: ChatMessage[] = [SYSTEM, { role: 'user', content: 'What time is it?' }];
/** The template leaves its thoughts out once there is a new question. */
const SPOKEN = '<think>\nI must look.\n</think>\n\nOne moment.\n<tool_call>\n{"name": "now",  "arguments": {"zone":"UTC"}}\n</tool_call>';
const CALLED: ChatMessage = {
  role: 'assistant',
  content: 'One moment.',
  reasoning: 'I must look.',
  toolCalls: [{ id: 'call_1', name: 'now', arguments: '{"zone":"UTC"}' }],
};
const RESULT: ChatMessage = { role: 'tool', content: '12:00', toolCallId: 'call_1' };

const text = (tokens: readonly number[] | undefined): string => tokenizer.decode(tokens ?? []);
/** As a model spells it that never joins tokens. */
const spelled = (said: string): number[] => [...said].flatMap((letter) => tokenizer.encode(letter));
const first = (): number[] => tokenizer.render(ASKED, { tools: TOOLS });

test('tokens go on as the model wrote them, with what the template adds for results and questions', () => {
  const tokens = [...first(), ...spelled(SPOKEN), ...tokenizer.stop[0]!];
  const second = tokenizer.extend!(tokens, 3, { messages: [...ASKED, CALLED, RESULT, RESULT], tools: TOOLS });
  expect(second?.slice(0, tokens.length)).toEqual(tokens);
  const results = '\n<tool_response>\n12:00\n</tool_response>'.repeat(2);
  expect(text(second?.slice(tokens.length))).toBe(`\n<|im_start|>user${results}<|im_end|>\n<|im_start|>assistant\n`);
  // Rendered anew it would be another: one blank fewer, and after the next question no thoughts.
  const all = [...ASKED, CALLED, RESULT, { role: 'assistant', content: 'Noon.' }, { role: 'user', content: 'Thanks' }];
  const reply = [...second!, ...tokenizer.encode('Noon.'), ...tokenizer.stop[0]!];
  const third = tokenizer.extend!(reply, 5, { messages: [...ASKED, CALLED, RESULT, ...all.slice(4)], tools: TOOLS });
  expect(third?.slice(0, reply.length)).toEqual(reply);
  expect(text(third?.slice(reply.length))).toBe('\n<|im_start|>user\nThanks<|im_end|>\n<|im_start|>assistant\n');
  expect(text(tokenizer.render(all, { tools: TOOLS }))).not.toContain('I must look.');
});

test('a reply that was cut off is closed as the template does', () => {
  const tokens = [...first(), ...tokenizer.encode('It is no')];
  const messages = [...ASKED, { role: 'assistant', content: 'It is no' }, { role: 'user', content: 'Go on' }];
  const next = tokenizer.extend!(tokens, 3, { messages, tools: TOOLS });
  expect(text(next?.slice(tokens.length))).toBe('<|im_end|>\n<|im_start|>user\nGo on<|im_end|>\n<|im_start|>assistant\n');
});

test.each<{ what: string; tokens: () => number[]; covered?: number; said?: ChatMessage }>([
  { what: 'say something else', tokens: () => [...first(), ...tokenizer.encode('No.')] },
  { what: 'are of another question', tokens: () => [...tokenizer.render([SYSTEM, { role: 'user', content: 'Why?' }]), ...spelled(SPOKEN)] },
  { what: 'call with other arguments', tokens: () => [...first(), ...spelled(SPOKEN.replace('UTC', 'CET'))] },
  { what: 'are none', tokens: () => [...first(), ...spelled(SPOKEN), 99_999] },
  { what: 'end before a user', tokens: () => first(), covered: 2 },
])('tokens that $what are no beginning', ({ tokens, covered = 3 }) => {
  expect(tokenizer.extend!(tokens(), covered, { messages: [...ASKED, CALLED, RESULT], tools: TOOLS })).toBeUndefined();
});
