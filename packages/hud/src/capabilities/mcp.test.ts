import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Capability } from '../protocol/capability.ts';
import { openMcp, type McpClient } from './mcp.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

interface Web extends AsyncDisposable {
  port: number;
  /** Ends every connection, as a killed process does. */
  kill(): Promise<void>;
}

async function web(handler: Handler): Promise<Web> {
  const server: Server = createServer((request, response) => void handler(request, response));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kill = async (): Promise<void> => {
    const closed = once(server, 'close');
    const wasListening = server.listening;
    server.close();
    for (const socket of sockets) socket.destroy();
    if (wasListening) await closed;
  };
  return { port: (server.address() as AddressInfo).port, kill, [Symbol.asyncDispose]: kill };
}

interface Tools {
  server: McpServer;
  /** Fires when a call of `wait` was cancelled by the client. */
  cancelled: Promise<void>;
  waiting: Promise<void>;
}

/** `greet` with structured output, `fail`, `throw`, and `wait`, which never ends by itself. */
function tools(): Tools {
  const server = new McpServer({ name: 'test', version: '1' });
  const cancelled = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  server.registerTool(
    'greet',
    { description: 'Greets', inputSchema: { name: z.string() }, outputSchema: { greeting: z.string() } },
    ({ name }) => ({
      content: [{ type: 'text', text: `Hello ${name}` }],
      structuredContent: { greeting: `Hello ${name}` },
    }),
  );
  server.registerTool('fail', {}, () => ({ content: [{ type: 'text', text: 'no luck' }], isError: true }));
  server.registerTool('wait', {}, async ({ signal }) => {
    waiting.resolve();
    await once(signal, 'abort');
    cancelled.resolve();
    return { content: [] };
  });
  return { server, cancelled: cancelled.promise, waiting: waiting.promise };
}

interface Sessions extends Web, Tools {
  /** What was asked for, by method of HTTP. */
  methods: string[];
  ended: Promise<void>;
}

/** One session, with replies as event streams. */
async function sessionServer(options: { token?: string } = {}): Promise<Sessions> {
  const own = tools();
  const methods: string[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID(), onsessionclosed: () => resolve() });
  await own.server.connect(transport);
  const http = await web(async (request, response) => {
    methods.push(request.method ?? '');
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) response.writeHead(401).end();
    else await transport.handleRequest(request, response);
  });
  return { ...own, ...http, methods, ended };
}

function capability(port: number, params: Record<string, unknown> = {}): Capability {
  return { name: 'desk', protocol: 'mcp/2025-11-25', url: `http://127.0.0.1:${port}/mcp`, params };
}

async function using<T>(client: McpClient, work: (client: McpClient) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

test('tools are listed with their schemas, and called with their results', async () => {
  await using server = await sessionServer();
  await using(await openMcp(capability(server.port)), async (client) => {
    const listed = await client.listTools();
    expect(listed.map(({ name, description }) => [name, description])).toEqual([
      ['greet', 'Greets'],
      ['fail', undefined],
      ['wait', undefined],
    ]);
    expect(listed[0]?.inputSchema).toMatchObject({ type: 'object', properties: { name: { type: 'string' } }, required: ['name'] });
    expect(await client.callTool('greet', { name: 'Ada' })).toEqual({
      content: [{ type: 'text', text: 'Hello Ada' }],
      isError: false,
      structuredContent: { greeting: 'Hello Ada' },
    });
  });
});

test('a failure of a tool is a result, as are arguments that it refuses', async () => {
  await using server = await sessionServer();
  await using(await openMcp(capability(server.port)), async (client) => {
    expect(await client.callTool('fail', {})).toEqual({ content: [{ type: 'text', text: 'no luck' }], isError: true });
    expect(await client.callTool('greet', {})).toMatchObject({ isError: true });
    expect(await client.callTool('nowhere', {})).toMatchObject({ isError: true });
  });
});

test('the token of the capability opens the server, and nothing else does', async () => {
  await using server = await sessionServer({ token: 'secret' });
  await using(await openMcp(capability(server.port, { auth_token: 'secret' })), async (client) =>
    expect(await client.listTools()).toHaveLength(3),
  );
  for (const params of [{}, { auth_token: 'wrong' }]) {
    await expect(openMcp(capability(server.port, params))).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('desk') as string,
    });
  }
});

