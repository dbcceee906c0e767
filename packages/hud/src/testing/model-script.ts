/**
 * What a script for a model server is written in: the request it sees and the turn it answers with.
 * Neither depends on which vendor's API carried them.
 */
import type { JsonObject } from '../protocol/index.ts';

/** The four model APIs a scripted server speaks. */
export type DialectName = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini';

/**
 * Turns answered in the order in which requests arrive, whoever sends them; or a function of the request,
 * which may throw (the client then gets a 500 with its message) and which each request waits for.
 */
export type ModelScript = readonly ModelTurn[] | ((request: ModelRequest) => ModelTurn | Promise<ModelTurn>);

/** One call to the model, as every dialect means it. */
export interface ModelRequest {
  dialect: DialectName;
  model: string;
  /** System and developer texts, joined by an empty line. */
  system: string | undefined;
  /** The conversation so far; with `previous_response_id` this includes the turns the server remembers. */
  messages: ModelMessage[];
  /** Names of the tools on offer; a vendor's own tool without a name goes by its type. */
  tools: string[];
  stream: boolean;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The JSON body as it was sent. */
  body: JsonObject;
  /** Path and query as they were sent. */
  path: string;
  /** 0 for the first request the server got; a retry counts as a request of its own. */
  index: number;
}

export interface ModelMessage {
  /** Results of tools have a role of their own; all results that follow one turn share one message. */
  role: 'user' | 'assistant' | 'tool';
  text: string;
  /** How many images came with the text; absent when none did. */
  images?: number;
  /** Calls of an assistant's turn. */
  toolCalls?: ReplayedCall[];
  /** Present on role `tool`. */
  toolResults?: ModelToolResult[];
}

/** A tool call as the client replays it in its history. */
export interface ReplayedCall {
  id: string;
  name: string;
  /** A string where the client replayed text that is no JSON object. */
  arguments: JsonObject | string;
}

export interface ModelToolResult {
  /** Id of the call; Gemini may leave it out, then it is the name of the function. */
  callId: string;
  /** Where the dialect sends it. */
  name?: string;
  text: string;
  isError?: boolean;
  /** How many images the result holds; absent when none. */
  images?: number;
}

/** What the model says in one turn. An empty object is an empty answer. */
export interface ModelTurn {
  text?: string;
  /** Thoughts, sent in the place the dialect has for them. */
  reasoning?: string;
  toolCalls?: readonly ScriptedCall[];
  /** @default 'tool_calls' when there are calls, else 'stop' */
  finishReason?: 'stop' | 'length' | 'tool_calls' | 'refusal';
  /** @default estimates of a token per four characters */
  usage?: ScriptedUsage;
  citations?: readonly ScriptedCitation[];
  /** Ids of the sampled tokens, sent to chat requests that ask with `return_token_ids`. */
  tokenIds?: readonly number[];
  /** Ids of the prompt's tokens, sent beside `tokenIds`. */
  promptTokenIds?: readonly number[];
  /** Prompt of a vision model, sent in place of `promptTokenIds`. */
  promptChunks?: readonly JsonObject[];
  /** One per token of `tokenIds`, sent to chat requests with `logprobs: true`. */
  logprobs?: readonly number[];
  /** What goes wrong instead of, or while, the turn is sent. */
  fault?: ModelFault;
}

export interface ScriptedCall {
  name: string;
  /**
   * A string is sent verbatim, for arguments that are no JSON. Where a dialect has no place for such text, it does
   * what the vendor does: Gemini ends with MALFORMED_FUNCTION_CALL; a whole Anthropic message carries it as a string.
   */
  arguments: JsonObject | string;
  /** @default one made of the request's index and the call's position */
  id?: string;
}

/** Counts of tokens. */
export interface ScriptedUsage {
  /** All of the prompt, cached or not. */
  promptTokens?: number;
  /** All of the answer, thoughts included. */
  completionTokens?: number;
  /** Part of `promptTokens`. @default 0 */
  cachedTokens?: number;
  /** Part of `completionTokens`. @default 0 */
  reasoningTokens?: number;
}

/** A source on the web for a stretch of the turn's text. */
export interface ScriptedCitation {
  url: string;
  title?: string;
  /** The cited text. @default the stretch of the turn's text between the indices */
  text?: string;
  /** In UTF-16 units of the turn's text. @default where `text` is found, else 0 */
  startIndex?: number;
  /** @default the end of `text`, else of the turn's text */
  endIndex?: number;
}

export type ModelFault =
  /** An HTTP error in the dialect's own shape; `body` replaces it, a string is sent as plain text. */
  | { status: number; retryAfter?: number; message?: string; body?: JsonObject | string }
  /** The request is taken and never answered, until the server closes. */
  | { hang: true }
  /**
   * The connection stays open and silent after this many events of the stream, or halfway through a whole reply;
   * with `resumeAfterMs` the rest follows after that pause.
   */
  | { stallAfterEvents: number; resumeAfterMs?: number }
  /** The socket is destroyed after this many bytes of the reply's body. */
  | { cutAfterBytes: number }
  /** The socket is destroyed inside an event in the middle of the stream, or halfway through a whole reply. */
  | { cutMidStream: true };
