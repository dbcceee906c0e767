/** A live client of one MCP server. The SDK is loaded on use. */
import type { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { withDeadline, withSignal } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { Capability } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, ToolResult } from '../protocol/trace.ts';
import { isAnswer, mcpError } from './mcp-errors.ts';
import { loadSdk, sendWatched, transportOf } from './mcp-transport.ts';
import { watchServer } from './mcp-watch.ts';
import type { CapabilityClient } from './open.ts';

export interface McpTool {
  name: string;
  description?: string;
  inputSchema: JsonObject;
}

export interface McpCallOptions {
  /** Cancels the call on the server too. */
  signal?: AbortSignal;
  /** Longest wait for the result, in milliseconds; Infinity leaves it to the signal. @default 600_000 */
  timeoutMs?: number;
  /** Longest silence of a server that answers pings while the tool runs, in milliseconds. @default 10_000 */
  patienceMs?: number;
}

const CONNECT_MS = 30_000;
const LIST_MS = 60_000;
const MAX_PAGES = 1_000;
const CALL_MS = 600_000;
const PATIENCE_MS = 10_000;
/** The SDK's own limit of a minute is not the caller's. */
const NO_LIMIT_MS = 2 ** 31 - 1;
const PING_MS = 10_000;
const GOODBYE_MS = 1_000;

/** @throws HudError CAPABILITY_FAILED when the server can't be reached, PACKAGE_MISSING without the SDK */
export async function openMcp(capability: Capability): Promise<McpClient> {
  const { Client } = await loadSdk(() => import('@modelcontextprotocol/sdk/client/index.js'));
  const client = new Client({ name: 'hud', version: '1' });
  try {
    const transport = await transportOf(capability);
    // A deadline of our own as well: the SDK's begins only once an event stream is open.
    await withDeadline(
      nodeHost,
      client.connect(transport, { timeout: CONNECT_MS }),
      CONNECT_MS,
      () => new Error(`no answer within ${CONNECT_MS / 1000} s`),
    );
  } catch (cause) {
    await client.close();
    if (cause instanceof HudError) throw cause;
    throw new HudError('CAPABILITY_FAILED', `The MCP server '${capability.name}' can't be reached: ${messageOf(cause)}`, { cause });
  }
  return new McpClient(capability, client);
}

interface AskOptions {
  signal?: AbortSignal | undefined;
  timeoutMs: number;
  /** Another way to lose, watched until the request is over. */
  watch?: (over: AbortSignal) => Promise<never>;
}