test('servers of the older event-stream transport work, with their token', async () => {
  let transport: SSEServerTransport | undefined;
  await using server = await web(async (request, response) => {
    if (request.headers.authorization !== 'Bearer secret') return response.writeHead(401).end();
    if (request.method === 'POST') return await transport?.handlePostMessage(request, response);
    transport = new SSEServerTransport('/messages', response);
    return await tools().server.connect(transport);
  });
  const params = { transport: 'sse', auth_token: 'secret' };
  await using(await openMcp(capability(server.port, params)), async (client) => {
    expect(await client.callTool('greet', { name: 'Bo' })).toMatchObject({ content: [{ text: 'Hello Bo' }] });
  });
  await expect(openMcp(capability(server.port, { transport: 'sse' }))).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
});

test('a call fails at once when the one event stream of the older transport breaks off', async () => {
  let transport: SSEServerTransport | undefined;
  const own = tools();
  await using server = await web(async (request, response) => {
    if (request.method === 'POST') return await transport?.handlePostMessage(request, response);
    if (transport !== undefined) return response.writeHead(503).end();
    transport = new SSEServerTransport('/messages', response);
    return await own.server.connect(transport);
  });
  await using(await openMcp(capability(server.port, { transport: 'sse' })), async (client) => {
    const call = client.callTool('wait', {});
    void own.waiting.then(() => transport?.close());
    await expect(call).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('the event stream broke off') as string,
    });
  });
});

test('nobody at the address is a failed capability', async () => {
  const server = await web(() => {});
  await server.kill();
  await expect(openMcp(capability(server.port))).rejects.toMatchObject({
    name: 'HudError',
    code: 'CAPABILITY_FAILED',
    faultClass: 'sandbox',
  });
});

test('every page of a long list is read, and a list that never ends is refused', async () => {
  const page = (name: string, nextCursor?: string): object => ({
    tools: [{ name, inputSchema: { type: 'object' } }],
    ...(nextCursor && { nextCursor }),
  });
  for (const isCircle of [false, true]) {
    await using server = await sessionServer();
    server.server.server.setRequestHandler(
      ListToolsRequestSchema,
      ({ params }) => (params?.cursor === undefined ? page('a', '2') : page('b', isCircle ? '2' : undefined)) as { tools: [] },
    );
    await using(await openMcp(capability(server.port)), async (client) => {
      if (isCircle)
        await expect(client.listTools()).rejects.toMatchObject({
          code: 'CAPABILITY_FAILED',
          message: expect.stringContaining('circle') as string,
        });
      else expect((await client.listTools()).map(({ name }) => name)).toEqual(['a', 'b']);
    });
  }
});

test("an interrupted call rejects with the caller's reason and is cancelled on the server", async () => {
  await using server = await sessionServer();
  await using(await openMcp(capability(server.port)), async (client) => {
    const abort = new AbortController();
    const call = client.callTool('wait', {}, { signal: abort.signal });
    const reason = new Error('enough');
    void server.waiting.then(() => abort.abort(reason));
    await expect(call).rejects.toBe(reason);
    await server.cancelled;
  });
});

test('a call beyond its limit fails and is cancelled on the server, which goes on serving', async () => {
  await using server = await sessionServer();
  await using(await openMcp(capability(server.port)), async (client) => {
    await expect(client.callTool('wait', {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    await server.cancelled;
    expect(await client.callTool('greet', { name: 'Cy' })).toMatchObject({ isError: false });
  });
});

test('a call whose server dies fails instead of waiting for ever', async () => {
  await using server = await sessionServer();
  await using(await openMcp(capability(server.port)), async (client) => {
    const call = client.callTool('wait', {});
    const killing = (async (): Promise<void> => {
      await server.waiting;
      await client.listTools(); // a round trip later the reply's stream is open at this end too
      await server.kill();
    })();
    await expect(call).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('the server is gone') as string,
    });
    await killing;
  });
});

test('closing ends the session on the server, may be done twice, and fails what is unfinished', async () => {
  await using server = await sessionServer();
  const client = await openMcp(capability(server.port));
  const call = client.callTool('wait', {});
  void server.waiting.then(() => client.close());
  await expect(call).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  await client.close();
  await server.ended;
  expect(server.methods.filter((method) => method === 'DELETE')).toHaveLength(1);
});

test('closing is not held up by a server that is gone', async () => {
  const server = await sessionServer();
  const client = await openMcp(capability(server.port));
  await server.kill();
  await client.close();
});
