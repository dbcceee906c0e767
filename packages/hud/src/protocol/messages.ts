/**
 * The control channel's messages: JSON-RPC 2.0 envelopes, one per line.
 * Members marked "ours" are sent only by, or to, a peer that announced `max_frame` in `hello`;
 * the Python package neither sends nor sees them.
 */
import * as z from 'zod/mini';
import './english.ts';
import { Capability } from './capability.ts';
import { HudError, isErrorCode } from './errors.ts';
import { isPlainObject, type JsonObject } from './json.ts';

/** What the Python package reads and writes at most, in bytes without the newline. */
export const PYTHON_FRAME_BYTES = 65_536;
/** What our own peers accept. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** The one line on stdout by which a served environment announces its port. */
export const PORT_ANNOUNCEMENT = 'HUD_SERVE_PORT=';
export const DEFAULT_PORT = 8765;
/** Environment variable in which a provider hands a child its control secret; removed on reading. */
export const SECRET_VARIABLE = 'HUD_CONTROL_SECRET';

export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  serverError: -32000,
  unauthorized: -32001,
} as const;

export interface Request {
  /** Absent or null: a notification, executed without a reply. Echoed verbatim otherwise. */
  id?: unknown;
  method: unknown;
  params?: unknown;
}

export interface RpcErrorBody {
  code: number;
  message: string;
  data?: { code?: string; hint?: string };
}

export const HelloParams = z.looseObject({
  sessionId: z.optional(z.string()),
  /** Ours: the longest line this client reads, in bytes. Its presence tells our peers apart. */
  maxFrame: z.optional(z.int().check(z.minimum(PYTHON_FRAME_BYTES))),
  /** Ours: the server's control secret. */
  secret: z.optional(z.string()),
  /** Ours: proves the right to resume `sessionId`. */
  sessionSecret: z.optional(z.string()),
  /** Ours: the task of this session may be graded by whoever asks, as `hud task start` needs. */
  adoptable: z.optional(z.boolean()),
});
export type HelloParams = z.infer<typeof HelloParams>;

export const HelloResult = z.looseObject({
  sessionId: z.string(),
  env: z.looseObject({ name: z.string(), version: z.string() }),
  bindings: z._default(z.array(Capability), []),
  /** Ours: the longest line this server reads, in bytes. */
  maxFrame: z.optional(z.int()),
  /** Ours: `ping` is answered at once, also while a call is being worked on. */
  ping: z.optional(z.boolean()),
  /** Ours: 256 random bits; needed to resume this session. */
  sessionSecret: z.optional(z.string()),
  /** Ours: per capability, what `tunnel.open` must show. Opens that stream and nothing else. */
  tickets: z.optional(z.record(z.string(), z.string())),
});
export type HelloResult = z.infer<typeof HelloResult>;

export const TaskEntry = z.looseObject({
  id: z.string(),
  description: z.pipe(
    z.nullish(z.string()),
    z.transform((text) => text ?? ''),
  ),
  /** JSON Schema of the arguments. */
  args: z._default(z.record(z.string(), z.unknown()), {}),
  input: z.optional(z.record(z.string(), z.unknown())),
  returns: z.optional(z.record(z.string(), z.unknown())),
});
export type TaskEntry = z.infer<typeof TaskEntry>;

export const TunnelParams = z.looseObject({
  capability: z.string(),
  sessionId: z.optional(z.string()),
  ticket: z.optional(z.string()),
});

/** `tasks.start`'s result: a prompt, maybe per-episode data for capabilities, maybe more. */
export interface StartFrame extends JsonObject {
  prompt?: unknown;
  bindings?: Record<string, JsonObject>;
}

export function request(id: number, method: string, params: unknown): JsonObject {
  return { jsonrpc: '2.0', id, method, params };
}

export function resultReply(id: unknown, result: unknown): JsonObject {
  return { jsonrpc: '2.0', id, result };
}

export function errorReply(id: unknown, error: HudError): JsonObject {
  const body: RpcErrorBody = {
    code: error.rpcCode ?? RPC.serverError,
    message: error.message,
    data: { code: error.code, ...(error.hint === undefined ? {} : { hint: error.hint }) },
  };
  return { jsonrpc: '2.0', id: id ?? null, error: body };
}

/** The error a peer reported, rebuilt. A peer without codes gives RPC_ERROR. */
export function errorFromWire(body: unknown): HudError {
  const { code, message, data } = isPlainObject(body) ? body : {};
  const { code: name, hint } = isPlainObject(data) ? data : {};
  return new HudError(
    isErrorCode(name) ? name : 'RPC_ERROR',
    typeof message === 'string' && message !== '' ? message : 'The peer reported an error without a message.',
    {
      ...(typeof code === 'number' ? { rpcCode: code } : {}),
      ...(typeof hint === 'string' ? { hint } : {}),
    },
  );
}
