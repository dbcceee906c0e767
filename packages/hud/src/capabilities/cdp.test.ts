import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { describe, expect, test } from 'vitest';
import { serveSite, startBrowser, withoutChromium } from '../../test/browser.ts';
import type { JsonObject } from '../protocol/json.ts';
import { openCdp, type CdpClient } from './cdp.ts';

interface Command {
  id: number;
  method: string;
}

interface Peer extends AsyncDisposable {
  port: number;
  /** `METHOD /path` of each HTTP request, and `WS /path` of each connection. */
  asked: string[];
  received: Command[];
  sockets: WebSocket[];
}

interface PeerOptions {
  list?: (port: number) => unknown;
  /** @default an empty result */
  reply?: (command: Command, socket: WebSocket) => unknown;
}

/** A DevTools server of the test's own, which answers what it is told to. */
async function peer({ list = () => [], reply = ({ id }) => ({ id, result: {} }) }: PeerOptions = {}): Promise<Peer> {
  const asked: string[] = [];
  const received: Command[] = [];
  const sockets: WebSocket[] = [];
  const http = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { port } = http.address() as AddressInfo;
    const created = { type: 'page', webSocketDebuggerUrl: `ws://127.0.0.1:${port}/devtools/page/new` };
    const bodies: Record<string, unknown> = { 'GET /json': list(port), 'PUT /json/new?about:blank': created };
    const body = bodies[`${request.method} ${request.url}`];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  });
  const server = new WebSocketServer({ server: http });
  server.on('connection', (socket, request) => {
    asked.push(`WS ${request.url}`);
    sockets.push(socket);
    socket.on('message', (data) => {
      const command = JSON.parse(String(data)) as Command;
      received.push(command);
      const answer = reply(command, socket);
      if (answer !== undefined) socket.send(JSON.stringify(answer));
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    asked,
    received,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

async function openAt(url: string, params: JsonObject = {}): Promise<CdpClient & AsyncDisposable> {
  const client = await openCdp({ name: 'browser', protocol: 'cdp/1.3', url, params });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

const target =
  (type: string, path: string, host = '127.0.0.1') =>
  (port: number) => ({
    type,
    webSocketDebuggerUrl: `ws://${host}:${port}${path}`,
  });

describe('which page is meant', () => {
  test('the first page of the list, whatever else is listed', async () => {
    const pages = (port: number): unknown => [target('browser', '/devtools/browser/b')(port), target('page', '/devtools/page/p')(port)];
    await using server = await peer({ list: pages });
    await using _client = await openAt(`ws://127.0.0.1:${server.port}`);
    expect(server.asked).toEqual(['GET /json', 'WS /devtools/page/p']);
  });

  test('a new page where none is listed', async () => {
    await using server = await peer();
    await using _client = await openAt(`http://127.0.0.1:${server.port}`);
    expect(server.asked).toEqual(['GET /json', 'PUT /json/new?about:blank', 'WS /devtools/page/new']);
  });

  test('the one that target_id names, without asking anybody', async () => {
    await using server = await peer();
    await using _client = await openAt(`ws://127.0.0.1:${server.port}`, { target_id: 'T1' });
    expect(server.asked).toEqual(['WS /devtools/page/T1']);
  });

  test('the one whose address is given', async () => {
    await using server = await peer();
    await using _client = await openAt(`ws://127.0.0.1:${server.port}/devtools/page/X?y=1`);
    expect(server.asked).toEqual(['WS /devtools/page/X?y=1']);
  });

  test('at the address that leads there, although the browser tells its own', async () => {
    await using server = await peer({ list: () => [target('page', '/devtools/page/p', 'inside.invalid')(9222)] });
    await using _client = await openAt(`ws://127.0.0.1:${server.port}`);
    expect(server.asked).toEqual(['GET /json', 'WS /devtools/page/p']);
  });

  test('nobody there is a typed fault', async () => {
    const server = await peer();
    await server[Symbol.asyncDispose]();
    await expect(openAt(`ws://127.0.0.1:${server.port}`)).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });
});

describe('commands', () => {
  test('three domains are enabled, with ids from 1, and nothing else is sent', async () => {
    await using server = await peer();
    await using _client = await openAt(`ws://127.0.0.1:${server.port}`);
    expect(server.received).toEqual([
      { id: 1, method: 'Page.enable', params: {} },
      { id: 2, method: 'Runtime.enable', params: {} },
      { id: 3, method: 'DOM.enable', params: {} },
    ]);
  });

  test('an error reply is told with its code and message', async () => {
    const reply = ({ id, method }: Command): unknown =>
      method.startsWith('Odd') ? { id, error: { code: -32_601, message: "'Odd.thing' wasn't found" } } : { id, result: {} };
    await using server = await peer({ reply });
    await using client = await openAt(`ws://127.0.0.1:${server.port}`);
    await expect(client.send('Odd.thing')).rejects.toMatchObject({
      code: 'RPC_ERROR',
      rpcCode: -32_601,
      message: expect.stringContaining("wasn't found (-32601)") as string,
    });
  });

  test('messages that can not be read do not disturb the others, however large those are', async () => {
    const large = 'x'.repeat(130 * 1024 * 1024);
    const reply = ({ id, method }: Command, socket: WebSocket): unknown => {
      if (method !== 'Large.get') return { id, result: {} };
      socket.send('{"id": 4, "result"');
      socket.send(Buffer.from([0xff, 0xfe, 0x00]), { binary: false });
      socket.send('[1]');
      return { id, result: { large } };
    };
    await using server = await peer({ reply });
    await using client = await openAt(`ws://127.0.0.1:${server.port}`);
    const { large: got } = await client.send('Large.get');
    expect(String(got).length).toBe(large.length);
  });

  test('a command that does not finish is given up at its deadline, and the client lives on', async () => {
    const reply = ({ id, method }: Command): unknown => (method === 'Slow.thing' ? undefined : { id, result: {} });
    await using server = await peer({ reply });
    await using client = await openAt(`ws://127.0.0.1:${server.port}`);
    await expect(client.send('Slow.thing', {}, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      data: { timeoutMs: 50 },
    });
    const reason = new Error('enough');
    await expect(client.send('Slow.thing', {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const slow = client.send('Slow.thing', {}, { signal: controller.signal });
    controller.abort(reason);
    await expect(slow).rejects.toBe(reason);
    expect(await client.send('Quick.thing')).toEqual({});
  });

  test('a connection that ends fails what waits, and everything later at once', async () => {
    const reply = ({ id, method }: Command, socket: WebSocket): unknown => {
      if (method === 'Last.word') socket.terminate();
      return method.startsWith('Last') ? undefined : { id, result: {} };
    };
    await using server = await peer({ reply });
    await using client = await openAt(`ws://127.0.0.1:${server.port}`);
    const event = client.once('Never.comes').catch((error: unknown) => error);
    const calls = await Promise.allSettled([client.send('Last.but'), client.send('Last.word')]);
    for (const call of calls) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'CAPABILITY_FAILED' } });
    expect(await event).toMatchObject({ code: 'CAPABILITY_FAILED' });
    await expect(client.send('Any.thing')).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    await client.close();
    await client.close();
  });
});

describe.skipIf(withoutChromium)('a real browser', () => {
  test('events reach those who listen, until they stop', async () => {
    await using browser = await startBrowser();
    const client = await browser.open();
    const seen: unknown[] = [];
    const end = client.on('Runtime.consoleAPICalled', ({ params }) => seen.push((params.args as { value: unknown }[])[0]?.value));
    await client.send('Runtime.evaluate', { expression: 'console.log("one")' });
    const two = client.once('Runtime.consoleAPICalled', {
      where: ({ params }) => (params.args as { value: unknown }[])[0]?.value === 'two',
    });
    await client.send('Runtime.evaluate', { expression: 'console.log("two")' });
    await two;
    end();
    await client.send('Runtime.evaluate', { expression: 'console.log("three")' });
    expect(seen).toEqual(['one', 'two']);
    await expect(client.once('Page.loadEventFired', { timeoutMs: 30 })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test('frames are listed, and tabs opened, attached to and closed', async () => {
    await using site = await serveSite({ '/': '<iframe name=inner src=/in></iframe>', '/in': 'In', '/tab': 'Tab' });
    await using browser = await startBrowser({ url: site.url });
    const client = await browser.open();
    const [main, inner] = await client.frames();
    expect([main?.url, inner?.url, inner?.name, inner?.parentId]).toEqual([`${site.url}/`, `${site.url}/in`, 'inner', main?.id]);
    const targets = await client.targets();
    const id = await targets.open(`${site.url}/tab`);
    const sessionId = await targets.attach(id);
    expect(await targets.attach(id)).toBe(sessionId);
    const evaluated = client.send('Runtime.evaluate', { expression: '6 * 7', returnByValue: true }, { sessionId });
    expect(await evaluated).toMatchObject({ result: { value: 42 } });
    const stuck = client.send('Runtime.evaluate', { expression: 'new Promise(() => {})', awaitPromise: true }, { sessionId });
    const failed = expect(stuck).rejects.toMatchObject({ code: expect.stringMatching(/CAPABILITY_FAILED|RPC_ERROR/) as string });
    await targets.close(id);
    await failed;
    expect((await targets.list()).map((listed) => listed.id)).not.toContain(id);
  });

  test('dialogs are answered as told, and never stop a page', async () => {
    await using browser = await startBrowser();
    const client = await browser.open();
    const ask = async (expression: string): Promise<unknown> => {
      const { result } = await client.send('Runtime.evaluate', { expression, returnByValue: true });
      return (result as { value?: unknown }).value;
    };
    expect(await ask(`alert('Hello'); [confirm('Sure?'), prompt('Name?', 'Ann')].join()`)).toBe('true,Ann');
    client.onDialog('dismiss');
    expect(await ask(`confirm('Really?')`)).toBe(false);
    client.onDialog(({ message }) => (message === 'Colour?' ? 'blue' : false));
    expect(await ask(`[prompt('Colour?'), confirm('No?')].join()`)).toBe('blue,false');
    await expect
      .poll(() => client.dialogs.map(({ type, message, isAccepted }) => `${type} ${message} ${isAccepted}`))
      .toEqual([
        'alert Hello true',
        'confirm Sure? true',
        'prompt Name? true',
        'confirm Really? false',
        'prompt Colour? true',
        'confirm No? false',
      ]);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)('a browser that got %s is a typed fault within 10 s', async (signal) => {
    await using browser = await startBrowser();
    const client = await browser.open();
    const screen = await client.screen();
    const started = performance.now();
    process.kill(-browser.chromium.pid, signal);
    const calls = [
      client.send('Runtime.evaluate', { expression: '1' }),
      screen.frame(),
      screen.click({ x: 1, y: 1 }),
      client.once('Page.loadEventFired'),
    ];
    for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ reason: { code: 'CAPABILITY_FAILED' } });
    expect(performance.now() - started).toBeLessThan(10_000);
    const again = performance.now();
    await expect(client.send('Page.reload')).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    expect(performance.now() - again).toBeLessThan(100);
  });

  test('a page that crashed fails what waits for it', async () => {
    await using browser = await startBrowser();
    const client = await browser.open();
    const screen = await client.screen();
    const waiting = expect(screen.navigation?.navigate('chrome://crash')).rejects.toMatchObject({
      code: expect.stringMatching(/CAPABILITY_FAILED|RPC_ERROR/) as string,
    });
    await waiting;
  });
});
