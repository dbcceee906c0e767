/** Below the routes: bytes that are no HTTP, senders that dawdle or leave, bodies without end, keys that are guessed. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { platformBefore, rawServer, type GatewayFixture, type RawServer } from './gateway.fixtures.ts';
import { INSIDES, shout } from './hostile.fixtures.ts';

const MIB = 1_048_576;
const opened: AsyncDisposable[] = [];
let raw: RawServer;
let gateway: GatewayFixture;
let base: string;

beforeAll(async () => {
  raw = await rawServer((response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<script>alert(1)</script>'));
  opened.push(raw);
  gateway = await platformBefore(raw, {
    HUD_PLATFORM_MAX_UPLOAD_MB: '4',
    HUD_PLATFORM_MAX_BODY_MB: '1',
    HUD_PLATFORM_REQUESTS_PER_MINUTE: '500',
  });
  opened.push(gateway);
  base = gateway.platform.url;
});

afterAll(async () => {
  for (const one of opened.toReversed()) await one[Symbol.asyncDispose]();
});

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

describe('bytes that are no proper request', () => {
  test.each<[string, string | Buffer]>([
    ['no HTTP', 'GARBAGE\r\n\r\n'],
    ['a TLS hello', Buffer.from('16030100a5010000a10303', 'hex')],
    ['only zeros', Buffer.alloc(2_000)],
    ['a version that does not exist', head('GET / HTTP/9.9', 'host: x')],
    ['a method that does not exist', head('BREW /v2/me HTTP/1.1', 'host: x')],
    ['no host', head('GET /v2/me HTTP/1.1')],
    ['a host that is none', head('GET /v2/me HTTP/1.1', 'host: a b/c@d:99999')],
    ['a NUL in a header', head('GET /v2/me HTTP/1.1', 'host: x', 'x-a: a\u0000b')],
    ['a header without a colon', head('GET /v2/me HTTP/1.1', 'host: x', 'nonsense')],
    ['headers of 200 kB', head('GET /v2/me HTTP/1.1', 'host: x', `x-a: ${'a'.repeat(200_000)}`)],
    ['5,000 headers', head('GET /v2/me HTTP/1.1', 'host: x', ...Array.from({ length: 5_000 }, (_, n) => `x-${n}: 1`))],
    ['an address of 100 kB', head(`GET /${'a'.repeat(100_000)} HTTP/1.1`, 'host: x')],
    ['a negative length', head('POST /v2/teams HTTP/1.1', 'host: x', 'content-length: -1')],
    ['a length that is no number', head('POST /v2/teams HTTP/1.1', 'host: x', 'content-length: 1e3')],
    ['two lengths', `${head('POST /v2/teams HTTP/1.1', 'host: x', 'content-length: 1', 'content-length: 2')}{}`],
    ['a length and pieces', `${head('POST /v2/teams HTTP/1.1', 'host: x', 'content-length: 4', 'transfer-encoding: chunked')}0\r\n\r\n`],
    ['an unknown transfer encoding', head('POST /v2/teams HTTP/1.1', 'host: x', 'transfer-encoding: xchunked')],
    [
      'pieces with a length that overflows',
      `${head('POST /v2/teams HTTP/1.1', 'host: x', 'transfer-encoding: chunked')}FFFFFFFFFFFFFFFFFF\r\n{}`,
    ],
    ['pieces with a length that is none', `${head('POST /v2/teams HTTP/1.1', 'host: x', 'transfer-encoding: chunked')}zz\r\n{}`],
    ['a folded header', head('GET /v2/me HTTP/1.1', 'host: x', 'transfer-encoding:', ' chunked')],
    ['CONNECT', head('CONNECT 127.0.0.1:22 HTTP/1.1', 'host: x')],
    ['an address of another host', head('GET http://127.0.0.1:22/v2/me HTTP/1.1', 'host: x')],
    ['an address that is none', head('GET //\\\\evil.example:99999999/ HTTP/1.1', 'host: x')],
    ['an asterisk', head('OPTIONS * HTTP/1.1', 'host: x')],
    ['an upgrade', head('GET /v2/me HTTP/1.1', 'host: x', 'connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13')],
    ['an expectation that nobody meets', head('POST /v2/teams HTTP/1.1', 'host: x', 'expect: magic', 'content-length: 0')],
    [
      'gateway: a length and pieces',
      `${head('POST /gateway/chat/completions HTTP/1.1', 'host: x', 'content-length: 4', 'transfer-encoding: chunked')}0\r\n\r\n`,
    ],
    ['gateway: a method that it has not', head('PATCH /gateway/chat/completions HTTP/1.1', 'host: x', 'content-length: 0')],
    [
      'gateway: percent signs that escape nothing',
      head('POST /gateway/v1beta/models/%zz%:generateContent HTTP/1.1', 'host: x', 'content-length: 0'),
    ],
  ])('%s is refused in words, or cut', async (_name, bytes) => {
    const said = await shout(base, bytes);
    if (said !== '') {
      expect(said).toMatch(/^HTTP\/1\.1 (4\d\d|417)/);
      expect(said.split('\r\n\r\n')[0]).not.toMatch(/x-powered-by|server:/i);
      expect(said).not.toMatch(INSIDES);
      if (!/^HTTP\/1\.1 417|content-length: 0|transfer-encoding/i.test(said)) expect(said).toMatch(/\{"(detail|error)":/);
    }
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });

  test('a request that hides in the body of another is never answered', async () => {
    const hidden = head('GET /healthz HTTP/1.1', 'host: x');
    for (const path of ['/v2/teams', '/gateway/chat/completions', '/login', '/v3/api/sdk-events/cli']) {
      for (const headers of [
        ['content-length: 5', 'transfer-encoding: chunked'],
        ['transfer-encoding: chunked', 'content-length: 5'],
        ['transfer-encoding: chunked', 'transfer-encoding: identity'],
        ['transfer-encoding: identity, chunked', 'content-length: 5'],
        ['content-length : 0'],
        ['content-length: 0', 'content-length: 60'],
      ]) {
        const said = await shout(base, `${head(`POST ${path} HTTP/1.1`, 'host: x', ...headers)}0\r\n\r\n${hidden}`);
        expect(said, `${path} ${headers.join()}`).not.toMatch(/"status":"ok"/);
      }
    }
  });

  test('hundreds of requests in one write over one connection are answered one after the other', async () => {
    const said = await shout(base, head('GET /healthz HTTP/1.1', 'host: x').repeat(200), { quietMs: 1_500 });
    expect(said.match(/HTTP\/1\.1 (200|429)/g)?.length).toBe(200);
  });
});

test('a head that comes letter by letter is cut off after seconds', { timeout: 40_000 }, async () => {
  const { port, hostname } = new URL(base);
  const socket = connect(Number(port), hostname);
  let said = '';
  socket.on('data', (part: Buffer) => (said += part.toString())).on('error', () => {});
  const ended = once(socket, 'close');
  socket.write('GET /healthz HTTP/1.1\r\n');
  const drip = setInterval(() => socket.write('x'), 500);
  const begun = performance.now();
  await ended;
  clearInterval(drip);
  expect(said).toMatch(/^HTTP\/1\.1 408 .*\{"detail":"The request did not arrive in time\."\}$/s);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

const OPENAI = JSON.stringify({ model: 'gpt-5', messages: [] });

describe('bodies that are too large', () => {
  test.each([
    ['/gateway/chat/completions', { error: { code: 'request_too_large', type: 'invalid_request_error' } }],
    ['/gateway/v1/messages', { type: 'error', error: { type: 'request_too_large' } }],
    ['/gateway/v1beta/models/gemini-3:generateContent', { error: { code: 413, status: 'INVALID_ARGUMENT' } }],
  ])('%s says so in the shape of its dialect', async (path, shape) => {
    for (const length of [{ 'content-length': String(5 * MIB) }, undefined]) {
      const body = length === undefined ? endless(5) : Buffer.alloc(5 * MIB, 32);
      const response = await post(path, body, length);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject(shape);
    }
  });

  test('an ordinary route takes 1 MiB, and one for uploads 4', async () => {
    expect((await post('/v2/teams', Buffer.alloc(MIB + 1, 32))).status).toBe(413);
    expect((await post('/v2/tasks/upload', Buffer.alloc(4 * MIB + 1, 32))).status).toBe(413);
    expect((await post('/v2/teams', endless(2))).status).toBe(413);
  });

  test('a body that was compressed is refused where nobody decodes it', async () => {
    const response = await post('/v2/teams', Buffer.from('{}'), { 'content-encoding': 'gzip' });
    expect([response.status, await response.json()]).toEqual([415, { detail: expect.stringContaining('gzip') }]);
  });

  test('nested lists as deep as the body is long, and more values than memory takes, are refused', async () => {
    for (const bomb of ['['.repeat(MIB - 10), `{"name":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`]) {
      const response = await post('/v2/teams', Buffer.from(bomb));
      expect([response.status, await response.json()]).toEqual([400, { detail: 'The body nests deeper than 200 levels.' }]);
    }
  });

  test.each([
    ['the gateway', '/gateway/chat/completions', 'POST', (): string => OPENAI],
    ['a blob', undefined, 'PUT', (): string => 'bytes'],
  ])('%s: those who leave in the middle leave nothing behind, and who finds no room is told', async (_name, given, method, content) => {
    const path = given ?? `/v2/blobs/${createHash('sha256').update(content()).digest('hex')}`;
    const line = head(`${method} ${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${gateway.key}`, `content-length: ${4 * MIB}`);
    for (let round = 0; round < 3; round += 1) {
      const sockets = [3, 3, 3].map((mib) => half(line, mib * MIB));
      const signal = AbortSignal.timeout(10_000);
      const [said] = await Promise.race(sockets.map(async (socket) => (await once(socket, 'data', { signal })) as [Buffer]));
      expect(said.toString()).toMatch(/^HTTP\/1.1 503 /);
      for (const socket of sockets) socket.destroy();
      await vi.waitFor(
        async () => {
          const body = content() + ' '.repeat(given === undefined ? 0 : 3 * MIB);
          const response = await fetch(base + path, { method, headers: { authorization: `Bearer ${gateway.key}` }, body });
          expect(response.status).toBe(200);
          await response.arrayBuffer();
        },
        { timeout: 10_000 },
      );
    }
  });
});

test('what a model server sends is no page of the platform: a browser runs nothing of it', async () => {
  const response = await post('/gateway/chat/completions', Buffer.from(OPENAI));
  expect(response.headers.get('content-security-policy')).toContain('sandbox');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
});

test('an address that guesses keys waits, and its guesses are no questions to the database; keys that count go on', async () => {
  const asked = vi.spyOn(gateway.platform.context.db, 'selectFrom');
  const statuses = new Map<number, number>();
  for (let n = 0; n < 900; n += 1) {
    const response = await fetch(`${gateway.url}/models`, { headers: { authorization: `Bearer sk-hud-${String(n).padStart(40, '0')}` } });
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    if (response.status === 429) expect(await response.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    else await response.arrayBuffer();
  }
  const questions = asked.mock.calls.filter(([table]) => String(table).includes('key')).length;
  asked.mockRestore();
  expect(new Set(statuses.keys())).toEqual(new Set([401, 429]));
  expect(statuses.get(429)).toBeGreaterThan(300);
  expect(questions).toBeLessThan(600);
  expect((await fetch(`${gateway.url}/models`, { headers: { authorization: `Bearer ${gateway.key}` } })).status).toBe(200);
});

async function post(path: string, body: Buffer | ReadableStream<Uint8Array>, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(base + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json', ...headers },
    body: body instanceof ReadableStream ? body : new Uint8Array(body),
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
}

/** Spaces, piece by piece, without a length. */
function endless(mib: number): ReadableStream<Uint8Array> {
  let left = mib * 16;
  return new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new Uint8Array(MIB / 16).fill(32));
      if (--left === 0) controller.close();
    },
  });
}

/** A request that gets that far. */
function half(line: string, bytes: number): Socket {
  const { port, hostname } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(Buffer.concat([Buffer.from(line), Buffer.alloc(bytes)]));
  return socket;
}
