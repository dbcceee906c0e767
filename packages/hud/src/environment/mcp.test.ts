import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { McpClient } from '../capabilities/mcp.ts';
import { connect } from '../client/connect.ts';
import { Environment } from './environment.ts';
import { bind, type BoundServer } from './serve.ts';

/** Counts across sessions: what sessions share lives outside of the servers. */
function counter(): { make: () => McpServer; count: () => number } {
  let count = 0;
  const make = (): McpServer => {
    const server = new McpServer({ name: 'counter', version: '1' });
    server.registerTool('add', { description: 'Adds to the count', inputSchema: { by: z.number() } }, ({ by }) => {
      count += by;
      return { content: [{ type: 'text', text: String(count) }] };
    });
    return server;
  };
  return { make, count: () => count };
}

async function openTools(server: BoundServer): Promise<McpClient & AsyncDisposable> {
  const client = await connect(server);
  const tools = await client.open('mcp');
  return Object.assign(tools, { [Symbol.asyncDispose]: () => client.close() });
}

test('tools of a server written with the SDK are called through the environment, by several clients at once', async () => {
  const { make, count } = counter();
  const environment = new Environment('tools');
  const endpoint = environment.mcp(make);
  expect(() => endpoint.url).toThrow('only while its environment');
  await using server = await bind(environment);
  await using left = await openTools(server);
  await using right = await openTools(server);
  expect(await left.listTools()).toMatchObject([{ name: 'add', description: 'Adds to the count' }]);
  await left.callTool('add', { by: 2 });
  expect(await right.callTool('add', { by: 3 })).toMatchObject({ content: [{ text: '5' }], isError: false });
  expect(count()).toBe(5);
  expect((await fetch(endpoint.url, { method: 'POST', body: '{}' })).status).toBe(401);
});

test('a program that speaks MCP on its standard streams is served the same way, one process a session', async () => {
  const program = `
    const { createInterface } = require('node:readline');
    const say = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
    createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method, params } = JSON.parse(line);
      if (method === 'initialize') say(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'p', version: '1' } });
      else if (method === 'tools/list') say(id, { tools: [{ name: 'pid', inputSchema: { type: 'object' } }] });
      else if (method === 'tools/call') say(id, { content: [{ type: 'text', text: String(process.pid) }] });
      else if (id !== undefined) say(id, {});
    });`;
  const environment = new Environment('tools');
  environment.mcp({ command: process.execPath, args: ['-e', program] }, { name: 'program' });
  await using server = await bind(environment);
  await using left = await openTools(server);
  await using right = await openTools(server);
  const pids = await Promise.all([left, right].map(async (client) => Number((await client.callTool('pid', {})).content[0]?.text)));
  expect(new Set(pids).size).toBe(2);
  await server.close();
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
});

test('a program that does not exist is a fault that names it', async () => {
  const environment = new Environment('tools');
  environment.mcp({ command: 'no-such-program' });
  await using server = await bind(environment);
  await using client = await connect(server);
  await expect(client.open('mcp')).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
});

test('a server that runs anyway is published with an explicit port', () => {
  const environment = new Environment('tools');
  expect(environment.mcp({ url: 'https://example.org/mcp', authToken: 'x' }).url).toBe('https://example.org:443/mcp');
  expect(environment.capability('tools').params).toEqual({ transport: 'streamable-http', auth_token: 'x' });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
