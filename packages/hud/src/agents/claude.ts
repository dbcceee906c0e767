/** Claude, by Anthropic's messages API. */
import type Anthropic from '@anthropic-ai/sdk';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import { blockOf, citableDocuments } from './claude-blocks.ts';
import { assembled, isMidItem } from './claude-stream.ts';
import type { ToolAgentConfig } from './config.ts';
import { DROPPED_SCREENSHOT, RecentImages } from './context-policy.ts';
import { findCredentials, gatewayHeaders, type Credentials } from './credentials.ts';
import { hostedTools } from './hosted-tools.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadPackage } from './package-loading.ts';
import { hearingFetch, patiently, sdkTimeoutMs, type Hearing, type PatienceSettings } from './stream-patience.ts';
import { toolAgent } from './tool-agent.ts';
import { claudeBash } from './tools/claude-bash.ts';
import { claudeComputer } from './tools/claude-computer.ts';
import { claudeEditor } from './tools/claude-editor.ts';
import type { Reach } from './tools/reach.ts';
import { screenView } from './tools/screen-view.ts';
import type { AgentTool } from './tools/tool.ts';

export interface ClaudeConfig extends ToolAgentConfig {
  /** Longest reply, in tokens. @default 16_384 */
  maxTokens?: number;
  /** @default 120 */
  toolTimeoutSeconds?: number;
}

const PROVIDER = 'anthropic';
/** How often a reply that paused for the vendor's own tools is continued. */
const MAX_PAUSES = 20;

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
    tools: (reach) => claudeTools(reach, config),
    begin: (init) => new ClaudeConversation(init, { ...config, model }, credentials, () => (client ??= makeClient(credentials, config))),
  };
}

