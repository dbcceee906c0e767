/** A live client of one MCP server. The SDK is loaded on use. */
import type { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
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

const CONNECT_MS = 30_000;
/** The SDK gives up on a call after a minute by default; the caller's own deadline decides here. */
const NO_LIMIT_MS = 2 ** 31 - 1;

/** @throws HudError CAPABILITY_FAILED when the server can't be reached, PACKAGE_MISSING without the SDK */
export async function openMcp(capability: Capability): Promise<McpClient> {
  const { Client } = await loadSdk(() => import('@modelcontextprotocol/sdk/client/index.js'));
  const client = new Client({ name: 'hud', version: '1' });
  try {
    await client.connect(await transportOf(capability), { timeout: CONNECT_MS });
  } catch (cause) {
    throw new HudError('CAPABILITY_FAILED', `The MCP server '${capability.name}' can't be reached: ${messageOf(cause)}`, { cause });
  }
  return new McpClient(capability, client);
}

export class McpClient implements CapabilityClient {
  readonly capability: Capability;
  readonly #client: SdkClient;

  constructor(capability: Capability, client: SdkClient) {
    this.capability = capability;
    this.#client = client;
  }

  async listTools(): Promise<McpTool[]> {
    const tools: McpTool[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#ask('tools/list', () => this.#client.listTools(cursor === undefined ? {} : { cursor }));
      tools.push(...page.tools.map(({ name, description, inputSchema }) =>
        ({ name, inputSchema: inputSchema as JsonObject, ...(description === undefined ? {} : { description }) })));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return tools;
  }

  async callTool(name: string, args: JsonObject, options: { signal?: AbortSignal } = {}): Promise<ToolResult> {
    const result = await this.#ask(name, () => this.#client.callTool({ name, arguments: args }, undefined, {
      timeout: NO_LIMIT_MS, ...(options.signal ? { signal: options.signal } : {}),
    }));
    return {
      content: Array.isArray(result.content) ? result.content as ContentBlock[] : [],
      isError: result.isError === true,
      ...(isPlainObject(result.structuredContent) ? { structuredContent: result.structuredContent } : {}),
    };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new HudError('CAPABILITY_FAILED', `MCP ${what} on '${this.capability.name}' failed: ${messageOf(cause)}`, { cause });
    }
  }
}

async function transportOf({ url, params }: Capability): Promise<Transport> {
  const token = params.auth_token;
  const init = typeof token === 'string' ? { requestInit: { headers: { Authorization: `Bearer ${token}` } } } : {};
  if (params.transport === 'sse') {
    const { SSEClientTransport } = await loadSdk(() => import('@modelcontextprotocol/sdk/client/sse.js'));
    return new SSEClientTransport(new URL(url), init);
  }
  const { StreamableHTTPClientTransport } = await loadSdk(() => import('@modelcontextprotocol/sdk/client/streamableHttp.js'));
  return new StreamableHTTPClientTransport(new URL(url), init);
}

async function loadSdk<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new HudError('PACKAGE_MISSING', 'MCP needs the package @modelcontextprotocol/sdk, which is not installed.', {
      hint: 'npm install @modelcontextprotocol/sdk', cause,
    });
  }
}
