/** OpenAI, by its Responses API: the server keeps the conversation, each request sends what is new. */
import type OpenAI from 'openai';
import { stringifyJson, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, PromptMessage, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent } from './agent.ts';
import type { ToolAgentConfig } from './config.ts';
import { findCredentials, gatewayHeaders, type Credentials } from './credentials.ts';
import { hostedTools } from './hosted-tools.ts';
import type { AskContext, Conversation, ConversationInit, ModelAdapter, ModelTurn } from './model.ts';
import { modelError } from './model-errors.ts';
import { dataUrl, ownAnswer, safetyChecks, type OwnAnswer } from './openai-calls.ts';
import { loadOpenAI, type Sending } from './openai-client.ts';
import { stoppedTurn, turnOf } from './openai-turn.ts';
import { patiently } from './stream-patience.ts';
import { strictSchema } from './strict-schema.ts';
import { toolAgent } from './tool-agent.ts';
import { openaiApplyPatch } from './tools/openai-apply-patch.ts';
import { openaiComputer } from './tools/openai-computer.ts';
import { openaiShell } from './tools/openai-shell.ts';
import type { Reach } from './tools/reach.ts';
import { screenView } from './tools/screen-view.ts';
import type { AgentTool } from './tools/tool.ts';

export interface OpenAIConfig extends ToolAgentConfig {
  /** Longest reply, in tokens, thoughts included. @default the API's */
  maxOutputTokens?: number;
  /** @default the API's; models that reason refuse it */
  temperature?: number;
  /** As the API spells it: `{ effort: 'low', summary: 'auto' }`. @default the API's */
  reasoning?: JsonObject;
  /** `auto`, `required` or `none`. @default `auto` */
  toolChoice?: 'auto' | 'required' | 'none';
  /** `auto` drops the oldest items of a conversation that is too long. @default `auto` with a screen, else `disabled` */
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
    tools: (reach) => openaiTools(reach, config),
    begin: (init) => new ResponsesConversation(init, { ...config, model }, credentials, () => (client ??= loadOpenAI(credentials, config))),
  };
}

/** Shell and files, then the screen. */
function openaiTools({ ssh, screen }: Reach, { outputLimitBytes, computer }: OpenAIConfig): AgentTool[] {
  return [
    ...(ssh === undefined ? [] : [openaiShell(ssh, outputLimitBytes)]),
    ...(ssh?.shell === 'bash' ? [openaiApplyPatch(ssh)] : []), // it moves files with the commands of Unix
    ...(screen === undefined ? [] : [openaiComputer(screenView(screen, computer))]),
  ];
}

class ResponsesConversation implements Conversation {
  /** Items since the last request. */
  #pending: Item[];
  #previousId: string | undefined;
  readonly #systemPrompt: string | undefined;
  readonly #tools: OpenAI.Responses.Tool[];
  /** By call: what the vendor wants confirmed about the last turn. */
  #checks = new Map<string, OpenAI.Responses.ResponseComputerToolCall.PendingSafetyCheck[]>();
  /** Set when an unconfirmed check ended the work: nothing more is sent. */
  #stopped: ModelTurn | undefined;
  #lastImage: string | undefined;
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
    this.#tools = this.#declared(init.tools);
  }

  async ask(context: AskContext): Promise<ModelTurn> {
    if (this.#stopped !== undefined) return this.#stopped;
    const client = await this.#client();
    const headers = gatewayHeaders(this.#credentials, context);
    const send = this.#config.stream === false ? whole : streamed;
    try {
      const response = await patiently(PROVIDER, this.#config, context.signal, (hearing) =>
        send(client, this.#request(), { options: { signal: hearing.signal, headers }, hearing, onText: context.onText }),
      );
      this.#previousId = response.id;
      this.#pending = [];
      this.#checks = safetyChecks(response.output);
      const turn = turnOf(response, this.#strict);
      if (this.#checks.size === 0 || this.#config.computer?.onSafetyCheck !== 'stop') return turn;
      return (this.#stopped = stoppedTurn(turn, [...this.#checks.values()].flat()));
    } catch (error) {
      throw modelError(error, PROVIDER, context.signal);
    }
  }

  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void {
    const answers = results.map(({ call, result }): OwnAnswer => {
      const own = ownAnswer(call, result, { checks: this.#checks.get(call.id), lastImage: this.#lastImage });
      if (own?.image !== undefined) this.#lastImage = own.image;
      return own ?? { item: { type: 'function_call_output', call_id: call.id, output: outputParts(result) } };
    });
    this.#pending.push(...answers.map(({ item }) => item));
    for (const { remark } of answers) if (remark !== undefined) this.addUserText(remark);
  }

  addUserText(text: string): void {
    this.#pending.push(messageItem({ role: 'user', content: { type: 'text', text } }));
  }

  /** Tools of the API's own kind as it declares them, others as functions, then those that it runs itself. */
  #declared(tools: readonly AgentTool[]): OpenAI.Responses.Tool[] {
    const { tools: hosted, isDeferring } = hostedTools(this.#config.hostedTools, tools.filter(({ native }) => native === undefined).length);
    const sent = tools.map(({ name, description, inputSchema, native }): JsonObject => {
      if (native !== undefined) return native;
      const { schema, strict } = strictSchema(inputSchema);
      if (strict) this.#strict.set(name, inputSchema);
      return { type: 'function', name, description, parameters: schema, strict, ...(isDeferring ? { defer_loading: true } : {}) };
    });
    return [...sent, ...hosted] as unknown as OpenAI.Responses.Tool[];
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
      truncation: truncation ?? (this.#tools.some(({ type }) => type === 'computer') ? 'auto' : undefined),
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

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
