/** A start frame's prompt, as turns that an agent can read. */
import { z } from 'zod';
import { HudError } from '../protocol/errors.ts';
import { isPlainObject, stringifyJson } from '../protocol/json.ts';
import { ContentBlock, type PromptMessage } from '../protocol/trace.ts';

/**
 * Nothing or a string is one user turn; a list is one turn an item, and a turn whose content is a
 * list of blocks becomes one turn a block. Every role but `assistant` reads as `user`.
 * @throws HudError PROTOCOL_ERROR for a prompt that is an object, or a block without a type
 */
export function promptMessages(prompt: unknown): PromptMessage[] {
  if (prompt === undefined || prompt === null) return [textTurn('user', '')];
  if (Array.isArray(prompt)) return prompt.flatMap(turnsOf);
  if (typeof prompt === 'object') {
    throw new HudError('PROTOCOL_ERROR', 'The prompt is an object; a string or a list of turns was expected.', {
      hint: 'Let the template yield a string or a list of {role, content}.',
    });
  }
  return [textTurn('user', String(prompt))];
}

/** The text of all turns, joined by blank lines. */
export function promptText(messages: readonly PromptMessage[]): string {
  return messages
    .map((message) => message.content.text)
    .filter((text) => text !== undefined)
    .join('\n\n');
}

function turnsOf(item: unknown): PromptMessage[] {
  if (!isPlainObject(item)) return [textTurn('user', typeof item === 'string' ? item : stringifyJson(item))];
  const role = item.role === 'assistant' ? 'assistant' : 'user';
  const blocks = Array.isArray(item.content) ? item.content : [item.content];
  return blocks.map((block) => {
    if (typeof block === 'string') return textTurn(role, block);
    if (block === undefined || block === null) return textTurn(role, '');
    const parsed = z.safeParse(ContentBlock, block);
    if (!parsed.success)
      throw new HudError('PROTOCOL_ERROR', `A prompt turn holds no content block: ${stringifyJson(block).slice(0, 200)}.`);
    return { role, content: parsed.data };
  });
}

function textTurn(role: 'user' | 'assistant', text: string): PromptMessage {
  return { role, content: { type: 'text', text } };
}
