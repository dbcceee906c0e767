/** OpenAI, by its Responses API: the server keeps the conversation, each request sends what is new. */
import type OpenAI from 'openai';
import { isPlainObject, parseJson, stringifyJson, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, PromptMessage, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import type { ToolAgentConfig } from './config.ts';
import { findCredentials, type Credentials } from './credentials.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadOpenAI, type Sending } from './openai-client.ts';
import { patiently } from './stream-patience.ts';
import { dropNulls, strictSchema } from './strict-schema.ts';
import { toolAgent } from './tool-agent.ts';

export interface OpenAIConfig extends ToolAgentConfig {
  /** Longest reply, in tokens, thoughts included. @default the API's */
  maxOutputTokens?: number;
  /** @default the API's; models that reason refuse it */
  temperature?: number;
  /** As the API spells it: `{ effort: 'low', summary: 'auto' }`. @default the API's */
  reasoning?: JsonObject;
  /** `auto`, `required` or `none`. @default `auto` */
  toolChoice?: 'auto' | 'required' | 'none';
  /** `auto` drops the oldest items of a conversation that is too long. @default `disabled` */
  truncation?: 'auto' | 'disabled';
  /** Let one turn call several tools. @default true */
  parallelToolCalls?: boolean;
}

type Responses = OpenAI.Responses.Response;
type Item = OpenAI.Responses.ResponseInputItem;

const PROVIDER = 'openai';

/** @throws HudError MODEL_KEY_MISSING */
export function openaiAgent(config: OpenAIConfig = {}): Agent {
  return toolAgent('openai', config, openaiAdapter);
}

export function openaiAdapter(config: OpenAIConfig): ModelAdapter {
  const credentials = findCredentials(config, { label: 'OpenAI', keyVariable: 'OPENAI_API_KEY', baseUrlVariable: 'OPENAI_BASE_URL' });
  const model = config.model ?? 'gpt-5.6';
  let client: Promise<OpenAI> | undefined;
  return {
    provider: PROVIDER,
    model,
    begin: (init) => new ResponsesConversation(init, { ...config, model }, credentials, () => (client ??= loadOpenAI(credentials, config))),
  };
}

class ResponsesConversation implements Conversation {
  /** Items since the last request. */
  #pending: Item[];
  #previousId: string | undefined;
  readonly #systemPrompt: string | undefined;
  readonly #tools: OpenAI.Responses.FunctionTool[];
  /** Original schemas of the tools whose optional arguments come as nulls. */
  readonly #strict = new Map<string, JsonObject>();
  readonly #config: OpenAIConfig & { model: string };
  readonly #credentials: Credentials;
  readonly #client: () => Promise<OpenAI>;

  constructor(init: ConversationInit, config: OpenAIConfig & { model: string }, credentials: Credentials, client: () => Promise<OpenAI>) {
    this.#systemPrompt = init.systemPrompt;
    this.#config = config;
    this.#credentials = credentials;
    this.#client = client;
    this.#pending = init.messages.map(messageItem);
    this.#tools = init.tools.map(({ name, description, inputSchema }) => {
      const { schema, strict } = strictSchema(inputSchema);
      if (strict) this.#strict.set(name, inputSchema);
      return { type: 'function', name, description, parameters: schema, strict };
    });
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    const client = await this.#client();
    const headers = this.#credentials.isGateway ? { headers: { 'Trace-Id': context.traceId } } : {};
    const send = this.#config.stream === false ? whole : streamed;
    try {
      const response = await patiently(PROVIDER, this.#config, context.signal, (hearing) =>
        send(client, this.#request(), { options: { signal: hearing.signal, ...headers }, hearing, onText: context.onText }),
      );
      this.#previousId = response.id;
      this.#pending = [];
      return turnOf(response, this.#strict);
    } catch (error) {
      throw modelError(error, PROVIDER, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    this.#pending.push(
      ...results.map(({ call, result }): Item => ({ type: 'function_call_output', call_id: call.id, output: outputParts(result) })),
    );
  }

  addUserText(text: string): void {
    this.#pending.push(messageItem({ role: 'user', content: { type: 'text', text } }));
  }

  #request(): OpenAI.Responses.ResponseCreateParamsNonStreaming {
    const { maxOutputTokens, temperature, reasoning, toolChoice, truncation, parallelToolCalls, citationsEnabled } = this.#config;
    return withoutUndefined({
      model: this.#config.model,
      input: this.#pending,
      previous_response_id: this.#previousId,
      instructions: this.#systemPrompt,
      tools: this.#tools.length === 0 ? undefined : this.#tools,
      max_output_tokens: maxOutputTokens,
      temperature,
      reasoning,
      tool_choice: this.#tools.length === 0 ? undefined : toolChoice,
      truncation,
      parallel_tool_calls: this.#tools.length === 0 ? undefined : parallelToolCalls,
      include: citationsEnabled ? ['web_search_call.action.sources'] : undefined,
    }) as unknown as OpenAI.Responses.ResponseCreateParamsNonStreaming;
  }
}

async function whole(client: OpenAI, request: OpenAI.Responses.ResponseCreateParamsNonStreaming, { options }: Sending): Promise<Responses> {
  const response = await client.responses.create(request, options);
  if (response.status === 'failed') throw failure(response.error);
  return response;
}

/** The last event carries the whole response; a stream that ends without it was cut. */
async function streamed(
  client: OpenAI,
  request: OpenAI.Responses.ResponseCreateParamsNonStreaming,
  { options, hearing, onText }: Sending,
): Promise<Responses> {
  const stream = await client.responses.create({ ...request, stream: true }, options);
  for await (const event of hearing.events(stream, isDelta)) {
    if (event.type === 'response.output_text.delta') onText?.(event.delta);
    if (event.type === 'response.completed' || event.type === 'response.incomplete') return event.response;
    if (event.type === 'response.failed') throw failure(event.response.error);
    if (event.type === 'error') throw failure(event);
  }
  throw new Error('the stream ended before the response was complete');
}

/** Before the first piece of an item, and between items, the model thinks: the API says nothing for minutes then. */
function isDelta({ type }: OpenAI.Responses.ResponseStreamEvent): boolean {
  return type.endsWith('.delta');
}

/** With the code where errors of the SDK have it, so that it decides whether to try again. */
function failure(error: { code: string | null; message: string } | null): Error {
  return Object.assign(new Error(error?.message ?? 'the response failed'), { type: error?.code });
}

function turnOf(response: Responses, strict: ReadonlyMap<string, JsonObject>): ModelTurn {
  const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const texts = parts.flatMap((part) => (part.type === 'output_text' ? [part.text] : []));
  const refusals = parts.flatMap((part) => (part.type === 'refusal' ? [part.refusal] : []));
  const thoughts = response.output.flatMap((item) => (item.type === 'reasoning' ? item.summary.map(({ text }) => text) : []));
  const toolCalls = response.output.flatMap((item): ToolCall[] =>
    item.type === 'function_call'
      ? [{ id: item.call_id, name: item.name, arguments: argumentsOf(item.arguments, strict.get(item.name)) }]
      : [],
  );
  const { usage } = response;
  return {
    content: texts.length === 0 ? (refusals.length === 0 ? null : refusals.join('')) : texts.join(''),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('\n') }),
    ...(refusals.length === 0 ? {} : { refusal: refusals.join('') }),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: response.incomplete_details?.reason ?? (toolCalls.length === 0 ? 'stop' : 'tool_calls'),
    citations: parts.flatMap((part) =>
      part.type === 'output_text' ? part.annotations.flatMap((note) => citationOf(note, part.text)) : [],
    ),
    model: response.model,
    raw: response,
    ...(usage === undefined || usage === null
      ? {}
      : {
          usage: {
            promptTokens: usage.input_tokens,
            completionTokens: usage.output_tokens,
            cachedTokens: usage.input_tokens_details?.cached_tokens ?? 0,
            llmCallCount: 1,
          },
        }),
  };
}

