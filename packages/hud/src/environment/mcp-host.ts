/** Serves MCP servers of the author's over HTTP: sessions, and programs behind them. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { nodeHost } from '../host/node.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { sameText } from './access.ts';
import type { McpSource } from './mcp.ts';

/** What is run here, rather than somewhere else. */
export type OwnSource = Exclude<McpSource, { url: string }>;

const MAX_SESSIONS = 256;
const PATH = '/mcp';

/** One HTTP address, any number of sessions, a bearer token against everybody else on the machine. */
export class McpHost {
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
    if (typeof this.#source === 'function') await (await this.#source()).connect(transport as never);
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
