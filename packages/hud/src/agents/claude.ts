/** Claude, by Anthropic's messages API. */
import type Anthropic from '@anthropic-ai/sdk';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import { assembled, isMidItem } from './claude-stream.ts';
import type { ToolAgentConfig } from './config.ts';
import { findCredentials, type Credentials } from './credentials.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadPackage } from './package-loading.ts';
import { hearingFetch, patiently, sdkTimeoutMs, type Hearing, type PatienceSettings } from './stream-patience.ts';
import { toolAgent } from './tool-agent.ts';

export interface ClaudeConfig extends ToolAgentConfig {
  /** Longest reply, in tokens. @default 16_384 */
  maxTokens?: number;
  /** @default 120 */
  toolTimeoutSeconds?: number;
}

const PROVIDER = 'anthropic';

/** @throws HudError MODEL_KEY_MISSING */
export function claudeAgent(config: ClaudeConfig = {}): Agent {
  return toolAgent('claude', { toolTimeoutSeconds: 120, ...config }, claudeAdapter);
}

export function claudeAdapter(config: ClaudeConfig): ModelAdapter {
  const credentials = findCredentials(config, { label: 'Claude', keyVariable: 'ANTHROPIC_API_KEY', baseUrlVariable: 'ANTHROPIC_BASE_URL' });
  const model = config.model ?? 'claude-sonnet-4-6';
  let client: Promise<Anthropic> | undefined;
  return {
    provider: PROVIDER,
    model,
    begin: (init) => new ClaudeConversation(init, { ...config, model }, credentials, () => (client ??= makeClient(credentials, config))),
  };
}

async function makeClient({ apiKey, baseUrl }: Credentials, settings: PatienceSettings): Promise<Anthropic> {
  const { default: Sdk } = await loadPackage('@anthropic-ai/sdk', () => import('@anthropic-ai/sdk'));
  return new Sdk({
    apiKey,
    maxRetries: 0,
    timeout: sdkTimeoutMs(settings),
    fetch: hearingFetch,
    ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
  });
}

class ClaudeConversation implements Conversation {
  readonly #messages: Anthropic.MessageParam[];
  readonly #tools: Anthropic.Tool[];
  readonly #init: ConversationInit;
  readonly #config: ClaudeConfig & { model: string };
  readonly #credentials: Credentials;
  readonly #client: () => Promise<Anthropic>;