type Annotation = OpenAI.Responses.ResponseOutputText['annotations'][number];

function citationOf(note: Annotation, text: string): NonNullable<ModelTurn['citations']> {
  if (note.type === 'url_citation') {
    const { start_index: startIndex, end_index: endIndex } = note;
    return [{ type: 'url_citation', text: text.slice(startIndex, endIndex), source: note.url, title: note.title, startIndex, endIndex }];
  }
  return note.type === 'file_citation' ? [{ type: 'file_citation', text: '', source: note.file_id, title: note.filename }] : [];
}

/** @param schema the tool's own, when the model was given its strict form */
function argumentsOf(text: string, schema: JsonObject | undefined): JsonObject | string {
  const args = parseArguments(text);
  return typeof args === 'string' || schema === undefined ? args : dropNulls(args, schema);
}

/** A model's arguments: an object, or the text as it is where that is no JSON object. */
export function parseArguments(text: string): JsonObject | string {
  try {
    const value = parseJson(text === '' ? '{}' : text);
    return isPlainObject(value) ? value : text;
  } catch {
    return text; // a malformed call keeps its text: it is answered, never executed
  }
}

function messageItem({ role, content }: PromptMessage): Item {
  if (role === 'assistant') return { role, content: content.text ?? '' };
  return { role, content: [inputPart(content)] };
}

function outputParts(result: ToolResult): InputPart[] {
  const lead = result.isError ? [textPart('[tool_error] true')] : [];
  const structured = result.structuredContent === undefined ? [] : [textPart(stringifyJson(result.structuredContent))];
  const parts = [...lead, ...structured, ...result.content.map(inputPart)];
  return parts.length === 0 ? [textPart('(no output)')] : parts;
}

type InputPart = OpenAI.Responses.ResponseInputText | OpenAI.Responses.ResponseInputImage;

function inputPart(block: ContentBlock): InputPart {
  if (block.type === 'image' && block.data !== undefined) return { type: 'input_image', image_url: dataUrl(block), detail: 'auto' };
  return textPart(block.text ?? `(${block.type})`);
}

function textPart(text: string): OpenAI.Responses.ResponseInputText {
  return { type: 'input_text', text };
}

export function dataUrl(block: ContentBlock): string {
  return `data:${block.mimeType ?? 'image/png'};base64,${block.data ?? ''}`;
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
