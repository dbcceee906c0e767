/** MCP servers that stop answering, as processes of their own that can be stopped, killed and kept busy. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { openMcp, type McpClient } from './mcp.ts';

const PATIENCE_MS = 500;

/** Says its port, `called NAME` for each call, and `pinged`. Replies are event streams or JSON. */
const SERVER = `
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const said = (text) => ({ content: [{ type: 'text', text }] });
const called = (name) => process.stdout.write('called ' + name + '\\n');
function make() {
  const server = new McpServer({ name: 'child', version: '1' });
  server.registerTool('wait', {}, async () => { called('wait'); await new Promise(() => {}); });
  server.registerTool('work', { inputSchema: { ms: z.number() } }, async ({ ms }) => { called('work'); await sleep(ms); return said('worked'); });
  server.registerTool('block', { inputSchema: { ms: z.number() } }, ({ ms }) => {
    called('block');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return said('blocked');
  });
  return server;
}
const http = createServer(async (request, response) => {
  const body = [];
  request.prependListener('data', (chunk) => body.push(chunk)).pause();
  request.once('end', () => Buffer.concat(body).includes('"method":"ping"') && process.stdout.write('pinged\\n'));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: process.argv[1] === 'json' });
  response.on('close', () => void transport.close());
  await make().connect(transport);
  await transport.handleRequest(request, response);
});
http.listen(0, '127.0.0.1', () => process.stdout.write(http.address().port + '\\n'));
`;

interface Server extends AsyncDisposable {
  child: ChildProcess;
  client: McpClient;
  /** The next line that it prints. */
  said(): Promise<string>;
}

async function serverProcess(replies: string): Promise<Server> {
  const args = ['--input-type=module', '--eval', SERVER, replies];
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const said = async (): Promise<string> => String((await lines.next()).value);
  const client = await openMcp({ name: 'desk', protocol: 'mcp/2025-11-25', url: `http://127.0.0.1:${await said()}/mcp`, params: {} });
  return {
    child,
    client,
    said,
    async [Symbol.asyncDispose]() {
      const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGKILL');
      await exited;
      await client.close();
    },
  };
}

