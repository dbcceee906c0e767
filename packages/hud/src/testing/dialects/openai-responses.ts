/** OpenAI's Responses: a conversation of typed items, which the server remembers between requests. */
import { randomUUID } from 'node:crypto';
import { HudError, type JsonObject } from '../../protocol/index.ts';
import type { ModelMessage, ModelRequest, ModelTurn } from '../model-script.ts';
import {
  appendToolResult,
  assertPaired,
  joinSystem,
  objectsIn,
  readArguments,
  readContent,
  stringIn,
  type Content,
} from './conversation.ts';
import { badRequest, type Dialect, type WireRequest } from './dialect.ts';
import { openAiError } from './openai-errors.ts';
import { streamResponse, type OutputItem } from './openai-responses-stream.ts';
import { callsOf, citationsOf, finishReasonOf, usageOf, type Call } from './turn.ts';

/** Remembers the answers of one server; those sent with `store: false` can't be continued. */
export function openAiResponses(): Dialect {
  const remembered = new Map<string, JsonObject[]>();

  const conversationOf = (body: JsonObject): JsonObject[] => {
    const previous = body['previous_response_id'];
    const before = typeof previous === 'string' ? remembered.get(previous) : [];
    if (before === undefined) {
      throw badRequest(`No stored response has the id ${String(previous)}.`, {
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      });
    }
    const input = body['input'];
    return [...before, ...(typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : objectsIn(input))];
  };

  return {
    name: 'openai-responses',
    idHeader: 'x-request-id',
    parse: (wire) => parse(wire, conversationOf(wire.body)),
    reply: (request, turn) => {
      const response = responseOf(request, turn);
      if (request.body['store'] !== false) {
        remembered.set(response.id, [...conversationOf(request.body), ...response.output]);
      }
      return response;
    },
    stream: streamResponse,
    error: openAiError,
  };
}

interface Response extends JsonObject {
  id: string;
  output: OutputItem[];
}

function parse({ body, headers, path }: WireRequest, items: readonly JsonObject[]): Omit<ModelRequest, 'index'> {
  const model = stringIn(body['model']);
  if (model === '') throw badRequest('The request names no model.', { param: 'model', code: 'missing_required_parameter' });
  if (items.length === 0) throw badRequest('The request has no input.', { param: 'input', code: 'missing_required_parameter' });
  const instructions = stringIn(body['instructions']);
  const system = instructions === '' ? [] : [instructions];
  const messages: ModelMessage[] = [];
  for (const item of items) readItem(item, system, messages);
  assertPaired(messages, 'input');
  return {
    dialect: 'openai-responses',
    model,
    system: joinSystem(system),
    messages,
    stream: body['stream'] === true,
    headers,
    body,
    path,
    tools: objectsIn(body['tools']).map((tool) => stringIn(tool['name']) || stringIn(tool['type'])),
  };
}

function readItem(item: JsonObject, system: string[], messages: ModelMessage[]): void {
  const type = stringIn(item['type']) || 'message';
  const callId = stringIn(item['call_id']);
  if (type === 'message') readMessageItem(item, system, messages);
  else if (type.endsWith('_call_output')) appendToolResult(messages, { callId, ...readOutput(item['output']) });
  // A call without an id of its own ran at the vendor's and waits for no result.
  else if (type.endsWith('_call') && callId !== '') {
    const name = stringIn(item['name']) || type.slice(0, -'_call'.length);
    const sent = item['arguments'] ?? item['action'] ?? item['operation'] ?? item['input'] ?? { actions: item['actions'] };
    const message = assistantAtEnd(messages);
    message.toolCalls = [...(message.toolCalls ?? []), { id: callId, name, arguments: readArguments(sent) }];
  }
}

function readMessageItem(item: JsonObject, system: string[], messages: ModelMessage[]): void {
  const content = readContent(item['content']);
  switch (item['role']) {
    case 'system':
    case 'developer':
      system.push(content.text);
      return;
    case 'user':
      messages.push({ role: 'user', ...content });
      return;
    case 'assistant': {
      const message = assistantAtEnd(messages);
      message.text = message.text === '' ? content.text : `${message.text}\n${content.text}`;
      return;
    }
    default:
      throw badRequest(`Unknown role ${JSON.stringify(item['role'])}.`, { param: 'input' });
  }
}

