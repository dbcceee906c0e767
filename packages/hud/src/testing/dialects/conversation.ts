/** Reads the parts that all dialects' conversations are made of, and checks that tool calls and results pair up. */
import { isPlainObject, type JsonObject } from '../../protocol/index.ts';
import type { ModelMessage, ModelToolResult, ReplayedCall } from '../model-script.ts';
import { badRequest } from './dialect.ts';

export interface Content {
  text: string;
  /** Absent when there are none. */
  images?: number;
}

/** The objects of an array; anything else counts as none. */
export function objectsIn(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}

export function stringIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Text and images of a content field: a string, or typed parts as OpenAI and Anthropic write them. */
export function readContent(content: unknown): Content {
  if (typeof content === 'string') return { text: content };
  const parts = objectsIn(content);
  const texts = parts.filter((part) => TEXT_PARTS.has(stringIn(part['type']))).map((part) => stringIn(part['text']));
  const images = parts.filter((part) => IMAGE_PARTS.has(stringIn(part['type']))).length;
  return { text: texts.join('\n'), ...(images > 0 && { images }) };
}

/** The arguments of a replayed call: an object where the text holds one, else the text. */
export function readArguments(value: unknown): JsonObject | string {
  if (isPlainObject(value)) return value;
  const text = stringIn(value);
  return parseObject(text) ?? text;
}

export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON, which is what the caller asked.
  }
}

/** Adds a result to the message of results that ends the conversation, or starts one. */
export function appendToolResult(messages: ModelMessage[], result: ModelToolResult): void {
  const last = messages.at(-1);
  if (last?.role === 'tool') {
    last.toolResults = [...(last.toolResults ?? []), result];
    last.text = last.text === '' ? result.text : `${last.text}\n${result.text}`;
  } else {
    messages.push({ role: 'tool', text: result.text, toolResults: [result] });
  }
}

export function joinSystem(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join('\n\n');
}

/**
 * Every call has its result right after its turn, and every result its call. All four vendors refuse other histories.
 * @param key what pairs them: ids, or names where the dialect has no ids
 * @throws HudError MODEL_BAD_REQUEST
 */
export function assertPaired(messages: readonly ModelMessage[], param: string, key: 'id' | 'name' = 'id'): void {
  let open: string[] = [];
  for (const message of messages) {
    for (const result of message.toolResults ?? []) {
      const wanted = key === 'id' ? result.callId : (result.name ?? result.callId);
      const position = open.indexOf(wanted);
      if (position < 0) throw badRequest(`No tool call before this result: ${wanted}.`, { param });
      open.splice(position, 1);
    }
    if (message.role !== 'tool') {
      assertNoneOpen(open, param);
      open = (message.toolCalls ?? []).map((call: ReplayedCall) => call[key]);
    }
  }
  assertNoneOpen(open, param);
}

function assertNoneOpen(open: readonly string[], param: string): void {
  if (open.length > 0) throw badRequest(`No tool result for these tool calls: ${open.join(', ')}.`, { param });
}

const TEXT_PARTS = new Set(['text', 'input_text', 'output_text']);
const IMAGE_PARTS = new Set(['image', 'image_url', 'input_image', 'computer_screenshot']);