/** Shell and files, then the screen. */
function claudeTools({ ssh, screen, model }: Reach, { outputLimitBytes, computer }: ClaudeConfig): AgentTool[] {
  return [
    ...(ssh === undefined ? [] : [claudeBash(ssh, outputLimitBytes), claudeEditor(ssh, outputLimitBytes)]),
    ...(screen === undefined ? [] : [claudeComputer(screenView(screen, computer), model)]),
  ];
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
  readonly #tools: Anthropic.ToolUnion[];
  readonly #betas: string;
  readonly #images: RecentImages;
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
    this.#messages = init.messages.map(({ role, content }) => ({ role, content: [blockOf(content)] }));
    this.#tools = declared(init.tools, config);
    this.#betas = [...new Set(init.tools.flatMap(({ beta }) => beta ?? []))].join(',');
    this.#images = new RecentImages(config.keepScreenshots);
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    const client = await this.#client();
    try {
      return await this.#turn(client, context);
    } catch (error) {
      throw modelError(error, PROVIDER, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    const content = results.map(({ call, result }): Anthropic.ToolResultBlockParam => {
      const blocks = result.content.map(blockOf);
      blocks.forEach((block, i) => {
        if (block.type === 'image') this.#images.add(() => void (blocks[i] = { type: 'text', text: DROPPED_SCREENSHOT }));
      });
      const toolset = call.providerName === undefined ? {} : { toolset_name: call.name };
      return { type: 'tool_result', tool_use_id: call.id, content: blocks, is_error: result.isError, ...toolset };
    });
    this.#messages.push({ role: 'user', content });
    if (this.#config.citationsEnabled !== true) return;
    const documents = results.flatMap(({ call, result }) => (result.isError ? [] : citableDocuments(result.content, call.name)));
    if (documents.length > 0) this.#messages.push({ role: 'user', content: documents });
  }

  addUserText(text: string): void {
    this.#messages.push({ role: 'user', content: [{ type: 'text', text }] });
  }

  /** One reply; a reply that paused while the vendor's own tools work is asked to go on. */
  async #turn(client: Anthropic, context: AskContext): Promise<ModelTurn> {
    const parts: Anthropic.Message[] = [];
    const start = this.#messages.length;
    try {
      for (;;) {
        const message = await patiently(PROVIDER, this.#config, context.signal, (hearing) => this.#reply(client, context, hearing));
        parts.push(message);
        const content = replayable(message.content);
        if (content.length > 0) this.#messages.push({ role: 'assistant', content });
        if (message.stop_reason !== 'pause_turn' || parts.length > MAX_PAUSES) return turnOf(parts);
      }
    } catch (error) {
      this.#messages.length = start; // asked again, it starts over
      throw error;
    }
  }

  async #reply(client: Anthropic, context: AskContext, hearing: Hearing): Promise<Anthropic.Message> {
    const headers = {
      ...gatewayHeaders(this.#credentials, context),
      ...(this.#betas === '' ? {} : { 'anthropic-beta': this.#betas }),
    };
    const options = { signal: hearing.signal, headers };
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

/** Tools of the API's own kind as it declares them, others as functions, then those that it runs itself. */
function declared(tools: readonly AgentTool[], { hostedTools: asked }: ClaudeConfig): Anthropic.ToolUnion[] {
  const { tools: hosted, isDeferring } = hostedTools(asked, tools.filter(({ native }) => native === undefined).length);
  const sent = tools.map(({ name, description, inputSchema, native, capability }): JsonObject => {
    if (native !== undefined) return native;
    // Long inputs arrive as they are written, instead of after a silence.
    const eager = capability === undefined || capability === 'mcp' ? { eager_input_streaming: true } : {};
    return { name, description, input_schema: inputSchema, ...eager, ...(isDeferring ? { defer_loading: true } : {}) };
  });
  return [...sent, ...hosted] as unknown as Anthropic.ToolUnion[];
}

function turnOf(parts: readonly Anthropic.Message[]): ModelTurn {
  const message = parts.at(-1) as Anthropic.Message;
  const content = parts.flatMap((part) => part.content);
  const texts = content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const thoughts = content.flatMap((block) => (block.type === 'thinking' ? [block.thinking] : []));
  const toolCalls = content.flatMap((block): ToolCall[] => (block.type === 'tool_use' ? [callOf(block)] : []));
  return {
    content: texts.length === 0 ? null : texts.join(''),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('\n') }),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: message.stop_reason,
    ...(message.stop_reason === 'refusal' ? { refusal: texts.join('') || 'refused' } : {}),
    citations: content.flatMap(citationsOf),
    model: message.model,
    raw: parts.length === 1 ? message : parts,
    usage: usageOf(parts),
  };
}

function usageOf(parts: readonly Anthropic.Message[]): NonNullable<ModelTurn['usage']> {
  const sum = (count: (usage: Anthropic.Usage) => number | null): number =>
    parts.reduce((total, { usage }) => total + (count(usage) ?? 0), 0);
  const cachedTokens = sum((usage) => usage.cache_read_input_tokens);
  return {
    promptTokens: sum((usage) => usage.input_tokens) + cachedTokens + sum((usage) => usage.cache_creation_input_tokens),
    completionTokens: sum((usage) => usage.output_tokens),
    cachedTokens,
    llmCallCount: parts.length,
  };
}

/** A member of a toolset is one action of the tool that the set is named after. */
function callOf({ id, name, input, ...block }: Anthropic.ToolUseBlock): ToolCall {
  const args = inputOf(input);
  const toolset = 'toolset_name' in block ? block.toolset_name : undefined;
  if (typeof toolset !== 'string') return { id, name, arguments: args };
  return { id, name: toolset, providerName: name, arguments: typeof args === 'string' ? args : { ...args, action: name } };
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

/** One cache mark, on the last block of the last message, on a copy: more marks than four are an error. */
function withCacheMark(messages: readonly Anthropic.MessageParam[]): Anthropic.MessageParam[] {
  const last = messages.at(-1);
  if (last === undefined || last.role !== 'user' || typeof last.content === 'string') return [...messages];
  const content = last.content.map((block, i, all) => (i === all.length - 1 ? { ...block, cache_control: { type: 'ephemeral' } } : block));
  return [...messages.slice(0, -1), { ...last, content: content as Anthropic.ContentBlockParam[] }];
}
