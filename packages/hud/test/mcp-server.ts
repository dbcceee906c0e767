/** A real MCP server over HTTP, for tests: `add`, `fail`, `slow`, `picture`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export async function mcpServer(options: { token?: string } = {}): Promise<AsyncDisposable & { url: string; calls: string[] }> {
  const calls: string[] = [];
  const make = (): McpServer => {
    const server = new McpServer({ name: 'test', version: '1' });
    server.registerTool(
      'add',
      { description: 'Adds two numbers', inputSchema: { a: z.number(), b: z.number(), note: z.string().optional() } },
      ({ a, b, note }) => {
        calls.push(`add ${a} ${b} ${String(note)}`);
        return { content: [{ type: 'text', text: String(a + b) }] };
      },
    );
    server.registerTool('fail', { description: 'Fails', inputSchema: {} }, () => ({
      content: [{ type: 'text', text: 'no such thing' }],
      isError: true,
    }));
    server.registerTool('slow', { description: 'Never ends', inputSchema: {} }, async () => await new Promise(() => {}));
    server.registerTool('picture', { description: 'A picture', inputSchema: {} }, () => ({
      content: [{ type: 'image', data: PIXEL, mimeType: 'image/png' }],
    }));
    return server;
  };
  const http = createServer((request, response) => {
    void (async () => {
      if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
        response.writeHead(401).end();
        return;
      }
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
      response.on('close', () => void transport.close());
      await make().connect(transport);
      await transport.handleRequest(request, response);
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    calls,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
