/** What a chat completions server is sent of the conversation. */
import type OpenAI from 'openai';
import type { ContentBlock, PromptMessage, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Choice } from './chat-completion.ts';
import { dataUrl } from './openai-calls.ts';
import { parseArguments } from './openai-turn.ts';
import { resultText } from './tools/tool.ts';

export type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_details'] as const;

/** All answers first: a server that pairs them with the calls must meet no other message in between. */
export function resultMessages(results: readonly { call: ToolCall; result: ToolResult }[]): Message[] {
  return results.map(({ call, result }) => {
    const text = resultText(result);
    return { role: 'tool', tool_call_id: call.id, content: text === '' ? 'Tool executed successfully' : text };
  });
}

/** Results can't hold pictures here: the newest follows as a message of its own. */
export function lastImage(results: readonly { result: ToolResult }[]): ContentBlock | undefined {
  return results.flatMap(({ result }) => result.content).findLast(isImage);
}

export function imageMessage(image: ContentBlock): Message & { role: 'user' } {
  return { role: 'user', content: [{ type: 'image_url', image_url: { url: dataUrl(image) } }] };
}

export function promptMessage({ role, content }: PromptMessage): Message {
  if (isImage(content) && role === 'user') return imageMessage(content);
  return { role, content: content.text ?? `(${content.type})` };
}

function isImage({ type, data }: ContentBlock): boolean {
  return type === 'image' && data !== undefined;
}

/** The reply as history: reasoning goes back as it came, arguments that are no JSON as an empty object. */
export function replayed(message: Choice['message']): Message {
  const extra = message as unknown as JsonObject;
  const calls = message.tool_calls?.flatMap((call) =>
    call.type === 'function'
      ? [
          {
            ...call,
            function: {
              ...call.function,
              arguments: typeof parseArguments(call.function.arguments) === 'string' ? '{}' : call.function.arguments || '{}',
            },
          },
        ]
      : [],
  );
  return {
    role: 'assistant',
    content: message.content,
    ...Object.fromEntries(
      REASONING_FIELDS.filter((field) => extra[field] !== undefined && extra[field] !== null).map((field) => [field, extra[field]]),
    ),
    ...(calls === undefined || calls.length === 0 ? {} : { tool_calls: calls }),
  };
}
