/** Any server that speaks OpenAI's chat completions: local engines, aggregators, trainable models. */
import type OpenAI from 'openai';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { PromptMessage, Sample, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import { streamedReply, wholeReply, type Choice, type Completion } from './chat-completion.ts';
import type { ToolAgentConfig } from './config.ts';
import { findCredentials, type Credentials } from './credentials.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadOpenAI } from './openai-client.ts';
import { dataUrl, parseArguments } from './openai.ts';
import { patiently } from './stream-patience.ts';
import { toolAgent } from './tool-agent.ts';
import { resultText } from './tools/tool.ts';

export interface OpenAICompatibleConfig extends ToolAgentConfig {
  /**
   * Further members of each request, as the wire spells them; those of `extra_body` are merged in.
   * `{ extra_body: { return_token_ids: true } }` records the sampled tokens of each turn for training.
   */
  completionKwargs?: JsonObject;
  /** Serve exactly this checkpoint of a trainable model. */
  checkpoint?: string;
}

const RESERVED = new Set(['model', 'messages', 'stream', 'tools', 'extra_body']);
const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_details'] as const;

/** @throws HudError MODEL_KEY_MISSING */
export function openaiCompatibleAgent(config: OpenAICompatibleConfig = {}): Agent {
  return toolAgent('openai_compatible', config, openaiCompatibleAdapter);
}

export function openaiCompatibleAdapter(config: OpenAICompatibleConfig): ModelAdapter {
  const credentials = findCredentials(config, {
    label: 'The OpenAI-compatible agent',
    keyVariable: 'OPENAI_API_KEY',
    baseUrlVariable: 'OPENAI_BASE_URL',
  });
  const model = config.model ?? 'gpt-5.4-mini';
  const provider = credentials.baseUrl === undefined ? 'openai' : new URL(credentials.baseUrl).host;
  let client: Promise<OpenAI> | undefined;
  return {
    provider,
    model,
    begin: (init) =>
      new ChatConversation(init, { ...config, model }, provider, credentials, () => (client ??= loadOpenAI(credentials, config))),
  };
}

type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;
class ChatConversation implements Conversation {
  readonly #messages: Message[];
  readonly #tools: OpenAI.Chat.Completions.ChatCompletionFunctionTool[];
  readonly #system: Message[];
  readonly #config: OpenAICompatibleConfig & { model: string };
  readonly #provider: string;
  readonly #credentials: Credentials;
  readonly #client: () => Promise<OpenAI>;
  readonly #extra: JsonObject;
  /** Ids of everything up to and with the last sampled turn, and how many messages they cover. */
  #covered: { ids: number[]; messages: number } | undefined;

  constructor(
    init: ConversationInit,
    config: OpenAICompatibleConfig & { model: string },
    provider: string,
    credentials: Credentials,
    client: () => Promise<OpenAI>,
  ) {
    this.#config = config;
    this.#provider = provider;
    this.#credentials = credentials;
    this.#client = client;
    this.#system = init.systemPrompt === undefined ? [] : [{ role: 'system', content: init.systemPrompt }];
    this.#messages = init.messages.map(promptMessage);
    this.#tools = init.tools.map(({ name, description, inputSchema }) => ({
      type: 'function',
      function: { name, description, parameters: plainSchema(inputSchema) },
    }));
    this.#extra = extraMembers(config);
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    const client = await this.#client();
    const headers = this.#credentials.isGateway ? { headers: { 'Trace-Id': context.traceId } } : {};
    try {
      // Token ids come with whole replies only.
      const isStreamed = this.#config.stream !== false && !this.#capturesTokens;
      const reply = isStreamed ? streamedReply : wholeReply;
      const completion = await patiently(this.#provider, this.#config, context.signal, (hearing) =>
        reply(client, this.#request(), { options: { signal: hearing.signal, ...headers }, hearing, onText: context.onText }),
      );
      const turn = turnOf(completion);
      this.#messages.push(replayed(completion.choice.message));
      if (this.#capturesTokens) this.#cover(turn.sample);
      return turn;
    } catch (error) {
      throw modelError(error, this.#provider, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    for (const { call, result } of results) {
      const text = resultText(result);
      this.#messages.push({ role: 'tool', tool_call_id: call.id, content: text === '' ? 'Tool executed successfully' : text });
    }
    const image = results.flatMap(({ result }) => result.content).findLast((block) => block.type === 'image' && block.data !== undefined);
    if (image !== undefined) this.#messages.push({ role: 'user', content: [{ type: 'image_url', image_url: { url: dataUrl(image) } }] });
  }

  addUserText(text: string): void {
    this.#messages.push({ role: 'user', content: text });
  }

  get #capturesTokens(): boolean {
    return this.#extra.return_token_ids === true;
  }

  /** The next prompt must extend this turn's tokens exactly; only flat prompts can be continued. */
  #cover(sample: Sample | undefined): void {
    this.#covered = sample?.promptTokenIds
      ? { ids: [...sample.promptTokenIds, ...sample.outputTokenIds], messages: this.#messages.length }
      : undefined;
  }

  #request(): OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming {
    const continuation =
      this.#covered === undefined ? {} : { prompt_token_ids: this.#covered.ids, continuation_from: this.#covered.messages };
    return {
      ...this.#extra,
      ...continuation,
      ...(this.#config.checkpoint === undefined ? {} : { checkpoint: this.#config.checkpoint }),
      ...(this.#tools.length === 0 ? {} : { tools: this.#tools }),
      model: this.#config.model,
      messages: [...this.#system, ...this.#messages],
    };
  }
}

function extraMembers({ completionKwargs = {} }: OpenAICompatibleConfig): JsonObject {
  const body = isPlainObject(completionKwargs.extra_body) ? completionKwargs.extra_body : {};
  const merged = Object.entries({ ...completionKwargs, ...body });
  const extra: JsonObject = Object.fromEntries(merged.filter(([name]) => !RESERVED.has(name)));
  return extra.return_token_ids === true ? { ...extra, logprobs: true } : extra;
}

function turnOf({ choice, model, usage }: Completion): ModelTurn {
  const { message } = choice;
  const reasoning = reasoningOf(message as unknown as JsonObject);
  const toolCalls = (message.tool_calls ?? []).flatMap((call): ToolCall[] =>
    call.type === 'function' ? [{ id: call.id, name: call.function.name, arguments: parseArguments(call.function.arguments) }] : [],
  );
  const sample = sampleOf(choice);
  return {
    content: message.content ?? message.refusal ?? null,
    ...(reasoning === '' ? {} : { reasoning }),
    ...(message.refusal ? { refusal: message.refusal } : {}),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: choice.finish_reason,
    citations: (message.annotations ?? []).map(({ url_citation: { url, title, start_index: startIndex, end_index: endIndex } }) => ({
      type: 'url_citation',
      text: (message.content ?? '').slice(startIndex, endIndex),
      source: url,
      title,
      startIndex,
      endIndex,
    })),
    model,
    raw: choice,
    ...(usage === undefined
      ? {}
      : {
          usage: {
            promptTokens: usage.prompt_tokens,
            completionTokens: usage.completion_tokens,
            cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
            llmCallCount: 1,
          },
        }),
    ...(sample === undefined ? {} : { sample }),
  };
}

/** Thoughts by the names that servers have for them; the detailed form is a list of texts and summaries. */
function reasoningOf({ reasoning_content: content, reasoning, reasoning_details: details }: JsonObject): string {
  const text = content ?? reasoning;
  if (typeof text === 'string' && text !== '') return text;
  const entries = Array.isArray(details) ? details.filter(isPlainObject) : [];
  return entries
    .map((entry) => entry.text ?? entry.summary)
    .filter((part) => typeof part === 'string')
    .join('');
}

/** What was sampled, where the server says so: the ids, and one log-probability for each. */
function sampleOf(choice: Choice): Sample | undefined {
  const { token_ids: ids, prompt_token_ids: promptIds, prompt_chunks: chunks, logprobs } = choice;
  if (!Array.isArray(ids) || (!Array.isArray(promptIds) && !Array.isArray(chunks))) return undefined;
  const entries = isPlainObject(logprobs) && Array.isArray(logprobs.content) ? (logprobs.content as { logprob: number }[]) : [];
  return {
    ...(Array.isArray(promptIds) ? { promptTokenIds: promptIds as number[] } : {}),
    ...(Array.isArray(chunks) ? { promptChunks: chunks as JsonObject[] } : {}),
    outputTokenIds: ids as number[],
    outputLogprobs: entries.map(({ logprob }) => logprob),
  };
}

/** The reply as history: reasoning goes back as it came, arguments that are no JSON as an empty object. */
function replayed(message: Choice['message']): Message {
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

function promptMessage({ role, content }: PromptMessage): Message {
  if (content.type === 'image' && content.data !== undefined && role === 'user') {
    return { role, content: [{ type: 'image_url', image_url: { url: dataUrl(content) } }] };
  }
  return { role, content: content.text ?? `(${content.type})` };
}

const KEPT = new Set(['type', 'description', 'enum', 'required', 'default', 'minimum', 'maximum', 'minItems', 'maxItems']);

/** The few keywords that every compatible server takes. */
export function plainSchema(schema: JsonObject): JsonObject {
  const options = [schema.anyOf, schema.oneOf].find(Array.isArray) as JsonObject[] | undefined;
  const chosen = options?.find((option) => option.type !== 'null');
  const source = chosen === undefined ? schema : { ...schema, ...chosen };
  const plain: JsonObject = Object.fromEntries(Object.entries(source).filter(([key]) => KEPT.has(key)));
  if (isPlainObject(source.properties)) {
    plain.properties = Object.fromEntries(
      Object.entries(source.properties).map(([name, member]) => [name, isPlainObject(member) ? plainSchema(member) : {}]),
    );
  }
  const items = source.prefixItems ?? source.items;
  const item: unknown = Array.isArray(items) ? items[0] : items;
  if (isPlainObject(item)) plain.items = plainSchema(item);
  return plain;
}
