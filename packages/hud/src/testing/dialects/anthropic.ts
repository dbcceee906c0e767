/** Anthropic's messages, plain and beta. */
import { randomUUID } from 'node:crypto';
import { isPlainObject, type JsonObject } from '../../protocol/index.ts';
import type { ModelMessage, ModelRequest, ModelTurn, ReplayedCall } from '../model-script.ts';
import { appendToolResult, assertPaired, joinSystem, objectsIn, readArguments, readContent, stringIn } from './conversation.ts';
import { badRequest, sse, type Dialect, type ErrorDetails, type WireRequest } from './dialect.ts';
import { callsOf, citationsOf, finishReasonOf, pieces, usageOf, type Call } from './turn.ts';

export const anthropic: Dialect = { name: 'anthropic', idHeader: 'request-id', parse, reply, stream, error };

type Block =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'text'; text: string; citations: JsonObject[] | null }
  | { type: 'tool_use'; id: string; name: string; toolset_name?: string; input: JsonObject | string; caller: { type: 'direct' } };

interface Message extends JsonObject {
  content: Block[];
  stop_reason: string;
  stop_details: JsonObject | null;
  usage: JsonObject & { output_tokens: number };
}

function parse({ body, headers, path }: WireRequest): Omit<ModelRequest, 'index'> {
  assertVersion(headers['anthropic-version'], body);
  const model = stringIn(body['model']);
  if (model === '') throw badRequest('model: this field is required');
  const limit = body['max_tokens'];
  if (typeof limit !== 'number' || limit < 1) throw badRequest('max_tokens: a number above 0 is required');
  const sent = objectsIn(body['messages']);
  if (sent.length === 0) throw badRequest('messages: at least one message is required');
  const messages: ModelMessage[] = [];
  for (const message of sent) readMessage(message, messages);
  assertPaired(messages, 'messages');
  const system = readContent(body['system']).text;
  return {
    dialect: 'anthropic',
    model,
    system: joinSystem(system === '' ? [] : [system]),
    messages,
    headers,
    body,
    path,
    stream: body['stream'] === true,
    tools: objectsIn(body['tools']).map((tool) => stringIn(tool['name']) || stringIn(tool['type'])),
  };
}

/** What API version 2026-10-21 no longer takes. */
function assertVersion(version: string | undefined, body: JsonObject): void {
  if (version === undefined) throw badRequest('anthropic-version: this header is required');
  if (version < '2026-10-21') return;
  const removed = ['temperature', 'top_p', 'top_k'].find((name) => body[name] !== undefined);
  if (removed !== undefined) throw badRequest(`${removed}: removed in API version 2026-10-21`);
  for (const message of objectsIn(body['messages'])) {
    for (const block of objectsIn(message['content'])) {
      if (message['role'] === 'assistant' && block['type'] === 'document') {
        throw badRequest("messages: a document block can't stand in an assistant message");
      }
      if (message['role'] === 'user' && objectsIn(block['citations']).length > 0) {
        throw badRequest("messages: a text block of a user message can't have citations");
      }
    }
  }
}

function readMessage(message: JsonObject, messages: ModelMessage[]): void {
  const content = readContent(message['content']);
  const blocks = objectsIn(message['content']);
  if (message['role'] === 'assistant') {
    const toolCalls = blocks.filter((block) => block['type'] === 'tool_use').map(readCall);
    messages.push({ role: 'assistant', ...content, ...(toolCalls.length > 0 && { toolCalls }) });
    return;
  }
  if (message['role'] !== 'user') throw badRequest(`messages: unknown role ${JSON.stringify(message['role'])}`);
  const results = blocks.filter((block) => block['type'] === 'tool_result');
  for (const block of results) {
    appendToolResult(messages, {
      callId: stringIn(block['tool_use_id']),
      ...readContent(block['content']),
      ...(block['is_error'] === true && { isError: true }),
    });
  }
  if (results.length === 0 || content.text !== '' || content.images) messages.push({ role: 'user', ...content });
}

function readCall(block: JsonObject): ReplayedCall {
  const [name, toolset] = [stringIn(block['name']), stringIn(block['toolset_name'])];
  const args = readArguments(block['input']);
  if (toolset === '') return { id: stringIn(block['id']), name, arguments: args };
  return { id: stringIn(block['id']), name: toolset, arguments: isPlainObject(args) ? { ...args, action: name } : args };
}

