import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { expect, test } from 'vitest';
import { openMcp, type McpClient } from '../../capabilities/mcp.ts';
import { mcpTools } from './mcp.ts';

interface Offer extends AsyncDisposable {
  client: McpClient;
}

/** A client of a real server whose tools answer with their own names. */
async function offer(capability: string, tools: Record<string, string | undefined>): Promise<Offer> {
  const http = createServer(
    (request, response) =>
      void (async () => {
        const server = new McpServer({ name: 'test', version: '1' });
        for (const [name, description] of Object.entries(tools)) {
          server.registerTool(name, description === undefined ? {} : { description }, () => ({ content: [{ type: 'text', text: name }] }));
        }
        const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
        response.on('close', () => void transport.close());
        await server.connect(transport);
        await transport.handleRequest(request, response);
      })(),
  );
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  const client = await openMcp({ name: capability, protocol: 'mcp/2025-11-25', url, params: {} });
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.close();
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

const context = { signal: new AbortController().signal };

test('tools of one server keep their names, and are called by the names that the server knows', async () => {
  await using only = await offer('desk', { add: 'Adds', 'a.b': 'Dotted', silent: undefined });
  const tools = await mcpTools([only.client]);
  expect(tools.map(({ name, description }) => [name, description])).toEqual([
    ['add', 'Adds'],
    ['a_b_2e7336dc', 'Dotted'],
    ['silent', 'Call silent'],
  ]);
  expect(await tools[1]?.execute({}, context)).toMatchObject({ content: [{ text: 'a.b' }] });
});

test('tools of several servers are qualified, in the order of the servers', async () => {
  await using left = await offer('left', { add: 'Adds' });
  await using right = await offer('right', { add: 'Adds', 'get.weather': 'Looks' });
  const tools = await mcpTools([left.client, right.client]);
  expect(tools.map(({ name }) => name.replace(/_[0-9a-f]{8}$/, ''))).toEqual(['left__add', 'right__add', 'right__get_weather']);
  expect(await tools[2]?.execute({}, context)).toMatchObject({ content: [{ text: 'get.weather' }] });
});

test('two tools that would share a name are refused', async () => {
  await using left = await offer('a', { b__c: 'One' });
  await using right = await offer('a__b', { c: 'Other' });
  await expect(mcpTools([left.client, right.client])).rejects.toMatchObject({
    code: 'CAPABILITY_FAILED',
    message: expect.stringContaining("'a__b__c'") as string,
  });
});

test('without servers there are no tools', async () => expect(await mcpTools([])).toEqual([]));
