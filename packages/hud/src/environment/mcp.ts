/** `env.mcp`: tools of an MCP server as a capability. Ours or another program's, behind one HTTP address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { nodeHost } from '../host/node.ts';
import { PROTOCOLS } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { sameText } from './access.ts';
import type { Environment } from './environment.ts';

/** What has `connect`, as `McpServer` of the MCP SDK does. */
export interface ConnectableServer {
  connect(transport: Transport): Promise<void>;
}

/**
 * Makes a server for each session: a server of the SDK serves one. State that sessions share lives outside.
 * Or a program that speaks MCP on its standard input and output, started for each session; or a server that runs anyway.
 */
export type McpSource =
  | (() => ConnectableServer | Promise<ConnectableServer>)
  | { command: string; args?: readonly string[]; env?: Record<string, string>; cwd?: string }
  | { url: string; authToken?: string; transport?: 'streamable-http' | 'sse' };

export interface McpOptions {
  /** Name of the capability. @default "tools" */
  name?: string;
}

export interface McpEndpoint {
  readonly name: string;
  /** Where it is served while the environment runs. @throws HudError CAPABILITY_NOT_FOUND before that */
  readonly url: string;
}

const MAX_SESSIONS = 256;
const PATH = '/mcp';

/** Declares; the server starts with the environment and ends with it. */
export function declareMcp(environment: Environment, source: McpSource, { name = 'tools' }: McpOptions = {}): McpEndpoint {
  if (typeof source === 'object' && 'url' in source) {
    const { url, authToken, transport = 'streamable-http' } = source;
    const params = { transport, ...(authToken === undefined ? {} : { auth_token: authToken }) };
    return { name, url: environment.addCapability({ name, protocol: PROTOCOLS.mcp, url: withPort(url), params }).url };
  }
  let served: McpHost | undefined;
  environment.initialize(async () => {
    served = await McpHost.start(source, (message) => environment.warn(`MCP server '${name}': ${message}`));
    const params = { transport: 'streamable-http', auth_token: served.token };
    environment.addCapability({ name, protocol: PROTOCOLS.mcp, url: served.url, params });
  });
  environment.shutdown(async () => {
    await served?.close();
    served = undefined;
  });
  return {
    name,
    get url() {
      if (served !== undefined) return served.url;
      throw new HudError('CAPABILITY_NOT_FOUND', `The MCP server '${name}' runs only while its environment does.`);
    },
  };
}

/** Streams are opened only to an address with an explicit port. */
function withPort(url: string): string {
  const parsed = new URL(url);
  if (parsed.port !== '') return url;
  const port = parsed.protocol === 'https:' || parsed.protocol === 'wss:' ? 443 : 80;
  return url.replace(parsed.host, `${parsed.host}:${port}`);
}

type OwnSource = Exclude<McpSource, { url: string }>;

/** One HTTP address, any number of sessions, a bearer token against everybody else on the machine. */
class McpHost {
  readonly token = nodeHost.randomHex(24);
  readonly #http: Server;
  readonly #source: OwnSource;
  readonly #warn: (message: string) => void;
  readonly #sessions = new Map<string, StreamableHTTPServerTransport>();

  static async start(source: OwnSource, warn: (message: string) => void): Promise<McpHost> {
    const host = new McpHost(source, warn);
    host.#http.listen(0, '127.0.0.1');
    await once(host.#http, 'listening');
    return host;
  }

  private constructor(source: OwnSource, warn: (message: string) => void) {
    this.#source = source;
    this.#warn = warn;
    this.#http = createServer({ noDelay: true }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        this.#warn(messageOf(error));
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}${PATH}`;
  }

  /** Ends every session. May be called twice. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#sessions.values()].map((transport) => transport.close()));
    this.#sessions.clear();
    this.#http.closeAllConnections();
    if (this.#http.listening) await new Promise((resolve) => this.#http.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!sameText(request.headers.authorization ?? '', `Bearer ${this.token}`)) {
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer' }).end();
      return;
    }
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== PATH) {
      response.writeHead(404).end();
      return;
    }
    const id = request.headers['mcp-session-id'];
    if (id === undefined) {
      const transport = await this.#begin();
      await transport.handleRequest(request, response);
      if (transport.sessionId === undefined) await transport.close(); // it did not begin as a session does
      return;
    }
    const session = this.#sessions.get(String(id));
    if (session === undefined) response.writeHead(404).end(); // by the protocol: begin again
    else await session.handleRequest(request, response);
  }

  async #begin(): Promise<StreamableHTTPServerTransport> {
    const { StreamableHTTPServerTransport: HttpTransport } = await import('@modelcontextprotocol/sdk/server/streamableHttp.js');
    if (this.#sessions.size >= MAX_SESSIONS) await this.#endOldest();
    const transport = new HttpTransport({
      sessionIdGenerator: () => nodeHost.randomHex(16),
      onsessioninitialized: (id) => void this.#sessions.set(id, transport),
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    if (typeof this.#source === 'function') await (await this.#source()).connect(transport);
    else await joinProgram(transport, this.#source, this.#warn);
    return transport;
  }

  async #endOldest(): Promise<void> {
    const [oldest] = this.#sessions;
    if (oldest === undefined) return;
    this.#sessions.delete(oldest[0]);
    await oldest[1].close();
  }
}

/** Messages pass both ways unread; either side's end is the other's. */
async function joinProgram(
  client: Transport,
  { command, args = [], env, cwd }: Extract<OwnSource, { command: string }>,
  warn: (message: string) => void,
): Promise<void> {
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const program = new StdioClientTransport({
    command,
    args: [...args],
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  client.onmessage = (message) => void program.send(message).catch((error: unknown) => warn(messageOf(error)));
  program.onmessage = (message) => void client.send(message).catch((error: unknown) => warn(messageOf(error)));
  program.onerror = (error) => warn(messageOf(error));
  client.onclose = () => void program.close();
  program.onclose = () => void client.close();
  await client.start();
  try {
    await program.start();
  } catch (cause) {
    throw new HudError('CAPABILITY_FAILED', `${command} can't be started: ${messageOf(cause)}`, { cause });
  }
}
