/** What every agent on a model takes; each model API adds its own. */
import { z } from 'zod';
import type { JsonObject } from '../protocol/json.ts';
import type { Usage } from '../protocol/trace.ts';
import type { AutoRespond } from './auto-respond.ts';

/** US dollars for a million tokens. */
export const Price = z.object({
  prompt: z.number().nonnegative(),
  completion: z.number().nonnegative(),
  /** Of prompt tokens that the provider had cached. @default `prompt` */
  cached: z.number().nonnegative().optional(),
});
export type Price = z.infer<typeof Price>;

export interface ComputerConfig {
  /** The screen is shown shrunk into this, its shape kept; coordinates are scaled back. Pixels. @default 1_280 */
  maxWidth?: number;
  /** Pixels. @default 1_024 */
  maxHeight?: number;
  /** Longest wait after an action until two frames in a row are the same, in milliseconds. @default 500 */
  settleMs?: number;
  /** What happens when the vendor asks to confirm an action. @default "acknowledge" */
  onSafetyCheck?: 'acknowledge' | 'stop';
}

export interface ToolAgentConfig {
  /** @default the agent's own */
  model?: string;
  /** Explicit credentials win over the environment's. */
  apiKey?: string;
  /** Another server that speaks the same API. */
  baseUrl?: string;
  /** Force the vendor's own API or the gateway. @default whichever has a key, the vendor first */
  via?: 'provider' | 'gateway';
  systemPrompt?: string;
  /** Model turns, at most. @default 10 */
  maxSteps?: number;
  /** Deadline of one run, in seconds. */
  timeoutSeconds?: number;
  /** Deadline of one tool call, in seconds. @default 600 */
  toolTimeoutSeconds?: number;
  /**
   * Longest silence of a tool's server while it works on a call, in seconds; then it counts as gone. A server that
   * answers nothing while a tool runs, as one that runs one tool at a time, is bounded by `toolTimeoutSeconds`.
   * Raise it for servers that turn busy in the middle of a call. @default 10
   */
  toolPatienceSeconds?: number;
  /**
   * Longest silence in the middle of a streamed reply, in seconds; then the stream counts as dead.
   * Raise it for servers that hold text back. @default 10
   */
  streamPatienceSeconds?: number;
  /** Longest wait for a whole reply, for the first text of a stream, or between its items, in seconds. @default 600 */
  responseTimeoutSeconds?: number;
  /** Which of several capabilities of a kind to use, by name. @default the first; of screens `rfb` before `cdp` */
  capabilities?: { ssh?: string; screen?: string };
  /** How the model sees a screen. */
  computer?: ComputerConfig;
  /** Most of a command's output that the model is shown, in bytes; the rest is cut from the middle. @default 49_152 */
  outputLimitBytes?: number;
  /**
   * Newest screenshots that stay in the conversation; older ones become a note. They go in batches, at twice as many, so that
   * the vendor's prompt cache lives on. @default 5, for Gemini those of the last 3 turns
   */
  keepScreenshots?: number;
  /** Tools that the vendor runs itself, as its API declares them: `{ type: 'web_search_20250305', name: 'web_search' }`. */
  hostedTools?: readonly JsonObject[];
  /** Ask for citations where the API has them. @default false */
  citationsEnabled?: boolean;
  /** End the run at these instead of letting the model react. @default none */
  stopOn?: readonly ('length' | 'malformed_tool_call')[];
  /**
   * Decides on the text of a turn without tool calls: a reply goes back to the model, undefined ends the run.
   * `true` asks a small model whether the agent is done. @default false
   */
  autoRespond?: boolean | AutoRespond;
  /** Stream replies. @default true */
  stream?: boolean;
  /** Hears the model's text as it arrives, of every run of the agent; not called where replies are not streamed. */
  onText?: (delta: string, context: { traceId: string }) => void;
  /** Makes `usage.costUsd` known. @default the model's in `models.json` */
  price?: Price;
  /** Further tries after a rate limit, an overload or a broken connection; not after a silence. @default 5 */
  maxRetries?: number;
}

/** Truncation by any vendor's word for it. */
export const TRUNCATED: ReadonlySet<string> = new Set(['length', 'max_output_tokens', 'max_tokens', 'MAX_TOKENS']);

export function costUsd({ promptTokens = 0, completionTokens = 0, cachedTokens = 0 }: Usage, price: Price): number {
  const dollars =
    (promptTokens - cachedTokens) * price.prompt + cachedTokens * (price.cached ?? price.prompt) + completionTokens * price.completion;
  return dollars / 1_000_000;
}
