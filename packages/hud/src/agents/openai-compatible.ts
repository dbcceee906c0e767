/** Any server that speaks OpenAI's chat completions: local engines, aggregators, trainable models. */
import type OpenAI from 'openai';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { Sample, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import { streamedReply, wholeReply } from './chat-completion.ts';
import { imageMessage, lastImage, promptMessage, replayed, resultMessages, type Message } from './chat-history.ts';
import { plainSchema } from './chat-schema.ts';
import { turnOf } from './chat-turn.ts';
import type { ToolAgentConfig } from './config.ts';
import { DROPPED_SCREENSHOT, RecentImages } from './context-policy.ts';
import { findCredentials, gatewayHeaders, type Credentials } from './credentials.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadOpenAI } from './openai-client.ts';
import { patiently } from './stream-patience.ts';
import { toolAgent } from './tool-agent.ts';
import { chatTools } from './tools/chat-tools.ts';

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
    tools: (reach) => chatTools(reach, config),
    begin: (init) =>
      new ChatConversation(init, { ...config, model }, provider, credentials, () => (client ??= loadOpenAI(credentials, config))),
  };
}

/** A function, or a server's own tool as that server declares it. */
type Tool = OpenAI.Chat.Completions.ChatCompletionFunctionTool;

class ChatConversation implements Conversation {
  readonly #messages: Message[];
  readonly #tools: Tool[];
  readonly #system: Message[];
  readonly #config: OpenAICompatibleConfig & { model: string };
  readonly #provider: string;
  readonly #credentials: Credentials;
  readonly #client: () => Promise<OpenAI>;
  readonly #extra: JsonObject;
  readonly #images: RecentImages;
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
    const functions = init.tools.map(({ name, description, inputSchema }) => ({
      type: 'function',
      function: { name, description, parameters: plainSchema(inputSchema) },
    }));
    this.#tools = [...functions, ...(config.hostedTools ?? [])] as Tool[];
    this.#extra = extraMembers(config);
    this.#images = new RecentImages(config.keepScreenshots);
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    const client = await this.#client();
    const headers = gatewayHeaders(this.#credentials, context);
    try {
      // Token ids come with whole replies only.
      const isStreamed = this.#config.stream !== false && !this.#capturesTokens;
      const reply = isStreamed ? streamedReply : wholeReply;
      const completion = await patiently(this.#provider, this.#config, context.signal, (hearing) =>
        reply(client, this.#request(), { options: { signal: hearing.signal, headers }, hearing, onText: context.onText }),
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
    this.#messages.push(...resultMessages(results));
    const image = lastImage(results);
    if (image === undefined) return;
    const message = imageMessage(image);
    this.#messages.push(message);
    this.#images.add(() => (message.content = DROPPED_SCREENSHOT));
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
