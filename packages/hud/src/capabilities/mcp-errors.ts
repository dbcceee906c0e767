/** What a request to an MCP server failed of: an answer that says no, or nobody there to answer. */
import { HudError, isHudError, messageOf } from '../protocol/errors.ts';

/** HTTP statuses that refuse one request and leave the server as it is; after any other no request of this session will do. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422, 429, 500]);
/** No such session any more, or a proxy that finds nobody behind it. */
const NOBODY: ReadonlySet<number> = new Set([404, 410, 502, 503, 504]);

export interface Failed {
  /** Name of the capability. */
  server: string;
  /** Tool or method. */
  what: string;
  /** The client was closed, or has lost its server. */
  isClosed: boolean;
}

/** CAPABILITY_FAILED when the server is gone, RPC_ERROR when it refused the request, PROTOCOL_ERROR for an answer that can't be read. */
export function mcpError(cause: unknown, { server, what, isClosed }: Failed): HudError {
  if (isHudError(cause)) return cause;
  const message = `MCP ${what} on '${server}' failed: ${messageOf(cause)}`;
  const answered = isClosed ? undefined : answerOf(cause);
  if (answered === undefined) return new HudError('CAPABILITY_FAILED', message, { cause });
  if (answered === 'unreadable') return new HudError('PROTOCOL_ERROR', message, { cause });
  return new HudError('RPC_ERROR', message, { cause, ...(answered === 'refused' ? {} : { rpcCode: answered }) });
}

/** Whether a failed request shows that somebody was there. */
export function isAnswer(cause: unknown): boolean {
  return answerOf(cause) !== undefined || (isHttp(cause) && !NOBODY.has(cause.code));
}

/** The SDK's error for a reply of HTTP that is no message. */
function isHttp(cause: unknown): cause is Error & { code: number } {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number' && cause.code >= 100 && cause.name !== 'McpError';
}

/** The server's JSON-RPC number, or what else it said; undefined when it said nothing. */
function answerOf(cause: unknown): number | 'refused' | 'unreadable' | undefined {
  if (!(cause instanceof Error)) return undefined;
  if (cause.name.endsWith('ZodError')) return 'unreadable';
  if (cause.name === 'McpError' && 'code' in cause && typeof cause.code === 'number') return cause.code;
  return isHttp(cause) && REFUSALS.has(cause.code) ? 'refused' : undefined;
}
