/** A conversation as tokens, so that each turn's prompt goes on exactly from the tokens of the turn before. */
import type { Conversation, Tokenizer } from '../engine.ts';
import type { ChatRequest } from './chat-request.ts';

/**
 * The hint counts messages with or without the system message, as its sender does; where it does not fit, all is rendered anew.
 * @throws HudError BAD_ARGUMENT for what the template does not take
 */
export function promptTokens(tokenizer: Tokenizer, conversation: Conversation, hint: ChatRequest['hint']): readonly number[] {
  const { messages } = conversation;
  if (hint !== undefined) {
    const system = messages[0]?.role === 'system' ? 1 : 0;
    for (const covered of new Set([hint.messages + system, hint.messages])) {
      const whole = extended(tokenizer, conversation, covered, hint.tokens);
      if (whole !== undefined) return whole;
    }
  }
  return tokenizer.render(messages, conversation);
}

/** @returns undefined unless the tokens say what the first `covered` messages say, the last of them the assistant's */
function extended(tokenizer: Tokenizer, conversation: Conversation, covered: number, tokens: readonly number[]): number[] | undefined {
  const { messages } = conversation;
  if (messages[covered - 1]?.role !== 'assistant') return undefined;
  if (tokenizer.extend !== undefined) return tokenizer.extend(tokens, covered, conversation);
  if (!isKnown(tokenizer, tokens)) return undefined;
  const rest = restAfter(tokenizer, { messages, rendered: tokenizer.render(messages) }, covered, tokens);
  return rest === undefined ? undefined : [...tokens, ...rest];
}

/** Tokens that the model does not have are no hint. */
function isKnown(tokenizer: Tokenizer, tokens: readonly number[]): boolean {
  try {
    tokenizer.decode(tokens);
    return true;
  } catch {
    return false;
  }
}

interface Rendered extends Conversation {
  rendered: readonly number[];
}

/** Where the template begins later prompts with earlier ones. */
function restAfter(
  tokenizer: Tokenizer,
  { messages, rendered }: Rendered,
  covered: number,
  tokens: readonly number[],
): readonly number[] | undefined {
  const last = messages[covered - 1]!;
  const before = tokenizer.render(messages.slice(0, covered - 1));
  const said = [...before, ...tokenizer.encode(last.content)];
  const end = tokenizer.stop.find((stop) => endsWith(tokens, stop));
  const spoken = end === undefined ? tokens : tokens.slice(0, tokens.length - end.length);
  // By what they say, for a model may spell a text in other tokens than the tokenizer does.
  if (tokenizer.decode(spoken) !== tokenizer.decode(said)) return undefined;
  const whole = end === undefined ? said : [...said, ...end];
  return startsWith(rendered, whole) ? rendered.slice(whole.length) : undefined;
}

function startsWith(tokens: readonly number[], start: readonly number[]): boolean {
  return start.length <= tokens.length && start.every((token, i) => tokens[i] === token);
}

export function endsWith(tokens: readonly number[], end: readonly number[]): boolean {
  return end.length <= tokens.length && end.every((token, i) => tokens[tokens.length - end.length + i] === token);
}
