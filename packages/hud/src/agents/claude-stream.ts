/**
 * One message of Claude's, put together from its events. The SDK's own assembly reads tool inputs
 * leniently: it throws on some that are no JSON and guesses at the end of others, and a guessed call
 * must not be executed. Here such an input stays the text it was, as it does in a whole message.
 */
import type Anthropic from '@anthropic-ai/sdk';
import { isPlainObject, parseJson, type JsonObject } from '../protocol/json.ts';

type Block = Anthropic.ContentBlock;
type Event = Anthropic.RawMessageStreamEvent;

/** @throws Error when the events end before the message does */
export async function assembled(events: AsyncIterable<Event>, onText?: (delta: string) => void): Promise<Anthropic.Message> {
  let message: Anthropic.Message | undefined;
  const inputs = new Map<Block, string>();
  for await (const event of events) {
    if (event.type === 'message_start') message = { ...event.message, content: [] };
    if (message === undefined) continue;
    if (event.type === 'content_block_start') message.content[event.index] = { ...event.content_block };
    if (event.type === 'content_block_delta') {
      if (event.delta.type === 'text_delta') onText?.(event.delta.text);
      const block = message.content[event.index];
      if (block !== undefined) addDelta(block, event.delta, inputs);
    }
    if (event.type === 'message_delta') message = { ...message, ...event.delta, usage: { ...message.usage, ...counted(event.usage) } };
    if (event.type === 'message_stop') {
      for (const [block, text] of inputs) Object.assign(block, { input: inputOf(text) });
      return message;
    }
  }
  throw new Error('the stream ended before the message was complete');
}

/**
 * Whether the next event is due at once. Not after pieces of a tool's input, which the API sends a whole value at a
 * time, nor of thoughts, which are summaries: both may pause for as long as the model takes.
 */
export function isMidItem(event: Event): boolean {
  if (event.type === 'message_delta') return true; // only the end is left
  return event.type === 'content_block_delta' && (event.delta.type === 'text_delta' || event.delta.type === 'citations_delta');
}

function addDelta(block: Block, delta: Anthropic.RawContentBlockDelta, inputs: Map<Block, string>): void {
  if (delta.type === 'input_json_delta') inputs.set(block, (inputs.get(block) ?? '') + delta.partial_json);
  else if (delta.type === 'text_delta' && block.type === 'text') block.text += delta.text;
  else if (delta.type === 'citations_delta' && block.type === 'text') block.citations = [...(block.citations ?? []), delta.citation];
  else if (delta.type === 'thinking_delta' && block.type === 'thinking') block.thinking += delta.thinking;
  else if (delta.type === 'signature_delta' && block.type === 'thinking') block.signature = delta.signature;
}

/** Only what the event counts: the start of the message has the rest. */
function counted(usage: Anthropic.MessageDeltaUsage): Partial<Anthropic.Usage> {
  return Object.fromEntries(Object.entries(usage).filter(([, count]) => count !== null && count !== undefined)) as Partial<Anthropic.Usage>;
}

function inputOf(text: string): JsonObject | string {
  if (text === '') return {};
  try {
    const value = parseJson(text);
    return isPlainObject(value) ? value : text;
  } catch {
    return text; // a malformed call keeps its text: it is answered, never executed
  }
}
