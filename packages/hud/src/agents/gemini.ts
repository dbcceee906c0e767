/** Gemini, by Google's generateContent. */
import type { Candidate, Content, GenerateContentResponse, GoogleGenAI, Part, ThinkingLevel, UsageMetadata } from '@google/genai';
import { HudError } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import type { ToolAgentConfig } from './config.ts';
import { findCredentials, type Credentials } from './credentials.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadPackage } from './package-loading.ts';
import { hearingFetch, patiently, sdkTimeoutMs, type Hearing } from './stream-patience.ts';
import { toolAgent } from './tool-agent.ts';
import { resultText } from './tools/tool.ts';

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
}

const PROVIDER = 'google';
const REFUSED: ReadonlySet<string> = new Set(['SAFETY', 'PROHIBITED_CONTENT', 'BLOCKLIST', 'SPII']);

/** @throws HudError MODEL_KEY_MISSING */
export function geminiAgent(config: GeminiConfig = {}): Agent {
  return toolAgent('gemini', config, geminiAdapter);
}

export function geminiAdapter(config: GeminiConfig): ModelAdapter {
  const credentials = findCredentials(config, { label: 'Gemini', keyVariable: 'GEMINI_API_KEY', baseUrlVariable: 'GEMINI_BASE_URL' });
  const model = config.model ?? 'gemini-3-pro-preview';
  let client: Promise<GoogleGenAI> | undefined;
  return {
    provider: PROVIDER,
    model,
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
  readonly #config: GeminiConfig & { model: string };
  readonly #credentials: Credentials;
  readonly #client: () => Promise<GoogleGenAI>;

  constructor(
    init: ConversationInit,
    config: GeminiConfig & { model: string },
    credentials: Credentials,
    client: () => Promise<GoogleGenAI>,
  ) {
    this.#init = init;
    this.#config = config;
    this.#credentials = credentials;
    this.#client = client;
    this.#contents = init.messages.map(({ role, content }) => ({
      role: role === 'assistant' ? 'model' : 'user',
      parts: [partOf(content)],
    }));
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    const client = await this.#client();
    try {
      const reply = await patiently(PROVIDER, this.#config, context.signal, (hearing) => this.#reply(client, context, hearing));
      if (reply.candidate === undefined) throw noCandidates(reply.blockReason);
      const parts = reply.parts;
      const turn = turnOf(parts, reply.candidate, reply);
      if (parts.length > 0) this.#contents.push({ role: 'model', parts });
      return turn;
    } catch (error) {
      throw modelError(error, PROVIDER, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    const parts = results.flatMap(({ call, result }): Part[] => {
      const text = resultText(result);
      const id = typeof call.geminiId === 'string' ? { id: call.geminiId } : {};
      const response = result.isError ? { error: text } : { success: true, output: text };
      const images = result.content.filter((block) => block.type === 'image' && block.data !== undefined).map(partOf);
      return [{ functionResponse: { ...id, name: call.name, response } }, ...images];
    });
    this.#contents.push({ role: 'user', parts });
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
    const { systemPrompt, tools } = this.#init;
    const {
      temperature = 1,
      topP = 0.95,
      topK = 40,
      maxOutputTokens = 8_192,
      thinkingLevel,
      includeThoughts = true,
      citationsEnabled,
    } = this.#config;
    const declarations = tools.map(({ name, description, inputSchema }) => ({ name, description, parametersJsonSchema: inputSchema }));
    const offered = [
      ...(declarations.length === 0 ? [] : [{ functionDeclarations: declarations }]),
      ...(citationsEnabled ? [{ googleSearch: {} }] : []),
    ];
    return {
      model: this.#config.model,
      contents: this.#contents,
      config: {
        temperature,
        topP,
        topK,
        maxOutputTokens,
        thinkingConfig: { includeThoughts, ...(thinkingLevel === undefined ? {} : { thinkingLevel: levelOf(thinkingLevel) }) },
        abortSignal: signal,
        ...(systemPrompt === undefined ? {} : { systemInstruction: systemPrompt }),
        ...(offered.length === 0 ? {} : { tools: offered }),
        httpOptions: {
          // The SDK's limit covers a reply's whole body: right for a whole reply, too short for a stream that flows.
          ...(this.#config.stream === false ? { timeout: sdkTimeoutMs(this.#config) } : {}),
          ...(this.#credentials.isGateway ? { headers: { 'Trace-Id': context.traceId } } : {}),
        },
      },
    };
  }
}

interface Reply {
  candidate: Candidate | undefined;
  parts: Part[];
  usage: GenerateContentResponse['usageMetadata'];
  model: string | undefined;
  blockReason: string | undefined;
}

/** A blocked prompt stays blocked; an empty reply may come out better the next time. */
function noCandidates(blockReason: string | undefined): HudError {
  if (blockReason === undefined)
    return new HudError('MODEL_UNAVAILABLE', `${PROVIDER}: the reply has no candidates.`, { data: { provider: PROVIDER } });
  return new HudError('MODEL_BAD_REQUEST', `${PROVIDER}: the prompt was blocked (${blockReason}).`, {
    hint: "The vendor's filter objects to what the prompt says: reword it, or use another model.",
    data: { provider: PROVIDER },
  });
}

function replyOf(response: GenerateContentResponse): Reply {
  const candidate = response.candidates?.[0];
  return {
    candidate,
    parts: (candidate?.content?.parts ?? []).filter((part) => part.text !== '' || part.thoughtSignature !== undefined),
    usage: response.usageMetadata,
    model: response.modelVersion,
    blockReason: response.promptFeedback?.blockReason,
  };
}

/** Each piece is a response of its own; one without a finish reason at the end was cut. */
async function streamed(pieces: AsyncIterable<GenerateContentResponse>, onText: AskContext['onText']): Promise<Reply> {
  const whole: Reply = { candidate: undefined, parts: [], usage: undefined, model: undefined, blockReason: undefined };
  for await (const piece of pieces) {
    const { candidate, parts, usage, model, blockReason } = replyOf(piece);
    whole.usage = usage ?? whole.usage;
    whole.model = model ?? whole.model;
    whole.blockReason = blockReason ?? whole.blockReason;
    if (candidate !== undefined) whole.candidate = { ...whole.candidate, ...candidate };
    for (const part of parts) {
      if (part.text !== undefined && part.thought !== true) onText?.(part.text);
      append(whole.parts, part);
    }
  }
  if (whole.blockReason === undefined && whole.candidate?.finishReason === undefined)
    throw new Error('the stream ended before the reply was complete');
  return whole;
}

/** Whether the next piece is due at once: not after thoughts, which are summaries, nor after calls, which come whole. */
function isMidItem({ candidates: [candidate] = [] }: GenerateContentResponse): boolean {
  const last = candidate?.content?.parts?.at(-1);
  return candidate?.finishReason !== undefined || (last?.text !== undefined && last.text !== '' && last.thought !== true);
}

/** Texts of one kind that follow each other are one part, as a whole reply would have it. */
function append(parts: Part[], part: Part): void {
  const last = parts.at(-1);
  const isMoreOfIt =
    last?.text !== undefined && part.text !== undefined && last.thought === part.thought && last.thoughtSignature === undefined;
  if (isMoreOfIt) parts[parts.length - 1] = { ...last, ...part, text: `${last.text}${part.text}` };
  else parts.push(part);
}

function turnOf(parts: readonly Part[], candidate: Candidate, { usage, model }: Reply): ModelTurn {
  const texts = parts.flatMap((part) => (part.text !== undefined && part.thought !== true ? [part.text] : []));
  const thoughts = parts.flatMap((part) => (part.text !== undefined && part.thought === true ? [part.text] : []));
  const toolCalls = parts.flatMap(({ functionCall }): ToolCall[] =>
    functionCall?.name === undefined
      ? []
      : [
          {
            id: crypto.randomUUID(),
            name: functionCall.name,
            arguments: isPlainObject(functionCall.args) ? (functionCall.args as JsonObject) : {},
            ...(functionCall.id === undefined ? {} : { geminiId: functionCall.id }),
          },
        ],
  );
  return {
    content: texts.length === 0 ? null : texts.join(''),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('\n') }),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: candidate.finishReason ?? null,
    ...(REFUSED.has(String(candidate.finishReason)) ? { refusal: candidate.finishMessage ?? `refused (${candidate.finishReason})` } : {}),
    citations: citationsOf(candidate, texts.join('')),
    raw: { candidate, parts },
    ...(model === undefined ? {} : { model }),
    ...(usage === undefined ? {} : { usage: usageOf(usage) }),
  };
}

/** The SDK's enum has these texts; importing it would load the SDK. */
function levelOf(level: NonNullable<GeminiConfig['thinkingLevel']>): ThinkingLevel {
  const spelled: unknown = level.toUpperCase();
  return spelled as ThinkingLevel;
}

function usageOf(usage: UsageMetadata | NonNullable<GenerateContentResponse['usageMetadata']>): NonNullable<ModelTurn['usage']> {
  const counts = usage as {
    promptTokenCount?: number;
    candidatesTokenCount?: number;
    thoughtsTokenCount?: number;
    cachedContentTokenCount?: number;
  };
  return {
    promptTokens: counts.promptTokenCount ?? 0,
    completionTokens: (counts.candidatesTokenCount ?? 0) + (counts.thoughtsTokenCount ?? 0),
    cachedTokens: counts.cachedContentTokenCount ?? 0,
    llmCallCount: 1,
  };
}

/** Supported passages with their sources; sources that no passage names come last. */
function citationsOf({ groundingMetadata }: Candidate, text: string): NonNullable<ModelTurn['citations']> {
  const chunks = groundingMetadata?.groundingChunks ?? [];
  const sourceOf = (index: number): { source: string; title?: string } => {
    const web = chunks[index]?.web;
    return { source: web?.uri ?? '', ...(web?.title === undefined ? {} : { title: web.title }) };
  };
  const named = new Set<number>();
  const supported = (groundingMetadata?.groundingSupports ?? []).flatMap(({ segment, groundingChunkIndices = [] }) => {
    const place =
      segment === undefined ? {} : { startIndex: charsBefore(text, segment.startIndex), endIndex: charsBefore(text, segment.endIndex) };
    return groundingChunkIndices.map((index) => {
      named.add(index);
      return { type: 'grounding', text: segment?.text ?? '', ...sourceOf(index), ...place };
    });
  });
  const rest = [...chunks.keys()].filter((index) => !named.has(index));
  return [...supported, ...rest.map((index) => ({ type: 'grounding', text: '', ...sourceOf(index) }))];
}

/** The API counts bytes of UTF-8, and leaves out a zero. */
function charsBefore(text: string, bytes = 0): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, bytes)).length;
}

function partOf(block: ContentBlock): Part {
  if (block.type === 'image' && block.data !== undefined)
    return { inlineData: { mimeType: block.mimeType ?? 'image/png', data: block.data } };
  return { text: block.text ?? `(${block.type})` };
}
