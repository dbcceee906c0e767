/** The contract of a model API: how a request is read and how a turn is written. */
import { HudError } from '../../protocol/index.ts';
import type { JsonObject } from '../../protocol/index.ts';
import type { DialectName, ModelRequest, ModelTurn } from '../model-script.ts';

/** A request as it came over HTTP, its body already read as a JSON object. */
export interface WireRequest {
  /** Path and query as sent. */
  path: string;
  headers: Record<string, string>;
  body: JsonObject;
  /** From the path, where the dialect names the model there; percent-encoded as it was. */
  model?: string;
  /** From the path, where the dialect asks for a stream there. */
  stream?: boolean;
}

export interface Dialect {
  readonly name: DialectName;
  /** Header of every reply with the id that the vendor's support asks for, where it has one. */
  readonly idHeader?: string;
  /** @throws HudError MODEL_BAD_REQUEST for what the vendor would answer with a 400 */
  parse(wire: WireRequest): Omit<ModelRequest, 'index'>;
  /** The whole answer, for a request without streaming. */
  reply(request: ModelRequest, turn: ModelTurn): JsonObject;
  /** The same answer as a stream: the texts of its events, in order, delimiters included. */
  stream(reply: JsonObject, request: ModelRequest): string[];
  /** Content type of what `stream` returns. @default 'text/event-stream' */
  streamType?(request: ModelRequest): string;
  /** Body of an HTTP error in the vendor's shape. */
  error(status: number, message: string, details?: ErrorDetails): JsonObject;
}

export interface ErrorDetails {
  /** Machine-readable cause, where the vendor has one more precise than the status. */
  code?: string;
  /** The parameter at fault. */
  param?: string;
  /** Seconds to wait, where the vendor repeats them in the body. */
  retryAfter?: number;
}

/** The error `parse` throws; `details` end in the vendor's error body. */
export function badRequest(message: string, details: ErrorDetails = {}): HudError {
  return new HudError('MODEL_BAD_REQUEST', message, { data: { ...details } });
}

/** One server-sent event. */
export function sse(data: unknown, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}
