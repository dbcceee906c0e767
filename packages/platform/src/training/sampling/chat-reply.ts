/** Chat completions as OpenAI's clients read them, with the tokens beside the choice. */
import type { ReplyPiece, Sampled, Tokenizer, ToolCall } from '../engine.ts';

export interface ReplyHead {
  /** Of the call. */
  id: string;
  /** Seconds since 1970. */
  created: number;
  model: string;
}

export interface SampledChoice {
  pieces: readonly ReplyPiece[];
  sampled: Sampled;
}

export interface ReplyParts {
  prompt: readonly number[];
  tokenizer: Tokenizer;
  includesTokens: boolean;
  includesLogprobs: boolean;
}

export interface ChatUsage {
  promptTokens: number;
  completionTokens: number;
}

export function wholeReply(head: ReplyHead, choices: readonly SampledChoice[], parts: ReplyParts): object {
  return {
    ...headOf(head, 'chat.completion'),
    choices: choices.map((choice, index) => ({
      index,
      finish_reason: finishReason(choice),
      message: messageOf(choice.pieces),
      ...tokensOf(choice.sampled, parts),
    })),
    usage: usageOf(usageOfChoices(choices, parts)),
  };
}

export function chunk(head: ReplyHead, delta: object): object {
  return { ...headOf(head, 'chat.completion.chunk'), choices: [{ index: 0, delta, finish_reason: null }] };
}

/** @param calls told before it */
export function deltaOf(piece: ReplyPiece, calls: number): object {
  if (piece.kind === 'call') return { tool_calls: [{ index: calls, ...callOf(piece.call) }] };
  return piece.kind === 'content' ? { content: piece.text } : { reasoning_content: piece.text };
}

/** The last piece of the choice, with the tokens of all of it. */
export function lastChunk(head: ReplyHead, choice: SampledChoice, parts: ReplyParts): object {
  const last = { index: 0, delta: {}, finish_reason: finishReason(choice), ...tokensOf(choice.sampled, parts) };
  return { ...headOf(head, 'chat.completion.chunk'), choices: [last] };
}

export function usageChunk(head: ReplyHead, usage: ChatUsage): object {
  return { ...headOf(head, 'chat.completion.chunk'), choices: [], usage: usageOf(usage) };
}

/** An event of a stream. */
export function event(value: object | '[DONE]'): Buffer {
  return Buffer.from(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`);
}

export function usageOfChoices(choices: readonly SampledChoice[], { prompt }: Pick<ReplyParts, 'prompt'>): ChatUsage {
  return { promptTokens: prompt.length, completionTokens: choices.reduce((sum, { sampled }) => sum + sampled.tokens.length, 0) };
}

/** A reply that was cut off says so, whatever it calls. */
function finishReason({ pieces, sampled }: SampledChoice): 'stop' | 'length' | 'tool_calls' {
  return sampled.stopReason === 'stop' && pieces.some(({ kind }) => kind === 'call') ? 'tool_calls' : sampled.stopReason;
}

function messageOf(pieces: readonly ReplyPiece[]): object {
  const [content, reasoning] = [textOf(pieces, 'content'), textOf(pieces, 'reasoning')];
  const calls = pieces.flatMap((piece) => (piece.kind === 'call' ? [callOf(piece.call)] : []));
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    tool_calls: calls.length > 0 ? calls : null,
    refusal: null,
  };
}

function textOf(pieces: readonly ReplyPiece[], kind: 'content' | 'reasoning'): string {
  return pieces.map((piece) => (piece.kind === kind ? piece.text : '')).join('');
}

function callOf({ id, name, arguments: text }: ToolCall): object {
  return { id, type: 'function', function: { name, arguments: text } };
}

function headOf({ id, created, model }: ReplyHead, object: string): object {
  return { id: `chatcmpl-${id}`, object, created, model };
}

function usageOf({ promptTokens, completionTokens }: ChatUsage): object {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
}

function tokensOf({ tokens, logprobs }: Sampled, { prompt, tokenizer, includesTokens, includesLogprobs }: ReplyParts): object {
  const entries = tokens.map((token, i) => ({
    token: tokenizer.decode([token]),
    bytes: null,
    logprob: logprobs[i] ?? 0,
    top_logprobs: [],
  }));
  return {
    ...(includesTokens && { prompt_token_ids: prompt, token_ids: tokens }),
    ...(includesLogprobs && { logprobs: { content: entries, refusal: null } }),
  };
}