export class McpClient implements CapabilityClient {
  readonly capability: Capability;
  readonly #client: SdkClient;
  /** One for each unfinished request. */
  readonly #pending = new Set<(reason: unknown) => void>();
  #pinging: Promise<unknown> | undefined;
  #isChecking = false;
  /** A server that is gone is not said goodbye to. */
  #isGone = false;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(capability: Capability, client: SdkClient) {
    this.capability = capability;
    this.#client = client;
    client.onerror = (error) => this.#onError(error);
  }

  /** @throws HudError CAPABILITY_FAILED when the server is gone or never comes to an end, RPC_ERROR when it refuses */
  async listTools(): Promise<McpTool[]> {
    const tools: McpTool[] = [];
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const params = cursor === undefined ? {} : { cursor };
      const page = await this.#ask('tools/list', (signal) => this.#client.listTools(params, { signal, timeout: NO_LIMIT_MS }), {
        timeoutMs: LIST_MS,
      });
      tools.push(
        ...page.tools.map(({ name, description, inputSchema }) => ({
          name,
          inputSchema: inputSchema as JsonObject,
          ...(description === undefined ? {} : { description }),
        })),
      );
      cursor = page.nextCursor;
      if (cursor !== undefined && seen.has(cursor)) throw this.#failure('tools/list', new Error('its pages go in a circle'));
      if (cursor !== undefined) seen.add(cursor);
      if (seen.size >= MAX_PAGES) throw this.#failure('tools/list', new Error(`it has more than ${MAX_PAGES} pages`));
    } while (cursor !== undefined);
    return tools;
  }

  /**
   * A failure that the tool itself reports is a result with `isError`.
   * @throws HudError RPC_ERROR when the server refuses the call; CAPABILITY_FAILED for a lost or silent server,
   *   which closes this client, and for an expired `timeoutMs`, which does not; the signal's reason
   */
  async callTool(name: string, args: JsonObject, options: McpCallOptions = {}): Promise<ToolResult> {
    const { signal, timeoutMs = CALL_MS, patienceMs = PATIENCE_MS } = options;
    const call = (cancelled: AbortSignal): ReturnType<SdkClient['callTool']> =>
      this.#client.callTool({ name, arguments: args }, undefined, { timeout: NO_LIMIT_MS, signal: cancelled });
    const watch = async (over: AbortSignal): Promise<never> =>
      await watchServer({
        ping: async (until) => await this.#ping(until),
        patienceMs,
        signal: over,
        onSilence: () => this.#silence(name, patienceMs),
      });
    const result = await this.#ask(name, call, { signal, timeoutMs, watch });
    return {
      content: Array.isArray(result.content) ? (result.content as ContentBlock[]) : [],
      isError: result.isError === true,
      ...(isPlainObject(result.structuredContent) ? { structuredContent: result.structuredContent } : {}),
    };
  }

  /** Ends the session on the server, as far as it answers; unfinished calls fail. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { transport } = this.#client;
    if (!this.#isGone && transport !== undefined && 'terminateSession' in transport) {
      const goodbye = (transport as StreamableHTTPClientTransport).terminateSession();
      // A server that is gone, or knows no such request, has no session to end.
      await withDeadline(nodeHost, goodbye, GOODBYE_MS, () => new Error('no answer')).catch(() => {});
    }
    await this.#client.close();
  }

  /** One request. Whatever ends it early is told to the server as a cancellation. */
  async #ask<T>(what: string, send: (cancelled: AbortSignal) => Promise<T>, { signal, timeoutMs, watch }: AskOptions): Promise<T> {
    signal?.throwIfAborted();
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const over = new AbortController();
    const cancelled = new AbortController();
    let isSettled = false;
    const late = `MCP ${what} on '${this.capability.name}' failed: no result within ${timeoutMs / 1000} s`;
    using _timer = nodeHost.setTimer(timeoutMs, () => reject(new HudError('CAPABILITY_FAILED', late)));
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#pending.add(reject);
    try {
      const answer = sendWatched(() => send(cancelled.signal), reject).finally(() => (isSettled = true));
      answer.catch(() => {});
      watch?.(over.signal).catch((reason: unknown) => this.#watchEnded(reason, over.signal, reject));
      return await Promise.race([answer, lost]);
    } catch (cause) {
      if (!isSettled) cancelled.abort(cause); // the SDK would tell the server of a settled one as well
      signal?.throwIfAborted();
      throw this.#failure(what, cause);
    } finally {
      over.abort();
      this.#pending.delete(reject);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #watchEnded(reason: unknown, over: AbortSignal, reject: (reason: unknown) => void): void {
    if (over.aborted) return;
    reject(reason);
    this.#giveUp(reason);
  }

  /** Everything unfinished fails; the caller need not wait for the close. */
  #giveUp(reason: unknown): void {
    this.#isGone = true;
    for (const reject of this.#pending) reject(reason);
    this.close().catch(() => {}); // nothing is left to be told
  }

  /** Any answer will do. A connection that broke may only have been an old one: a second one decides. */
  async #ping(signal: AbortSignal): Promise<void> {
    for (const isLast of [false, true]) {
      try {
        await withSignal(this.#pingOnce(), signal);
        return;
      } catch (cause) {
        signal.throwIfAborted();
        if (this.#closing === undefined && isAnswer(cause)) return;
        if (isLast) throw new Error(`the server is gone (${messageOf(cause)})`, { cause });
      }
    }
  }

  /** One at a time: a server that leaves pings unanswered would hold a connection for each. */
  #pingOnce(): Promise<unknown> {
    if (this.#pinging === undefined) {
      const { promise: lost, reject } = Promise.withResolvers<never>();
      const answer = sendWatched(() => this.#client.ping({ timeout: NO_LIMIT_MS }), reject);
      this.#pinging = Promise.race([answer, lost]).finally(() => (this.#pinging = undefined));
      this.#pinging.catch(() => {}); // whoever waits for it hears of it
    }
    return this.#pinging;
  }

  /** The SDK keeps waiting when a stream breaks off; nobody answers it when the server is gone. */
  #onError(error: Error): void {
    if ('event' in error) {
      // The older transport's one event stream: what it would have carried is lost.
      for (const reject of this.#pending) reject(new Error('the event stream broke off', { cause: error }));
      return;
    }
    void this.#check();
  }

  async #check(): Promise<void> {
    if (this.#isChecking || this.#closing !== undefined || this.#pending.size === 0) return;
    this.#isChecking = true;
    const patience = AbortSignal.timeout(PING_MS);
    try {
      await this.#ping(patience);
    } catch (reason) {
      if (!patience.aborted) this.#giveUp(reason); // else busy, as a server that runs one tool at a time is
    } finally {
      this.#isChecking = false;
    }
  }

  #silence(tool: string, patienceMs: number): HudError {
    const silence = `The MCP server '${this.capability.name}' stopped answering while tool '${tool}' ran: no sign of life for`;
    return new HudError('CAPABILITY_FAILED', `${silence} ${patienceMs / 1000} s.`, {
      hint: 'Look at what the server did; raise toolPatienceSeconds if it may be busy for longer.',
    });
  }

  #failure(what: string, cause: unknown): HudError {
    return mcpError(cause, { server: this.capability.name, what, isClosed: this.#closing !== undefined });
  }
}
