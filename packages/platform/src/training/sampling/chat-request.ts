/** What a chat completion asks for, as far as a model of one's own can do it. */
import { describeIssues, isPlainObject } from 'hud/protocol';
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import type { ChatMessage } from '../engine.ts';
import { Message, messageOf } from './chat-messages.ts';

export interface ChatRequest {
  messages: ChatMessage[];
  /** As they were declared; none when they may not be called. */
  tools: object[];
  /** For the chat template: `chat_template_kwargs`, and `reasoning_effort`. */
  variables: Record<string, unknown>;
  /** Undefined: as many as there is room for. */
  maxTokens: number | undefined;
  temperature: number;
  topP: number | undefined;
  topK: number | undefined;
  seed: number | undefined;
  /** Texts at which a reply ends. */
  stop: string[];
  choices: number;
  isStream: boolean;
  /** A last event of the stream tells the tokens. */
  includesUsage: boolean;
  includesLogprobs: boolean;
  includesTokens: boolean;
  /** Id, name or sampler path of the checkpoint that shall serve it. */
  checkpoint: string | undefined;
  /** Tokens that earlier turns had, and how many messages they cover; wrong ones are no error. */
  hint: { tokens: number[]; messages: number } | undefined;
}

const Tool = z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string().min(1) }) });
const Choice = z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.string() })]);

const Body = z.looseObject({
  messages: z.array(Message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  /** 0 and -1: all. */
  top_k: z.int().min(-1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  n: z.int().min(1).max(16).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  logprobs: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  checkpoint: z.string().nullish(),
  tools: z.array(Tool).max(1_024).nullish(),
  tool_choice: Choice.nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  reasoning_effort: z.string().nullish(),
});

/** Members that would change a reply, and can't here; with what asks for nothing. Those that are not named change none. */
const UNHEARD: Readonly<Record<string, readonly unknown[]>> = {
  response_format: [],
  logit_bias: [],
  frequency_penalty: [0],
  presence_penalty: [0],
  repetition_penalty: [1],
  min_p: [0],
  top_logprobs: [0],
  functions: [],
  function_call: ['none'],
  audio: [],
  web_search_options: [],
};

/** @throws Fault 400 naming the member */
export function readChatRequest(bytes: Buffer): ChatRequest {
  const parsed = Body.safeParse(parse(bytes));
  if (!parsed.success) throw new Fault(400, `The request is malformed: ${describeIssues(parsed.error.issues)}.`);
  const body = parsed.data;
  refuseUnheard(body);
  const isStream = body.stream === true;
  const choices = body.n ?? 1;
  if (isStream && choices > 1) throw new Fault(400, 'A stream has one choice; ask for several without `stream`.');
  return {
    messages: body.messages.map(messageOf),
    tools: body.tool_choice === 'none' ? [] : (body.tools ?? []),
    variables: { ...(body.reasoning_effort != null && { reasoning_effort: body.reasoning_effort }), ...body.chat_template_kwargs },
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? undefined,
    topK: body.top_k != null && body.top_k > 0 ? body.top_k : undefined,
    seed: body.seed ?? undefined,
    stop: [body.stop ?? []].flat().filter((text) => text !== ''),
    choices,
    isStream,
    includesUsage: body.stream_options?.include_usage === true,
    includesLogprobs: body.logprobs === true || body.return_token_ids === true,
    includesTokens: body.return_token_ids === true,
    checkpoint: body.checkpoint ?? undefined,
    hint: hintOf(body),
  };
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new Fault(400, 'The body is not JSON.', { cause });
  }
}

/** Rather than a reply that does not keep to it. */
function refuseUnheard(body: z.output<typeof Body>): void {
  const { tool_choice: choice, response_format: format, tools } = body;
  if (choice === 'required' || isPlainObject(choice))
    throw new Fault(400, "A call can't be forced on models that are sampled here: `tool_choice` may be 'auto' or 'none'.");
  if (choice === 'auto' && (tools ?? []).length === 0) throw new Fault(400, '`tool_choice` is given without `tools`.');
  for (const [name, harmless] of Object.entries(UNHEARD)) {
    const value = body[name];
    const isEmpty =
      (Array.isArray(value) && value.length === 0) ||
      (isPlainObject(value) && (Object.keys(value).length === 0 || (value === format && value.type === 'text')));
    if (value == null || harmless.includes(value) || isEmpty) continue;
    throw new Fault(400, `'${name}' has no effect on models that are sampled here; leave it out.`);
  }
}

function hintOf(body: unknown): ChatRequest['hint'] {
  if (!isPlainObject(body)) return undefined;
  const { prompt_token_ids: tokens, continuation_from: messages } = body;
  if (!Array.isArray(tokens) || typeof messages !== 'number') return undefined;
  return tokens.every((token) => Number.isSafeInteger(token) && (token as number) >= 0)
    ? { tokens: tokens as number[], messages }
    : undefined;
}
