import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeHost } from '../../host/node.ts';
import { startEgressProxy, type EgressProxy, type EgressProxyOptions } from './egress-proxy.ts';
import type { Blocked } from './egress-reply.ts';

const PUBLIC = '93.184.215.14';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Setup {
  port: number;
  proxy: EgressProxy;
  dialled: string[];
  blocked: Blocked[];
}

/** A proxy to which every public address is the given port of this machine. */
async function setUp(upstreamPort: number, options: Partial<EgressProxyOptions> = {}): Promise<Setup> {
  const dialled: string[] = [];
  const blocked: Blocked[] = [];
  const proxy = startEgressProxy({
    allowedHosts: ['example.org'],
    resolve: async () => [PUBLIC],
    dial: (address, port, dialOptions) => {
      dialled.push(`${address}:${port}`);
      return nodeHost.dial({ host: '127.0.0.1', port: upstreamPort, ...dialOptions });
    },
    onBlocked: (attempt) => blocked.push(attempt),
    ...options,
  });
  const port = await listen(createServer({ allowHalfOpen: true }, (socket) => proxy.accept(socket)));
  cleanups.push(() => proxy.close());
  return { port, proxy, dialled, blocked };
}

/** A server that records what it gets, and answers with the given bytes. */
async function raw(answer: string): Promise<{ port: number; got: () => string }> {
  let got = '';
  const serve = (socket: Socket): void => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1');
      if (got.includes('\r\n\r\n')) socket.end(answer);
    });
  };
  return { port: await listen(createServer(serve)), got: () => got };
}

