/** A live client of one MCP server. The SDK is loaded on use. */
import type { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { withDeadline } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { Capability } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, ToolResult } from '../protocol/trace.ts';
import type { CapabilityClient } from './open.ts';

export interface McpTool {
  name: string;
  description?: string;
  inputSchema: JsonObject;
}

export interface McpCallOptions {
  /** Cancels the call on the server too. */
  signal?: AbortSignal;
  /** Longest wait for the result, in milliseconds. @default none: the caller's signal decides */
  timeoutMs?: number;
}

const CONNECT_MS = 30_000;
/** The SDK gives up on a call after a minute by default; the caller's own deadline decides here. */
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

export class McpClient implements CapabilityClient {
  readonly capability: Capability;
  readonly #client: SdkClient;
  /** One for each unfinished call. */
  readonly #pending = new Set<(reason: unknown) => void>();
  #isChecking = false;
  #closing: Promise<void> | undefined;

  constructor(capability: Capability, client: SdkClient) {
    this.capability = capability;
    this.#client = client;
    client.onerror = () => void this.#check();
  }

  async listTools(): Promise<McpTool[]> {
    const tools: McpTool[] = [];
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await this.#ask('tools/list', () => this.#client.listTools(cursor === undefined ? {} : { cursor }));
      tools.push(
        ...page.tools.map(({ name, description, inputSchema }) => ({
          name,
          inputSchema: inputSchema as JsonObject,
          ...(description === undefined ? {} : { description }),
        })),
      );
      cursor = page.nextCursor;
      if (cursor !== undefined && seen.has(cursor)) throw this.#failure('tools/list', 'its pages go in a circle');
      if (cursor !== undefined) seen.add(cursor);
    } while (cursor !== undefined);
    return tools;
  }

  /**
   * A failure that the tool itself reports is a result with `isError`.
   * @throws HudError CAPABILITY_FAILED for an unknown tool, an expired `timeoutMs` or a lost server; the signal's reason
   */
  async callTool(name: string, args: JsonObject, { signal, timeoutMs = NO_LIMIT_MS }: McpCallOptions = {}): Promise<ToolResult> {
    const call = (): ReturnType<SdkClient['callTool']> =>
      this.#client.callTool({ name, arguments: args }, undefined, { timeout: timeoutMs, ...(signal ? { signal } : {}) });
    const result = await this.#ask(name, call, signal);
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
    if (transport !== undefined && 'terminateSession' in transport) {
      const goodbye = (transport as StreamableHTTPClientTransport).terminateSession();
      // A server that is gone, or knows no such request, has no session to end.
      await withDeadline(nodeHost, goodbye, GOODBYE_MS, () => new Error('no answer')).catch(() => {});
    }
    await this.#client.close();
  }

  async #ask<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#pending.add(reject);
    try {
      const answer = work();
      answer.catch(() => {});
      return await Promise.race([answer, lost]);
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#failure(what, messageOf(cause), cause);
    } finally {
      this.#pending.delete(reject);
    }
  }

  /** The SDK keeps waiting when a reply's stream breaks off; nobody answers it when the server is gone. */
  async #check(): Promise<void> {
    if (this.#isChecking || this.#closing !== undefined || this.#pending.size === 0) return;
    this.#isChecking = true;
    try {
      await this.#client.ping({ timeout: PING_MS });
    } catch (cause) {
      if (isTimeout(cause)) return; // busy, as a server that runs one tool at a time is
      const reason = new Error(`the server is gone (${messageOf(cause)})`, { cause });
      for (const reject of this.#pending) reject(reason);
    } finally {
      this.#isChecking = false;
    }
  }

  #failure(what: string, why: string, cause?: unknown): HudError {
    return new HudError('CAPABILITY_FAILED', `MCP ${what} on '${this.capability.name}' failed: ${why}`, { cause });
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === REQUEST_TIMEOUT;
}

/** The SDK's own number for a request that took too long. */
const REQUEST_TIMEOUT = -32_001;

async function transportOf({ url, params }: Capability): Promise<Transport> {
  const token = params.auth_token;
  const init = typeof token === 'string' ? { requestInit: { headers: { Authorization: `Bearer ${token}` } } } : {};
  if (params.transport === 'sse') {
    const { SSEClientTransport } = await loadSdk(() => import('@modelcontextprotocol/sdk/client/sse.js'));
    return new SSEClientTransport(new URL(url), init);
  }
  const { StreamableHTTPClientTransport: HttpTransport } = await loadSdk(
    () => import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
  );
  return new HttpTransport(new URL(url), init);
}

async function loadSdk<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new HudError('PACKAGE_MISSING', 'MCP needs the package @modelcontextprotocol/sdk, which is not installed.', {
      hint: 'npm install @modelcontextprotocol/sdk',
      cause,
    });
  }
}