describe.each(['event stream', 'json'])('replies by %s', (replies) => {
  test('a server that is stopped while a tool runs is a fault as soon as patience is over', async () => {
    await using server = await serverProcess(replies);
    const call = server.client.callTool('work', { ms: 60_000 }, { patienceMs: PATIENCE_MS });
    call.catch(() => {});
    expect(await server.said()).toBe('called work');
    expect(await server.said()).toBe('pinged');
    await server.client.listTools(); // a round trip later its answer is here
    const stoppedAt = performance.now();
    server.child.kill('SIGSTOP');
    await expect(call).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      faultClass: 'sandbox',
      message: "The MCP server 'desk' stopped answering while tool 'work' ran: no sign of life for 0.5 s.",
      hint: expect.stringContaining('toolPatienceSeconds') as string,
    });
    expect(performance.now() - stoppedAt).toBeLessThan(PATIENCE_MS + 1_000);
    await expect(server.client.callTool('work', { ms: 1 })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test('a tool that blocks its whole server for longer than patience comes to its end', async () => {
    await using server = await serverProcess(replies);
    expect(await server.client.callTool('block', { ms: 3_000 }, { patienceMs: PATIENCE_MS })).toMatchObject({
      isError: false,
      content: [{ text: 'blocked' }],
    });
    expect(await server.client.callTool('work', { ms: 1 })).toMatchObject({ content: [{ text: 'worked' }] });
  });

  test('a tool that works for longer than patience beside a server that answers comes to its end', async () => {
    await using server = await serverProcess(replies);
    expect(await server.client.callTool('work', { ms: 2_000 }, { patienceMs: PATIENCE_MS })).toMatchObject({
      content: [{ text: 'worked' }],
    });
  });

  test('a server that is killed while a tool runs is a fault at once, and at every later call', async () => {
    await using server = await serverProcess(replies);
    const call = server.client.callTool('wait', {});
    call.catch(() => {});
    expect(await server.said()).toBe('called wait');
    await server.client.listTools();
    const killedAt = performance.now();
    server.child.kill('SIGKILL');
    await expect(call).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    expect(performance.now() - killedAt).toBeLessThan(1_000);
    await expect(server.client.callTool('wait', {})).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test('an idle server that died is a fault at the next call', async () => {
    await using server = await serverProcess(replies);
    server.child.kill('SIGKILL');
    await once(server.child, 'exit');
    await expect(server.client.callTool('wait', {})).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test('a call that a stopped server never took ends with its own limit', async () => {
    await using server = await serverProcess(replies);
    server.child.kill('SIGSTOP');
    await expect(server.client.callTool('wait', {}, { patienceMs: 100, timeoutMs: 800 })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: "MCP wait on 'desk' failed: no result within 0.8 s",
    });
  });
});

type Answer = (message: { id?: number; method: string }, response: ServerResponse) => void;

/** A server written by hand: whatever `answer` does after the greeting. */
async function byHand(answer: Answer): Promise<AsyncDisposable & { client: McpClient; methods: string[] }> {
  const methods: string[] = [];
  const http = createServer((request: IncomingMessage, response) => {
    void (async () => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      const message = JSON.parse(await text(request)) as { id?: number; method: string };
      methods.push(message.method);
      if (message.id === undefined) return response.writeHead(202).end();
      if (message.method !== 'initialize') return answer(message, response);
      const result = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'hand', version: '1' } };
      return json(response, { id: message.id, result });
    })();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  const client = await openMcp({ name: 'desk', protocol: 'mcp/2025-11-25', url, params: {} });
  return {
    client,
    methods,
    async [Symbol.asyncDispose]() {
      await client.close();
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

function json(response: ServerResponse, message: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }));
}

describe('answers', () => {
  test('a server that knows no ping is alive as long as it says so', async () => {
    let pings = 0;
    let finish = (): void => {};
    await using server = await byHand(({ id, method }, response) => {
      if (method === 'tools/call') finish = () => json(response, { id, result: { content: [{ type: 'text', text: 'done' }] } });
      else json(response, { id, error: { code: -32_601, message: 'Method not found' } });
      if (method === 'ping' && ++pings === 4) finish();
    });
    expect(await server.client.callTool('think', {}, { patienceMs: 300 })).toMatchObject({ content: [{ text: 'done' }] });
    expect(pings).toBe(4);
    await server.client.close();
    expect(server.methods).not.toContain('notifications/cancelled');
  });

  test.each([
    { say: 'an error of the server', status: 200, error: { code: -32_603, message: 'broken' }, code: 'RPC_ERROR' },
    {
      say: "an error with the SDK's own number for a lost connection",
      status: 200,
      error: { code: -32_000, message: 'no' },
      code: 'RPC_ERROR',
    },
    { say: 'a refusal by HTTP', status: 400, error: { code: -32_600, message: 'bad' }, code: 'RPC_ERROR' },
    { say: 'a session that is over', status: 404, error: { code: -32_001, message: 'Session not found' }, code: 'CAPABILITY_FAILED' },
    { say: 'a proxy without its server', status: 502, error: { code: 0, message: 'Bad gateway' }, code: 'CAPABILITY_FAILED' },
  ])('$say is $code', async ({ status, error, code }) => {
    await using server = await byHand(({ id }, response) => json(response, { id, error }, status));
    await expect(server.client.callTool('think', {})).rejects.toMatchObject({ code });
    await server.client.close();
    expect(server.methods).not.toContain('notifications/cancelled'); // it was answered
  });

  test('a reply that ends without a result is a fault at once, though the server lives', async () => {
    await using server = await byHand(({ id, method }, response) => {
      if (method === 'tools/call') response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n');
      else json(response, { id, result: {} });
    });
    await expect(server.client.callTool('think', {})).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('the reply ended before its result came') as string,
    });
  });

  test('a reply whose connection is reset is a fault at once, though the server lives', async () => {
    await using server = await byHand(({ id, method }, response) => {
      if (method !== 'tools/call') return json(response, { id, result: {} });
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': working\n\n', () => response.socket?.resetAndDestroy());
    });
    await expect(server.client.callTool('think', {})).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('the connection broke') as string,
    });
  });

  test('a quick call costs no ping', async () => {
    await using server = await byHand(({ id }, response) => json(response, { id, result: { content: [] } }));
    await server.client.callTool('think', {});
    await server.client.callTool('think', {});
    await server.client.close();
    expect(server.methods).toEqual(['initialize', 'notifications/initialized', 'tools/call', 'tools/call']);
  });
});