/** All that comes back until the other side closes. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let reply = '';
  socket.on('error', () => {});
  socket.on('data', (bytes) => (reply += bytes.toString('latin1'))).on('end', () => socket.end());
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return reply;
}

async function openTunnel(port: number, authority: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  cleanups.push(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(`CONNECT ${authority} HTTP/1.1\r\n\r\n`);
  const [reply] = (await once(socket, 'data')) as [Buffer];
  expect(reply.toString()).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
  return socket;
}

describe('a plain request', () => {
  test('is rebuilt from its URL, without what belongs to one hop', async () => {
    const target = await raw(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\nok',
    );
    const { port } = await setUp(target.port);
    const headers =
      'Host: evil.example\r\nProxy-Authorization: a\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\nTE: trailers\r\nX-Kept: 2\r\n';
    const reply = await exchange(port, `GET http://EXAMPLE.org:8080/a?b HTTP/1.1\r\n${headers}\r\n`);
    expect(target.got()).toBe('GET /a?b HTTP/1.1\r\nHost: example.org:8080\r\nX-Kept: 2\r\nConnection: close\r\n\r\n');
    expect(reply).toBe('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-End: 2\r\nConnection: close\r\n\r\nok');
  });

  test('with chunks arrives with a length', async () => {
    const target = await raw('HTTP/1.1 204 No Content\r\n\r\n');
    const { port } = await setUp(target.port);
    await exchange(
      port,
      'POST http://example.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n',
    );
    expect(target.got()).toBe('POST / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nContent-Length: 5\r\n\r\nabcde');
  });

  test('with a length is passed on while it comes', async () => {
    const bytes = 'x'.repeat(3_000_000);
    const server = createHttp();
    server.on('request', (request, response) => {
      let size = 0;
      request.on('data', (part: Buffer) => (size += part.length));
      request.on('end', () => response.end(`${request.headers['content-length']} ${size}`));
    });
    const port = await listen(server);
    const { port: proxyPort } = await setUp(port);
    const reply = await exchange(proxyPort, `PUT http://example.org/ HTTP/1.1\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`);
    expect(reply).toContain('3000000 3000000');
  });

  test('that is cut off upstream is cut off for the client too', async () => {
    const port = await listen(
      createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'))),
    );
    const { port: proxyPort } = await setUp(port);
    expect(await exchange(proxyPort, 'GET http://example.org/ HTTP/1.1\r\n\r\n')).toMatch(/Content-Length: 9[\s\S]*\r\n\r\n(half)?$/);
  });

  test.each([
    { what: 'two lengths', framing: 'Content-Length: 1\r\nContent-Length: 2' },
    { what: 'length and chunks', framing: 'Content-Length: 1\r\nTransfer-Encoding: chunked' },
    { what: 'chunks and length', framing: 'Transfer-Encoding: chunked\r\nContent-Length: 1' },
    { what: 'another last coding', framing: 'Transfer-Encoding: chunked, gzip' },
    { what: 'two codings', framing: 'Transfer-Encoding: gzip, chunked' },
    { what: 'a signed length', framing: 'Content-Length: +1' },
    { what: 'a broken chunk', framing: 'Transfer-Encoding: chunked\r\nX: 1', body: 'zz\r\n' },
  ])('with $what is refused', async ({ framing, body }) => {
    const { port, dialled } = await setUp(1);
    const reply = await exchange(port, `POST http://example.org/ HTTP/1.1\r\n${framing}\r\n\r\n${body ?? '1\r\na\r\n0\r\n\r\n'}`);
    expect(reply).toMatch(/^HTTP\/1.1 400 Bad Request\r\nX-Proxy-Error: invalid-request-body\r\n/);
    expect(dialled).toEqual([]);
  });

  test.each([
    { what: 'a folded header', text: 'GET http://example.org/ HTTP/1.1\r\nX: 1\r\n Y: 2\r\n\r\n' },
    { what: 'a bare line feed', text: 'GET http://example.org/ HTTP/1.1\r\nX: 1\nY: 2\r\n\r\n' },
    { what: 'a bare carriage return', text: 'GET http://example.org/ HTTP/1.1\r\nX: 1\rY: 2\r\n\r\n' },
    { what: 'a space before the colon', text: 'GET http://example.org/ HTTP/1.1\r\nX : 1\r\n\r\n' },
    { what: 'HTTP/0.9', text: 'GET http://example.org/\r\n\r\n' },
    { what: 'HTTP/2', text: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
    { what: 'a head of 64 KiB', text: `GET http://example.org/ HTTP/1.1\r\nX: ${'x'.repeat(65_536)}\r\n\r\n` },
  ])('with $what is refused', async ({ text }) => {
    const { port, dialled } = await setUp(1);
    expect(await exchange(port, text)).toMatch(/^HTTP\/1.1 400 Bad Request\r\nX-Proxy-Error: invalid-request\r\n/);
    expect(dialled).toEqual([]);
  });

  test.each([
    { what: 'a control character', head: 'X: a\x01b' },
    { what: 'a folded value', head: 'X: a\r\n b: c' },
    { what: 'a bad name', head: 'X y: a' },
    { what: 'two lengths', head: 'Content-Length: 1\r\nContent-Length: 2' },
  ])('whose answer has $what is refused whole', async ({ head }) => {
    const target = await raw(`HTTP/1.1 200 OK\r\n${head}\r\n\r\nbody`);
    const { port } = await setUp(target.port);
    const reply = await exchange(port, 'GET http://example.org/ HTTP/1.1\r\n\r\n');
    expect(reply).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\nX-Proxy-Error: unrelayable-upstream-header\r\n/);
  });

  test('to a host that does not answer is an upstream failure', async () => {
    const { port } = await setUp(1);
    expect(await exchange(port, 'GET http://example.org/ HTTP/1.1\r\n\r\n')).toMatch(
      /^HTTP\/1.1 502 .*\r\nX-Proxy-Error: upstream-failure\r\n/,
    );
  });

  test('keeps a redirect as it is', async () => {
    const target = await raw('HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n');
    const { port, dialled } = await setUp(target.port);
    expect(await exchange(port, 'GET http://example.org/ HTTP/1.1\r\n\r\n')).toContain('Location: http://10.0.0.1/');
    expect(dialled).toEqual([`${PUBLIC}:80`]);
  });
});

describe('where to', () => {
  test.each([
    { line: 'CONNECT notexample.org:443', error: '403', reason: 'blocked-by-allowlist' },
    { line: 'CONNECT example.org.evil.com:443', error: '403', reason: 'blocked-by-allowlist' },
    { line: `CONNECT ${PUBLIC}:443`, error: '403', reason: 'blocked-by-allowlist' },
    { line: 'GET http://evil.com/', error: '403', reason: 'blocked-by-allowlist' },
    { line: 'GET /', error: '400', reason: 'invalid-target' },
    { line: 'GET http://example.org@evil.com/', error: '400', reason: 'invalid-target' },
    { line: 'CONNECT example.org:99999', error: '400', reason: 'invalid-target' },
    { line: 'CONNECT 127.0.0.1:8765', allowedHosts: ['*'], error: '403', reason: 'blocked-by-address' },
    { line: 'GET http://0x7f.1:8765/', allowedHosts: ['127.0.0.1'], error: '403', reason: 'blocked-by-address' },
  ])('$line is answered with $reason', async ({ line, allowedHosts, error, reason }) => {
    const { port, dialled, blocked } = await setUp(1, allowedHosts === undefined ? {} : { allowedHosts });
    const reply = await exchange(port, `${line} HTTP/1.1\r\n\r\n`);
    expect(reply.startsWith(`HTTP/1.1 ${error} `)).toBe(true);
    expect(reply).toContain(`\r\nX-Proxy-Error: ${reason}\r\n`);
    expect(blocked.map((attempt) => attempt.reason)).toEqual([reason]);
    expect(dialled).toEqual([]);
  });

  test.each([['10.0.0.1'], [PUBLIC, '169.254.169.254'], ['::1']])('a name that leads to %s is blocked', async (...addresses) => {
    const { port, dialled, blocked } = await setUp(1, { resolve: async () => addresses });
    expect(await exchange(port, 'CONNECT example.org HTTP/1.1\r\n\r\n')).toContain(
      '403 Forbidden\r\nX-Proxy-Error: blocked-by-address\r\n',
    );
    expect(blocked).toEqual([{ host: 'example.org', reason: 'blocked-by-address' }]);
    expect(dialled).toEqual([]);
  });

  test('the address that was checked is dialled, whatever the name says next', async () => {
    const answers = [[PUBLIC], ['10.0.0.1']];
    const target = await raw('HTTP/1.1 204 No Content\r\n\r\n');
    const { port, dialled } = await setUp(target.port, { resolve: async () => answers.shift() ?? [] });
    await exchange(port, 'GET http://example.org/ HTTP/1.1\r\n\r\n');
    expect(dialled).toEqual([`${PUBLIC}:80`]);
    expect(answers).toEqual([['10.0.0.1']]);
  });

  test('a name that is not allowed is not even looked up', async () => {
    const asked: string[] = [];
    const { port } = await setUp(1, { resolve: async (host) => (asked.push(host), [PUBLIC]) });
    await exchange(port, 'CONNECT secret.evil.com:443 HTTP/1.1\r\n\r\n');
    expect(asked).toEqual([]);
  });

  test('a CONNECT that nobody answers is a bare 502', async () => {
    const { port } = await setUp(1);
    expect(await exchange(port, 'CONNECT example.org:443 HTTP/1.1\r\n\r\n')).toBe(
      'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    );
  });

  test('a million questions are a hundred reports', async () => {
    const { port, blocked } = await setUp(1);
    for (let turn = 0; turn < 300; turn++) await exchange(port, `CONNECT host-${turn % 150}.evil.com HTTP/1.1\r\n\r\n`);
    expect(blocked).toHaveLength(100);
  });
});

describe('a tunnel', () => {
  const psk = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' as const };
  const key = Buffer.alloc(16, 1);

  async function tlsServer(): Promise<number> {
    const server = createTls({ ...psk, pskCallback: () => key }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    server.on('tlsClientError', () => {});
    return await listen(server);
  }

  test.each(['example.org', 'files.example.org', undefined])('carries TLS for the server name %s', async (servername) => {
    const { port } = await setUp(await tlsServer());
    const socket = await openTunnel(port, 'example.org:443');
    const tls = connectTls({
      ...psk,
      socket,
      ...(servername !== undefined && { servername }),
      pskCallback: () => ({ psk: key, identity: 'x' }),
      checkServerIdentity: () => undefined,
    });
    tls.write('through TLS');
    expect(String((await once(tls, 'data'))[0])).toBe('through TLS');
  });

  test('is closed when its TLS asks for another host', async () => {
    const target = await raw('');
    const { port, blocked } = await setUp(target.port);
    const socket = await openTunnel(port, 'example.org:443');
    const tls = connectTls({ socket, servername: 'evil.com', rejectUnauthorized: false });
    tls.on('error', () => {});
    await once(socket, 'close');
    expect(target.got()).toBe('');
    expect(blocked).toEqual([{ host: 'evil.com', reason: 'blocked-by-server-name' }]);
  });

  test('lets the server speak first', async () => {
    const port = await listen(createServer((socket) => socket.on('error', () => {}).write('220 ready\r\n')));
    const { port: proxyPort } = await setUp(port);
    const socket = connect({ port: proxyPort, host: '127.0.0.1' });
    cleanups.push(() => socket.destroy());
    socket.write('CONNECT example.org:25 HTTP/1.1\r\n\r\n');
    let text = '';
    for await (const bytes of socket) if ((text += String(bytes)).includes('ready')) break;
    expect(text).toBe('HTTP/1.1 200 Connection Established\r\n\r\n220 ready\r\n');
  });

  test('keeps one direction open when the other has ended', async () => {
    const port = await listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        let got = '';
        socket.on('data', (bytes) => (got += String(bytes))).on('end', () => socket.end(`all of ${got}`));
      }),
    );
    const { port: proxyPort } = await setUp(port);
    const socket = await openTunnel(proxyPort, 'example.org:99');
    socket.end('request');
    expect(String((await once(socket, 'data'))[0])).toBe('all of request');
  });

  test('passes bytes that came right behind the CONNECT', async () => {
    const target = await raw('answer');
    const { port } = await setUp(target.port);
    expect(await exchange(port, 'CONNECT example.org:80 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n')).toMatch(/answer$/);
    expect(target.got()).toBe('GET / HTTP/1.1\r\n\r\n');
  });
});

describe('bounds', () => {
  test('a head that does not end is cut off', async () => {
    const { port } = await setUp(1, { headTimeoutMs: 100 });
    expect(await exchange(port, 'GET http://example.org/ HTTP/1.1\r\nX: ')).toBe('');
  });

  test('one connection too many is closed at once, and the others live', async () => {
    const port = await listen(createServer((socket) => socket.pipe(socket)));
    const { port: proxyPort } = await setUp(port, { maxConnections: 1 });
    const first = await openTunnel(proxyPort, 'example.org:7');
    expect(await exchange(proxyPort, 'CONNECT example.org:7 HTTP/1.1\r\n\r\n')).toBe('');
    first.write('still here');
    expect(String((await once(first, 'data'))[0])).toBe('still here');
  });

  test('closing ends tunnels, and may be done twice', async () => {
    const port = await listen(createServer((socket) => socket.on('error', () => {}).resume()));
    const { port: proxyPort, proxy } = await setUp(port);
    const socket = await openTunnel(proxyPort, 'example.org:7');
    const closed = once(socket, 'close');
    await Promise.all([proxy.close(), proxy.close()]);
    socket.end();
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});
