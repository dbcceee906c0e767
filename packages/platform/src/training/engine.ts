/**
 * What computes gradients and samples: one contract for the engine inside this process and for those on other machines.
 * The service above it owns models, groups, advantages, checkpoints and operations; an engine knows tokens and weights alone.
 */
import type { Numbers } from './numbers.ts';

/** Losses of the wire, by their names there. An engine offers some of them. */
export const LOSSES = ['importance_sampling', 'ppo', 'cispo', 'dro', 'cross_entropy'] as const;
export type Loss = (typeof LOSSES)[number];

/** One turn as a model learns from it. All lists have the length of `targets`. */
export interface Datum {
  /** What the model reads; the target of each is the token after it. */
  input: Numbers;
  targets: Numbers;
  /** 1 on tokens that the model wrote, 0 on those of its prompt. */
  mask: Numbers;
  /** Of the policy that sampled; 0 where the mask is 0. */
  samplingLogprobs: Numbers;
  /** Of each token: for the policy losses 0 where the mask is 0. */
  advantages: Numbers;
  /** For `cross_entropy`: any finite number, prompt positions included. */
  weights: Numbers;
}

export interface Pass {
  loss: Loss;
  /** `clip_low_threshold`, `clip_high_threshold` (ratios, 0.8 and 1.2 unless given), `beta` (0.05). */
  config: Readonly<Record<string, number>>;
  data: readonly Datum[];
  /** The same id again has the effect and the answer of the first time. */
  id: string;
}

export interface PassResult {
  /** Of each datum's targets under the weights as they are. */
  logprobs: Float32Array[];
  /** Sums over tokens, named as `loss:sum`; finite. */
  metrics: Record<string, number>;
}

export interface AdamParams {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** Decoupled, as in AdamW. */
  weightDecay: number;
}

/** Where saved weights are; only the engine that wrote it reads it. */
export type WeightsPath = string;

/** Weights and optimizer of one model in the engine's memory, and the gradient that was accumulated. One call at a time. */
export interface EngineModel extends AsyncDisposable {
  /** Changes nothing. */
  forward(data: readonly Datum[], signal?: AbortSignal): Promise<Float32Array[]>;
  /** Adds to the gradient, all of the pass or nothing. @throws EngineLost; HudError for a loss, shape or number that it does not take */
  forwardBackward(pass: Pass, signal?: AbortSignal): Promise<PassResult>;
  /**
   * Applies the gradient and forgets it. The `id` of the last step again applies nothing, also after it was saved and opened again.
   * @throws EngineLost; HudError when weights would be no finite numbers, with nothing applied
   */
  optimStep(params: AdamParams, id: string): Promise<void>;
  /** Forgets the gradient and the ids of its passes. */
  dropGradient(): Promise<void>;
  /** Weights and optimizer, durable when settled. A name that exists is taken as it is when it is of the same step. @throws HudError otherwise */
  saveState(name: string): Promise<WeightsPath>;
  /** What samples need, durable when settled; likewise. */
  saveSampler(name: string): Promise<WeightsPath>;
}

/** What an engine has lost can be loaded again from saved weights; the gradient is gone. */
export class EngineLost extends Error {
  override name = 'EngineLost';
}

export interface SampleRequest {
  /** Undefined: the base's own weights. */
  weights: WeightsPath | undefined;
  base: string;
  prompt: readonly number[];
  maxTokens: number;
  /** 0: the likeliest token each time. */
  temperature: number;
  topP?: number;
  /** That many of the likeliest tokens alone. */
  topK?: number;
  /** Sequences of tokens at which it ends; they are part of the result. */
  stop: readonly (readonly number[])[];
  seed?: number;
}

export interface Sampled {
  tokens: number[];
  /** Of the model at temperature 1, before any cut, as the trainer computes them. */
  logprobs: number[];
  stopReason: 'stop' | 'length';
}

export interface BaseModel {
  name: string;
  /** Tokens of prompt and reply together. */
  contextLength: number;
  /** Reads and writes text; loaded when it is first asked for. @throws HudError BAD_CONFIG for files that can't be used */
  tokenizer(): Promise<Tokenizer>;
}

export interface ToolCall {
  id: string;
  name: string;
  /** As it was written: JSON, or what the model took for it. */
  arguments: string;
}

/** A part of a conversation, in the words that chat templates know. */
export interface ChatMessage {
  role: string;
  content: string;
  name?: string;
  /** What came before the content, between the markers of thinking. */
  reasoning?: string;
  toolCalls?: readonly ToolCall[];
  /** Of the call that it is the result of. */
  toolCallId?: string;
}

export interface RenderOptions {
  /** As requests declare them: `{ type: 'function', function: { name, description, parameters } }`. */
  tools?: readonly object[];
  /** For the template, by the names that it knows. */
  variables?: Readonly<Record<string, unknown>>;
}

export interface Conversation extends RenderOptions {
  messages: readonly ChatMessage[];
}

export interface Tokenizer {
  encode(text: string): number[];
  /** Bytes that make no whole character become U+FFFD. */
  decode(tokens: readonly number[]): string;
  /**
   * Of a conversation up to where the assistant begins.
   * @throws HudError BAD_ARGUMENT for what the template does not take
   */
  render(messages: readonly ChatMessage[], options?: RenderOptions): number[];
  /** Ends an assistant's turn. */
  readonly stop: readonly (readonly number[])[];
  /** Tokens that say nothing in a reply. @default none */
  readonly silent?: ReadonlySet<number>;
  /**
   * Goes on from tokens that say the first `covered` messages, the last of them the assistant's. Absent: prompts of later turns begin
   * with those of earlier ones as it is.
   * @returns all of the prompt, beginning with the tokens; undefined when they say something else
   */
  extend?(tokens: readonly number[], covered: number, conversation: Conversation): number[] | undefined;
  /** How replies say more than text. Absent: they can't, and no tools can be offered. */
  readonly replies?: ReplyFormat;
}

export interface ReplyFormat {
  /** Has a form for calls of tools. */
  readonly callsTools: boolean;
  /** @param prompt the end of its text: what it opens, the reply closes */
  reader(prompt: string, tools: readonly object[]): ReplyReader;
}

/** Takes the text of a reply as it comes, and tells what can't change any more. */
export interface ReplyReader {
  push(text: string): ReplyPiece[];
  /** @param isWhole it was not cut off */
  end(isWhole: boolean): ReplyPiece[];
}

export type ReplyPiece = { kind: 'content' | 'reasoning'; text: string } | { kind: 'call'; call: ToolCall };

export interface TrainEngine extends AsyncDisposable {
  readonly name: string;
  /** How losses of tokens become the loss of a step: learning rates do not carry over from one to the other. */
  readonly reduction: 'sum' | 'mean';
  bases(): Promise<BaseModel[]>;
  /** Those of `LOSSES` that it computes. */
  losses(): Promise<Loss[]>;
  /** @param state saved weights with their optimizer; undefined: the base's own, a fresh optimizer */
  open(base: string, state: WeightsPath | undefined, signal?: AbortSignal): Promise<EngineModel>;
  /**
   * Frees what saved weights take. What there is not, or not any more, is removed already.
   * @returns false while the engine is not done with them: ask again later
   */
  remove(path: WeightsPath): Promise<boolean>;
  /** Tokens as they come, the last ones with the whole result. Requests at the same time share passes where the engine can. */
  sample(request: SampleRequest, signal?: AbortSignal): Promise<Sampled>;
  stream(request: SampleRequest, signal?: AbortSignal): AsyncGenerator<{ token: number; logprob: number }, Sampled>;
}