/** One turn may be several items: a message and calls. */
function assistantAtEnd(messages: ModelMessage[]): ModelMessage {
  const last = messages.at(-1);
  if (last?.role === 'assistant') return last;
  const started: ModelMessage = { role: 'assistant', text: '' };
  messages.push(started);
  return started;
}

function readOutput(output: unknown): Content {
  const [single] = objectsIn([output]);
  if (single) return readContent([single]);
  const commands = objectsIn(output).filter((part) => 'stdout' in part || 'stderr' in part);
  if (commands.length === 0) return readContent(output);
  return { text: commands.map((part) => stringIn(part['stdout']) + stringIn(part['stderr'])).join('\n') };
}

function responseOf(request: ModelRequest, turn: ModelTurn): Response {
  const { body } = request;
  const usage = usageOf(request, turn);
  const isCut = finishReasonOf(turn) === 'length';
  return {
    id: newId('resp'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: isCut ? 'incomplete' : 'completed',
    error: null,
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    metadata: body['metadata'] ?? {},
    model: request.model,
    output: outputOf(request, turn),
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    previous_response_id: body['previous_response_id'] ?? null,
    reasoning: body['reasoning'] ?? { effort: null, summary: null },
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: body['text'] ?? { format: { type: 'text' } },
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    usage: {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens },
      output_tokens: usage.completionTokens,
      output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
      total_tokens: usage.promptTokens + usage.completionTokens,
    },
  };
}

function outputOf(request: ModelRequest, turn: ModelTurn): OutputItem[] {
  const status = finishReasonOf(turn) === 'length' ? 'incomplete' : 'completed';
  const output: OutputItem[] = [];
  if (turn.reasoning !== undefined) {
    output.push({ type: 'reasoning', id: newId('rs'), summary: [{ type: 'summary_text', text: turn.reasoning }] });
  }
  if (turn.text !== undefined) {
    output.push({ type: 'message', id: newId('msg'), role: 'assistant', status, content: [contentPart(turn, turn.text)] });
  }
  return [...output, ...callsOf(request, turn, 'call').map((call) => callItem(call, request))];
}

function contentPart(turn: ModelTurn, text: string): JsonObject {
  if (finishReasonOf(turn) === 'refusal') return { type: 'refusal', refusal: text };
  const annotations = citationsOf(turn).map(({ url, title, startIndex, endIndex }) => ({
    type: 'url_citation',
    url,
    title,
    start_index: startIndex,
    end_index: endIndex,
  }));
  return { type: 'output_text', text, annotations, logprobs: [] };
}

/** A call of a tool that the request offers under OpenAI's own type has an item of its own kind. */
function callItem(call: Call, request: ModelRequest): OutputItem {
  const isOwnTool = objectsIn(request.body['tools']).some((tool) => tool['type'] === call.name);
  const own = isOwnTool ? OWN_CALLS[call.name] : undefined;
  if (!own) {
    return { type: 'function_call', id: newId('fc'), call_id: call.id, name: call.name, arguments: call.text, status: 'completed' };
  }
  if (!call.object) {
    throw new HudError('BAD_ARGUMENT', `OpenAI's ${call.name} tool has fields, not JSON text, so its arguments can't be malformed.`);
  }
  const { type, ...fields } = own(call.object);
  return { type, id: newId(type), call_id: call.id, status: 'completed', ...fields };
}

/** Arguments of a scripted call, as the fields of its item. */
const OWN_CALLS: Record<string, (args: JsonObject) => JsonObject & { type: string }> = {
  shell: (args) => ({
    type: 'shell_call',
    action: { timeout_ms: null, max_output_length: null, ...args },
    environment: { type: 'local' },
  }),
  computer: (args) => ({ type: 'computer_call', pending_safety_checks: [], ...args }),
  computer_use_preview: (args) => ({ type: 'computer_call', pending_safety_checks: [], ...args }),
  apply_patch: (args) => ({ type: 'apply_patch_call', operation: args }),
};

function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
