/**
 * The next prompt of a conversation whose tokens are known so far. Templates write earlier turns anew, without thoughts or with other
 * blanks; so the tokens stay as they are, and only what comes after the assistant's last words is taken from the template.
 */
import type { ChatMessage, Conversation, Tokenizer, ToolCall } from '../engine.ts';
import type { ChatTemplate } from './chat-template.ts';

export interface ContinuationParts extends Pick<Tokenizer, 'encode' | 'decode' | 'stop' | 'silent' | 'replies'> {
  /** Whether there is such a token. */
  knows: (token: number) => boolean;
  template: ChatTemplate;
  conversation: Conversation;
}

/** @returns undefined unless the tokens end with what the last of the covered messages says, and the template can be followed */
export function continued(tokens: readonly number[], covered: number, parts: ContinuationParts): number[] | undefined {
  try {
    const rest = saysThem(tokens, covered, parts) ? restAfter(tokens, covered, parts) : undefined;
    return rest === undefined ? undefined : [...tokens, ...parts.encode(rest)];
  } catch {
    return undefined; // a hint is none; rendering all of it will tell what is wrong
  }
}

function saysThem(tokens: readonly number[], covered: number, parts: ContinuationParts): boolean {
  const { messages } = parts.conversation;
  const last = messages[covered - 1];
  if (last?.role !== 'assistant' || !tokens.every(parts.knows)) return false;
  const end = endOf(tokens, parts);
  const spoken = end === undefined ? tokens : tokens.slice(0, -1);
  const text = parts.decode(spoken);
  const isHeard = ({ role, content }: ChatMessage): boolean => !['system', 'user'].includes(role) || text.includes(content.trim());
  return messages.slice(0, covered).every(isHeard) && saysLast({ tokens: spoken, text, isWhole: end !== undefined }, covered, parts);
}

interface Spoken {
  /** Without the stop. */
  tokens: readonly number[];
  text: string;
  /** It came to a stop. */
  isWhole: boolean;
}

/** Whether it ends with the assistant's last words and calls. */
function saysLast({ tokens, text, isWhole }: Spoken, covered: number, parts: ContinuationParts): boolean {
  const { content, reasoning, toolCalls = [] } = parts.conversation.messages[covered - 1]!;
  const opening = openingBefore(covered, parts);
  const at = opening === '' ? -1 : text.lastIndexOf(opening);
  if (at === -1)
    return toolCalls.length === 0 ? text.trimEnd().endsWith(content.trim()) : toolCalls.every(({ name }) => text.includes(name));
  const silent = new Set(tokens.filter((token) => parts.silent?.has(token) === true));
  const raw = [...silent].reduce((said, token) => said.replaceAll(parts.decode([token]), ''), text.slice(at + opening.length));
  const reader = parts.replies!.reader(opening, parts.conversation.tools ?? []);
  const pieces = [...reader.push(raw), ...reader.end(isWhole)];
  const said = (kind: 'content' | 'reasoning'): string => pieces.map((piece) => (piece.kind === kind ? piece.text : '')).join('');
  const calls = pieces.flatMap((piece) => (piece.kind === 'call' ? [piece.call] : []));
  if (reasoning !== undefined && said('reasoning').trim() !== reasoning.trim()) return false;
  return (
    said('content').trim() === content.trim() && calls.length === toolCalls.length && calls.every((call, i) => isSame(call, toolCalls[i]!))
  );
}

/** What the template writes to let the assistant begin. */
function openingBefore(covered: number, { template, conversation }: ContinuationParts): string {
  const before = { ...conversation, messages: conversation.messages.slice(0, covered - 1) };
  const [opened, closed] = [template.render(before), template.render(before, { assistant: false })];
  return opened.startsWith(closed) ? opened.slice(closed.length) : '';
}

function isSame(one: ToolCall, other: ToolCall): boolean {
  return one.name === other.name && normal(one.arguments) === normal(other.arguments);
}

function normal(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text; // as broken as the model wrote it
  }
}

/** A stand-in for the assistant's words shows where the template goes on after them. */
const STAND_IN = 'stand-in-8f41c6d2';

/** @returns undefined where the stand-in is lost */
function restAfter(tokens: readonly number[], covered: number, parts: ContinuationParts): string | undefined {
  const end = endOf(tokens, parts);
  return afterCalls(covered, end, parts) ?? afterWords(covered, end, parts);
}

/** With calls in the message, since some templates look at them for the results that follow. They end where the turn does. */
function afterCalls(covered: number, end: string | undefined, parts: ContinuationParts): string | undefined {
  const { toolCalls } = parts.conversation.messages[covered - 1]!;
  if (toolCalls === undefined) return undefined;
  const after = afterStandIn({ toolCalls: toolCalls.map((call) => ({ ...call, arguments: '{}' })) }, covered, parts);
  if (after === undefined) return undefined;
  const first = parts.stop
    .map((ids) => ({ text: parts.decode(ids), at: after.indexOf(parts.decode(ids)) }))
    .filter(({ at }) => at !== -1)
    .toSorted((a, b) => a.at - b.at)[0];
  return first && after.slice(first.text === end ? first.at + end.length : first.at);
}

function afterWords(covered: number, end: string | undefined, parts: ContinuationParts): string | undefined {
  const after = afterStandIn({}, covered, parts);
  return end !== undefined && after?.trimStart().startsWith(end) === true ? after.trimStart().slice(end.length) : after;
}

/** @returns undefined where the template refuses, or drops its words */
function afterStandIn(more: Partial<ChatMessage>, covered: number, { template, conversation }: ContinuationParts): string | undefined {
  const messages = conversation.messages.map((message, i) =>
    i === covered - 1 ? { role: message.role, content: STAND_IN, ...more } : message,
  );
  try {
    const text = template.render({ ...conversation, messages });
    const at = text.lastIndexOf(STAND_IN);
    return at === -1 ? undefined : text.slice(at + STAND_IN.length);
  } catch {
    return undefined; // as some do of calls with words beside them
  }
}

/** The stop at which the reply ended, if it did. */
function endOf(tokens: readonly number[], { stop, decode }: ContinuationParts): string | undefined {
  const last = tokens.at(-1);
  return last !== undefined && stop.some((ids) => ids.length === 1 && ids[0] === last) ? decode([last]) : undefined;
}