function reply(request: ModelRequest, turn: ModelTurn): Message {
  const usage = usageOf(request, turn);
  const finish = finishReasonOf(turn);
  return {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: blocksOf(request, turn),
    stop_reason: STOP_REASONS[finish],
    stop_sequence: null,
    stop_details: finish === 'refusal' ? { type: 'refusal', category: null, explanation: turn.text ?? null } : null,
    container: null,
    usage: {
      // Here alone the prompt's tokens are counted without those read from the cache.
      input_tokens: usage.promptTokens - usage.cachedTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: usage.cachedTokens,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      output_tokens: usage.completionTokens,
      output_tokens_details: { thinking_tokens: usage.reasoningTokens },
      server_tool_use: null,
      service_tier: 'standard',
    },
  };
}

function blocksOf(request: ModelRequest, turn: ModelTurn): Block[] {
  const citations = citationsOf(turn).map(({ url, title, text }) => ({
    type: 'web_search_result_location',
    url,
    title,
    cited_text: text,
    encrypted_index: base64(url),
  }));
  return [
    ...(turn.reasoning === undefined ? [] : [{ type: 'thinking' as const, thinking: turn.reasoning, signature: base64(turn.reasoning) }]),
    ...(turn.text === undefined ? [] : [{ type: 'text' as const, text: turn.text, citations: citations.length > 0 ? citations : null }]),
    ...callsOf(request, turn, 'toolu').map((call) => ({
      type: 'tool_use' as const,
      id: call.id,
      ...toolOf(request, call),
      caller: { type: 'direct' as const },
    })),
  ];
}

/** Where the request offers a toolset, its actions are tools of their own. */
function toolOf({ body }: ModelRequest, { name, object, text }: Call): { name: string; toolset_name?: string; input: JsonObject | string } {
  const isSet = objectsIn(body['tools']).some((tool) => stringIn(tool['type']).startsWith(`${name}_toolset_`));
  if (!isSet || object === undefined) return { name, input: object ?? text };
  const { action, ...input } = object;
  return { name: stringIn(action), toolset_name: name, input };
}

function stream(body: JsonObject): string[] {
  const message = body as Message;
  const { service_tier: _tier, cache_creation: _creation, ...finalUsage } = message.usage;
  const event = (type: string, data: JsonObject = {}): string => sse({ type, ...data }, type);
  const opening = { ...message, content: [], stop_reason: null, stop_details: null, usage: { ...message.usage, output_tokens: 1 } };
  return [
    event('message_start', { message: opening }),
    event('ping'),
    ...message.content.flatMap((block, index) => [
      event('content_block_start', { index, content_block: emptied(block) }),
      ...deltasOf(block).map((delta) => event('content_block_delta', { index, delta })),
      event('content_block_stop', { index }),
    ]),
    event('message_delta', {
      delta: { stop_reason: message.stop_reason, stop_sequence: null, stop_details: message.stop_details, container: null },
      usage: finalUsage,
    }),
    event('message_stop'),
  ];
}

function emptied(block: Block): JsonObject {
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  if (block.type === 'text') return { ...block, text: '', citations: block.citations ? [] : null };
  return { ...block, input: {} };
}

function deltasOf(block: Block): JsonObject[] {
  if (block.type === 'thinking') {
    return [
      ...pieces(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: block.signature },
    ];
  }
  if (block.type === 'text') {
    return [
      ...pieces(block.text).map((text) => ({ type: 'text_delta', text })),
      ...(block.citations ?? []).map((citation) => ({ type: 'citations_delta', citation })),
    ];
  }
  const json = isPlainObject(block.input) ? JSON.stringify(block.input) : block.input;
  return pieces(json).map((part) => ({ type: 'input_json_delta', partial_json: part }));
}

function error(status: number, message: string, _details?: ErrorDetails): JsonObject {
  const type = ERROR_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return { type: 'error', error: { type, message }, request_id: `req_${randomUUID().replaceAll('-', '')}` };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

const STOP_REASONS = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', refusal: 'refusal' };

const ERROR_TYPES: Record<number, string> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};