  constructor(
    init: ConversationInit,
    config: ClaudeConfig & { model: string },
    credentials: Credentials,
    client: () => Promise<Anthropic>,
  ) {
    this.#init = init;
    this.#config = config;
    this.#credentials = credentials;
    this.#client = client;
    this.#messages = init.messages.map(({ role, content }) => ({ role, content: blocksOf([content]) }));
    this.#tools = init.tools.map(({ name, description, inputSchema }) => ({
      name,
      description,
      input_schema: inputSchema as Anthropic.Tool.InputSchema,
    }));
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    const client = await this.#client();
    try {
      const message = await patiently(PROVIDER, this.#config, context.signal, (hearing) => this.#reply(client, context, hearing));
      const turn = turnOf(message);
      const content = replayable(message.content);
      if (content.length > 0) this.#messages.push({ role: 'assistant', content });
      return turn;
    } catch (error) {
      throw modelError(error, PROVIDER, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    const content = results.map(({ call, result }): Anthropic.ToolResultBlockParam => ({
      type: 'tool_result',
      tool_use_id: call.id,
      content: blocksOf(result.content),
      is_error: result.isError,
    }));
    this.#messages.push({ role: 'user', content });
  }

  addUserText(text: string): void {
    this.#messages.push({ role: 'user', content: [{ type: 'text', text }] });
  }

  async #reply(client: Anthropic, context: AskContext, hearing: Hearing): Promise<Anthropic.Message> {
    const options = { signal: hearing.signal, ...(this.#credentials.isGateway ? { headers: { 'Trace-Id': context.traceId } } : {}) };
    if (this.#config.stream === false) return await client.messages.create(this.#request(), options);
    const stream = await client.messages.create({ ...this.#request(), stream: true }, options);
    return await assembled(hearing.events(stream, isMidItem), context.onText);
  }

  #request(): Anthropic.MessageCreateParamsNonStreaming {
    const { systemPrompt } = this.#init;
    return {
      model: this.#config.model,
      max_tokens: this.#config.maxTokens ?? 16_384,
      messages: withCacheMark(this.#messages),
      ...(systemPrompt === undefined ? {} : { system: systemPrompt }),
      ...(this.#tools.length === 0 ? {} : { tools: this.#tools, tool_choice: { type: 'auto', disable_parallel_tool_use: true } }),
    };
  }
}

function turnOf(message: Anthropic.Message): ModelTurn {
  const texts = message.content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const thoughts = message.content.flatMap((block) => (block.type === 'thinking' ? [block.thinking] : []));
  const toolCalls = message.content.flatMap((block): ToolCall[] =>
    block.type === 'tool_use' ? [{ id: block.id, name: block.name, arguments: inputOf(block.input) }] : [],
  );
  const { usage } = message;
  const cached = usage.cache_read_input_tokens ?? 0;
  return {
    content: texts.length === 0 ? null : texts.join(''),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('\n') }),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: message.stop_reason,
    ...(message.stop_reason === 'refusal' ? { refusal: texts.join('') || 'refused' } : {}),
    citations: message.content.flatMap(citationsOf),
    model: message.model,
    raw: message,
    usage: {
      promptTokens: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
      completionTokens: usage.output_tokens,
      cachedTokens: cached,
      llmCallCount: 1,
    },
  };
}

function inputOf(input: unknown): JsonObject | string {
  return isPlainObject(input) ? input : typeof input === 'string' ? input : JSON.stringify(input);
}

function citationsOf(block: Anthropic.ContentBlock): NonNullable<ModelTurn['citations']> {
  if (block.type !== 'text') return [];
  return (block.citations ?? []).map((citation) => {
    const source = 'url' in citation ? citation.url : 'document_title' in citation ? (citation.document_title ?? '') : '';
    const type =
      citation.type === 'web_search_result_location' || citation.type === 'search_result_location' ? citation.type : 'document_citation';
    const title = 'title' in citation ? citation.title : undefined;
    return { type, text: citation.cited_text, source: source ?? '', ...(typeof title === 'string' ? { title } : {}) };
  });
}

/** The reply as it came, except for what the API refuses to read again: empty texts, broken tool inputs. */
function replayable(content: readonly Anthropic.ContentBlock[]): Anthropic.ContentBlockParam[] {
  return content
    .filter((block) => block.type !== 'text' || block.text !== '')
    .map(
      (block) =>
        (block.type === 'tool_use' && !isPlainObject(block.input) ? { ...block, input: {} } : block) as Anthropic.ContentBlockParam,
    );
}

function blocksOf(blocks: readonly ContentBlock[]): (Anthropic.TextBlockParam | Anthropic.ImageBlockParam)[] {
  return blocks.map((block) => {
    if (block.type === 'image' && block.data !== undefined) {
      const media = (block.mimeType ?? 'image/png') as Anthropic.Base64ImageSource['media_type'];
      return { type: 'image', source: { type: 'base64', media_type: media, data: block.data } };
    }
    return {
      type: 'text',
      text: block.type === 'text' && block.text !== undefined && block.text !== '' ? block.text : describeBlock(block),
    };
  });
}

/** The API refuses empty texts and knows no other kinds; a name says that something was there. */
function describeBlock(block: ContentBlock): string {
  return block.type === 'text' ? '(empty)' : `(${block.type})`;
}

/** One cache mark, on the last block of the last message, on a copy: more marks than four are an error. */
function withCacheMark(messages: readonly Anthropic.MessageParam[]): Anthropic.MessageParam[] {
  const last = messages.at(-1);
  if (last === undefined || last.role !== 'user' || typeof last.content === 'string') return [...messages];
  const content = last.content.map((block, i, all) => (i === all.length - 1 ? { ...block, cache_control: { type: 'ephemeral' } } : block));
  return [...messages.slice(0, -1), { ...last, content: content as Anthropic.ContentBlockParam[] }];
}
