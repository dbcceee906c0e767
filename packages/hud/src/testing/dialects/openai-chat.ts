/** OpenAI's chat completions, with the token ids that inference engines such as vLLM add. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../protocol/index.ts';
import type { ModelMessage, ModelRequest, ModelTurn } from '../model-script.ts';
import { appendToolResult, assertPaired, joinSystem, objectsIn, readArguments, readContent, stringIn } from './conversation.ts';
import { badRequest, sse, type Dialect, type WireRequest } from './dialect.ts';
import { openAiError } from './openai-errors.ts';
import { callsOf, citationsOf, finishReasonOf, pieces, usageOf, type Usage } from './turn.ts';

export const openAiChat: Dialect = {
  name: 'openai-chat',
  idHeader: 'x-request-id',
  parse,
  reply,
  stream,
  error: openAiError,
};

interface ToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

interface Message {
  role: 'assistant';
  content: string | null;
  refusal: string | null;
  annotations: JsonObject[];
  reasoning_content?: string;
  tool_calls?: ToolCall[];
}

interface Completion extends JsonObject {
  id: string;
  created: number;
  model: string;
  choices: [{ index: 0; message: Message; finish_reason: string; logprobs: JsonObject | null } & TokenFields];
  usage: JsonObject;
}

interface TokenFields {
  token_ids?: readonly number[];
  prompt_token_ids?: readonly number[] | null;
  prompt_chunks?: readonly JsonObject[];
}

function parse({ body, headers, path }: WireRequest): Omit<ModelRequest, 'index'> {
  const model = stringIn(body['model']);
  if (model === '') throw badRequest('The request names no model.', { param: 'model' });
  const sent = objectsIn(body['messages']);
  if (sent.length === 0) throw badRequest('The request has no messages.', { param: 'messages' });
  const system: string[] = [];
  const messages: ModelMessage[] = [];
  for (const message of sent) readMessage(message, system, messages);
  assertPaired(messages, 'messages');
  return {
    dialect: 'openai-chat',
    model,
    system: joinSystem(system),
    messages,
    stream: body['stream'] === true,
    headers,
    body,
    path,
    tools: objectsIn(body['tools']).map((tool) => {
      const [definition] = [...objectsIn([tool['function']]), ...objectsIn([tool['custom']])];
      return stringIn(definition?.['name']) || stringIn(tool['type']);
    }),
  };
}

function readMessage(message: JsonObject, system: string[], messages: ModelMessage[]): void {
  const content = readContent(message['content']);
  switch (message['role']) {
    case 'system':
    case 'developer':
      system.push(content.text);
      return;
    case 'user':
      messages.push({ role: 'user', ...content });
      return;
    case 'tool':
      appendToolResult(messages, { callId: stringIn(message['tool_call_id']), ...content });
      return;
    case 'assistant': {
      const toolCalls = objectsIn(message['tool_calls']).map((call) => {
        const [definition] = objectsIn([call['function']]);
        return {
          id: stringIn(call['id']),
          name: stringIn(definition?.['name']),
          arguments: readArguments(definition?.['arguments']),
        };
      });
      messages.push({ role: 'assistant', ...content, ...(toolCalls.length > 0 && { toolCalls }) });
      return;
    }
    default:
      throw badRequest(`Unknown role ${JSON.stringify(message['role'])}.`, { param: 'messages' });
  }
}

function reply(request: ModelRequest, turn: ModelTurn): Completion {
  const finish = finishReasonOf(turn);
  return {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    choices: [
      {
        index: 0,
        message: messageOf(request, turn),
        logprobs: logprobsOf(request, turn),
        // A refusal has a field of its own and ends like any other answer.
        finish_reason: finish === 'refusal' ? 'stop' : finish,
        ...tokenFieldsOf(request, turn),
      },
    ],
    usage: usageBody(usageOf(request, turn)),
    service_tier: 'default',
  };
}

function messageOf(request: ModelRequest, turn: ModelTurn): Message {
  const refused = finishReasonOf(turn) === 'refusal';
  const calls = callsOf(request, turn, 'call');
  return {
    role: 'assistant',
    content: refused ? null : (turn.text ?? (calls.length > 0 ? null : '')),
    refusal: refused ? (turn.text ?? '') : null,
    annotations: citationsOf(turn).map(({ url, title, startIndex, endIndex }) => ({
      type: 'url_citation',
      url_citation: { url, title, start_index: startIndex, end_index: endIndex },
    })),
    ...(turn.reasoning !== undefined && { reasoning_content: turn.reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({
        id: call.id,
        type: 'function' as const,
        function: { name: call.name, arguments: call.text },
      })),
    }),
  };
}

function tokenFieldsOf(request: ModelRequest, turn: ModelTurn): TokenFields {
  if (request.body['return_token_ids'] !== true || turn.tokenIds === undefined) return {};
  if (turn.promptChunks) return { token_ids: turn.tokenIds, prompt_token_ids: null, prompt_chunks: turn.promptChunks };
  return { token_ids: turn.tokenIds, ...(turn.promptTokenIds && { prompt_token_ids: turn.promptTokenIds }) };
}

function logprobsOf(request: ModelRequest, turn: ModelTurn): JsonObject | null {
  if (request.body['logprobs'] !== true || turn.logprobs === undefined) return null;
  const content = turn.logprobs.map((logprob, position) => ({
    token: `token_id:${turn.tokenIds?.[position] ?? position}`,
    bytes: null,
    logprob,
    top_logprobs: [],
  }));
  return { content, refusal: null };
}

function usageBody(usage: Usage): JsonObject {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens, audio_tokens: 0 },
  };
}

function stream(body: JsonObject, request: ModelRequest): string[] {
  const {
    id,
    created,
    model,
    choices: [choice],
    usage,
  } = body as Completion;
  const [options] = objectsIn([request.body['stream_options']]);
  const withUsage = options?.['include_usage'] === true;
  const chunk = (choices: JsonObject[], more: JsonObject = withUsage ? { usage: null } : {}): string =>
    sse({ id, object: 'chat.completion.chunk', created, model, service_tier: 'default', choices, ...more });
  const { token_ids, ...prompt } = tokenPart(choice);
  const delta = (part: JsonObject, more: JsonObject = {}): string =>
    chunk([{ index: 0, delta: part, logprobs: null, finish_reason: null, ...more }]);
  return [
    delta({ role: 'assistant', content: choice.message.content === null ? null : '', refusal: null }, prompt),
    ...deltasOf(choice.message).map((part) => delta(part)),
    // The sampled ids travel beside the text: they can't be cut where a parser cuts it.
    ...(token_ids || choice.logprobs ? [delta({}, { token_ids, logprobs: choice.logprobs })] : []),
    delta({}, { finish_reason: choice.finish_reason }),
    ...(withUsage ? [chunk([], { usage })] : []),
    'data: [DONE]\n\n',
  ];
}

function tokenPart({ token_ids, prompt_token_ids, prompt_chunks }: TokenFields): TokenFields {
  return { token_ids, ...(prompt_token_ids !== undefined && { prompt_token_ids }), ...(prompt_chunks && { prompt_chunks }) };
}

function deltasOf(message: Message): JsonObject[] {
  return [
    ...pieces(message.reasoning_content ?? '').map((text) => ({ reasoning_content: text })),
    ...pieces(message.content ?? '').map((text) => ({ content: text })),
    ...pieces(message.refusal ?? '').map((text) => ({ refusal: text })),
    ...(message.annotations.length > 0 ? [{ annotations: message.annotations }] : []),
    ...(message.tool_calls ?? []).flatMap((call, index) => [
      { tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.function.name, arguments: '' } }] },
      ...pieces(call.function.arguments).map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] })),
    ]),
  ];
}
