/** Gemini, by Google's generateContent. */
import type { Content, GoogleGenAI, Tool } from '@google/genai';
import type { ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import type { ToolAgentConfig } from './config.ts';
import { findCredentials, gatewayHeaders, type Credentials } from './credentials.ts';
import { callsOf, dropScreenshots, hasScreenshots, partOf, resultContent, stoppedTurn, unconfirmed } from './gemini-calls.ts';
import { isMidItem, noCandidates, PROVIDER, replyOf, streamed, turnOf, type Reply } from './gemini-reply.ts';
import { declaredTools, geminiHosted, settingsOf } from './gemini-request.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadPackage } from './package-loading.ts';
import { hearingFetch, patiently, sdkTimeoutMs, type Hearing } from './stream-patience.ts';
import { toolAgent } from './tool-agent.ts';
import { geminiTools } from './tools/gemini-tools.ts';

export interface GeminiConfig extends ToolAgentConfig {
  /** @default 1 */
  temperature?: number;
  /** @default 0.95 */
  topP?: number;
  /** @default 40 */
  topK?: number;
  /** @default 8_192 */
  maxOutputTokens?: number;
  /** @default the model's */
  thinkingLevel?: 'minimal' | 'low' | 'medium' | 'high';
  /** Ask for summaries of the thoughts, recorded as reasoning. @default true */
  includeThoughts?: boolean;
  /** What the model is told of the screen; for a whole desktop newer models have another set of functions. @default "browser" */
  computerEnvironment?: 'browser' | 'desktop';
  /** Functions of the screen that the model is not offered: `['drag_and_drop']`. @default none */
  excludedPredefinedFunctions?: readonly string[];
  /** Newest turns whose screenshots stay in the conversation. @default 3 */
  keepScreenshots?: number;
}

const DEFAULT_KEEP_SCREENSHOTS = 3;

/** @throws HudError MODEL_KEY_MISSING, BAD_ARGUMENT */
export function geminiAgent(config: GeminiConfig = {}): Agent {
  return toolAgent('gemini', config, geminiAdapter);
}

export function geminiAdapter(config: GeminiConfig): ModelAdapter {
  const credentials = findCredentials(config, { label: 'Gemini', keyVariable: 'GEMINI_API_KEY', baseUrlVariable: 'GEMINI_BASE_URL' });
  const model = config.model ?? 'gemini-3-pro-preview';
  geminiHosted(config); // a wrong one is told before anything runs
  let client: Promise<GoogleGenAI> | undefined;
  return {
    provider: PROVIDER,
    model,
    tools: (reach) => geminiTools(reach, config),
    begin: (init) => new GeminiConversation(init, { ...config, model }, credentials, () => (client ??= makeClient(credentials))),
  };
}

async function makeClient({ apiKey, baseUrl }: Credentials): Promise<GoogleGenAI> {
  const { GoogleGenAI: Sdk } = await loadPackage('@google/genai', () => import('@google/genai'));
  return new Sdk({ apiKey, httpOptions: { apiVersion: 'v1beta', fetch: hearingFetch, ...(baseUrl === undefined ? {} : { baseUrl }) } });
}

class GeminiConversation implements Conversation {
  readonly #contents: Content[];
  readonly #init: ConversationInit;
  readonly #tools: Tool[];
  readonly #config: GeminiConfig & { model: string };
  readonly #credentials: Credentials;
  readonly #client: () => Promise<GoogleGenAI>;
  /** The last turn, once an action was not confirmed. */
  #stopped: ModelTurn | undefined;

  constructor(
    init: ConversationInit,
    config: GeminiConfig & { model: string },
    credentials: Credentials,
    client: () => Promise<GoogleGenAI>,
  ) {
    this.#init = init;
    this.#tools = declaredTools(init.tools, config);
    this.#config = config;
    this.#credentials = credentials;
    this.#client = client;
    this.#contents = init.messages.map(({ role, content }) => ({
      role: role === 'assistant' ? 'model' : 'user',
      parts: [partOf(content)],
    }));
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    if (this.#stopped !== undefined) return this.#stopped;
    const client = await this.#client();
    try {
      const reply = await patiently(PROVIDER, this.#config, context.signal, (hearing) => this.#reply(client, context, hearing));
      if (reply.candidate === undefined) throw noCandidates(reply.blockReason);
      const calls = callsOf(reply.parts, reply.candidate, this.#init.tools);
      const turn = turnOf(reply.candidate, reply, calls);
      const asked = this.#config.computer?.onSafetyCheck === 'stop' ? unconfirmed(calls) : [];
      if (asked.length > 0) return (this.#stopped = stoppedTurn(turn, asked));
      // The API refuses to read an empty turn.
      if (reply.parts.length > 0) this.#contents.push({ role: 'model', parts: reply.parts });
      return turn;
    } catch (error) {
      throw modelError(error, PROVIDER, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    this.#contents.push(resultContent(results));
    const keep = Math.max(1, this.#config.keepScreenshots ?? DEFAULT_KEEP_SCREENSHOTS);
    this.#contents.filter(hasScreenshots).slice(0, -keep).forEach(dropScreenshots);
  }

  addUserText(text: string): void {
    this.#contents.push({ role: 'user', parts: [{ text }] });
  }

  async #reply(client: GoogleGenAI, context: AskContext, hearing: Hearing): Promise<Reply> {
    const request = this.#request(context, hearing.signal);
    if (this.#config.stream === false) return replyOf(await client.models.generateContent(request));
    const stream = await client.models.generateContentStream(request);
    return await streamed(hearing.events(stream, isMidItem), context.onText);
  }

  #request(context: AskContext, signal: AbortSignal): Parameters<GoogleGenAI['models']['generateContent']>[0] {
    const { systemPrompt } = this.#init;
    return {
      model: this.#config.model,
      contents: this.#contents,
      config: {
        ...settingsOf(this.#config),
        abortSignal: signal,
        ...(systemPrompt === undefined ? {} : { systemInstruction: systemPrompt }),
        ...(this.#tools.length === 0 ? {} : { tools: this.#tools }),
        httpOptions: {
          // The SDK's limit covers a reply's whole body: right for a whole reply, too short for a stream that flows.
          ...(this.#config.stream === false ? { timeout: sdkTimeoutMs(this.#config) } : {}),
          headers: gatewayHeaders(this.#credentials, context),
        },
      },
    };
  }
}
