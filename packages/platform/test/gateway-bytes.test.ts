import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { scriptedModel, tempDir } from 'hud/testing';
import { expect, test } from 'vitest';
import { UPSTREAM_KEYS, platformBefore, rawServer } from './gateway.fixtures.ts';

const ODD_BODY =
  '{ "stream":false , "temperature":1.0, "big":12345678901234567890, "text":"\\u00e9 é \\ud83d\\ude00",\n\t"model" : "gpt-5","x":{"model":"inner"} }';

function chat(key: string, body: string | Buffer, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body };
}

test('the request arrives byte for byte, and so does the reply, with its status and headers', async () => {
  const reply = Buffer.concat([Buffer.from('{"odd": 1.0 ,'), randomBytes(100_000)]);
  await using raw = await rawServer((response) =>
    response
      .writeHead(206, {
        'content-type': 'application/json; charset=utf-8',
        'x-request-id': 'req_7',
        'retry-after': '3',
        'set-cookie': 'a=b',
        'openai-organization': 'ours',
      })
      .end(reply),
  );
  await using gateway = await platformBefore(raw);
  const response = await fetch(`${gateway.url}/chat/completions`, chat(gateway.key, ODD_BODY));
  expect(Buffer.from(await response.arrayBuffer()).equals(reply)).toBe(true);
  expect(raw.seen[0]?.body.toString()).toBe(ODD_BODY);
  expect(response.status).toBe(206);
  const { headers } = response;
  expect([headers.get('content-type'), headers.get('x-request-id'), headers.get('retry-after')]).toEqual([
    'application/json; charset=utf-8',
    'req_7',
    '3',
  ]);
  expect([headers.get('set-cookie'), headers.get('openai-organization')]).toEqual([null, null]);
  expect(headers.get('x-hud-call-id')).toMatch(/^[0-9a-f]{32}$/);
});

test('of an alias only the name is replaced', async () => {
  await using folder = await tempDir();
  await using raw = await rawServer((response) => response.end('{}'));
  const path = join(folder.path, 'upstreams.json');
  await writeFile(
    path,
    JSON.stringify({
      upstreams: [
        { name: 'own', base_url: `${raw.url}/v1`, dialects: ['openai-chat', 'gemini'], api_key: 'k', headers: { 'x-extra': 'e' } },
      ],
      models: [{ model_name: 'gpt-5', upstream: 'own', upstream_model: 'org/"gpt"' }],
    }),
  );
  await using gateway = await platformBefore(raw, { HUD_PLATFORM_UPSTREAMS: path });
  await fetch(`${gateway.url}/v1/chat/completions`, chat(gateway.key, ODD_BODY));
  await fetch(`${gateway.url}/v1beta/models/gpt-5:generateContent?alt=sse&key=${gateway.key}`, { method: 'POST', body: '{"contents":[]}' });
  expect(raw.seen[0]?.body.toString()).toBe(ODD_BODY.replace('"gpt-5"', '"org/\\"gpt\\""'));
  expect(raw.seen[0]).toMatchObject({ url: '/v1/chat/completions', headers: { authorization: 'Bearer k', 'x-extra': 'e' } });
  expect(raw.seen[1]).toMatchObject({ url: '/v1beta/models/org/%22gpt%22:generateContent?alt=sse', headers: { 'x-goog-api-key': 'k' } });
});

test('nothing of the caller goes on but what the dialects know', async () => {
  await using raw = await rawServer((response) => response.end('{}'));
  await using gateway = await platformBefore(raw);
  const secrets = {
    'x-api-key': 'secret-1',
    'x-goog-api-key': 'secret-2',
    cookie: 'secret-3',
    'x-my-token': 'secret-4',
    'proxy-authorization': 'secret-5',
    'openai-organization': 'secret-6',
    'x-forwarded-for': 'secret-7',
    'trace-id': 'secret-8',
    'x-hud-anything': 'secret-9',
  };
  const kept = {
    'anthropic-beta': 'b1',
    'openai-beta': 'b2',
    'idempotency-key': 'i1',
    'x-stainless-retry-count': '1',
    'user-agent': 'me/1',
  };
  await fetch(`${gateway.url}/chat/completions`, chat(gateway.key, ODD_BODY, { ...secrets, ...kept }));
  const { headers, rawHeaders } = raw.seen[0] ?? { headers: {}, rawHeaders: [] };
  expect(headers).toMatchObject({ ...kept, authorization: `Bearer ${UPSTREAM_KEYS.openai}`, 'accept-encoding': 'identity' });
  expect(rawHeaders.join('\n')).not.toMatch(/secret|hud/i);
  expect(rawHeaders.join('\n')).not.toContain(gateway.key);
});

test("the caller's own key at its vendor replaces ours", async () => {
  await using raw = await rawServer((response) => response.end('{}'));
  await using gateway = await platformBefore(raw);
  await fetch(
    `${gateway.url}/chat/completions`,
    chat(gateway.key, ODD_BODY, { 'X-OpenAI-Key': 'my-own', 'openai-organization': 'my-org' }),
  );
  expect(raw.seen[0]?.headers).toMatchObject({ authorization: 'Bearer my-own', 'openai-organization': 'my-org' });
  expect(raw.seen[0]?.headers['x-openai-key']).toBeUndefined();
});

test.each(['openai-chat', 'anthropic', 'gemini'] as const)(
  'a stream of %s is the same bytes as straight from its server',
  async (dialect) => {
    const requests = {
      'openai-chat': { path: '/v1/chat/completions', body: { model: 'gpt-5', messages: [{ role: 'user', content: 'x' }], stream: true } },
      anthropic: {
        path: '/v1/messages',
        body: { model: 'claude-x', max_tokens: 5, messages: [{ role: 'user', content: 'x' }], stream: true },
      },
      gemini: {
        path: '/v1beta/models/gemini-x:streamGenerateContent?alt=sse',
        body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] },
      },
    };
    const { path, body } = requests[dialect];
    const stream = async (base: string, key: string): Promise<Buffer> => {
      const response = await fetch(base + path, chat(key, JSON.stringify(body), { 'anthropic-version': '2023-06-01' }));
      expect([response.status, response.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/event-stream')]);
      return Buffer.from(await response.arrayBuffer());
    };
    await using server = await scriptedModel([
      { text: 'Words, é and 😀.', reasoning: 'thought', toolCalls: [{ name: 'f', arguments: { a: 1 } }] },
    ]);
    const straight = await stream(server.url, 'k');
    await using raw = await rawServer(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let at = 0; at < straight.length; at += 37) {
        response.write(straight.subarray(at, at + 37)); // through events and letters
        await pause(1);
      }
      response.end();
    });
    await using gateway = await platformBefore(raw);
    expect((await stream(gateway.url, gateway.key)).equals(straight)).toBe(true);
  },
);

test('pieces of a stream come as they are sent, and the head before the first of them', async () => {
  const steps = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  await using raw = await rawServer(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    for (const [i, { promise }] of steps.entries()) {
      await promise;
      response.write(`data: ${i}\n\n`);
    }
    response.end();
  });
  await using gateway = await platformBefore(raw);
  const response = await fetch(`${gateway.url}/chat/completions`, chat(gateway.key, ODD_BODY));
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (const [i, { resolve }] of steps.entries()) {
    resolve();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(`data: ${i}\n\n`);
  }
  expect((await reader.read()).done).toBe(true);
});

test('a caller who reads slowly holds up its server, and gets every byte in the end', async () => {
  const [piece, pieces] = [Buffer.alloc(64 * 1024, 'x'), 1_000];
  let written = 0;
  await using raw = await rawServer(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (; written < pieces; written += 1) if (!response.write(piece)) await once(response, 'drain');
    response.end();
  });
  await using gateway = await platformBefore(raw);
  const { port } = new URL(gateway.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `POST /gateway/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.key}\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(ODD_BODY)}\r\n\r\n${ODD_BODY}`,
  );
  await once(socket, 'readable');
  let before = -1;
  while (written !== before) [before] = [written, await pause(300)];
  expect(written).toBeLessThan(pieces / 2); // 64 MiB are more than the buffers of four sockets
  let size = 0;
  for await (const chunk of socket) size += (chunk as Buffer).length;
  expect(size).toBeGreaterThan(piece.length * pieces);
});

test('300 streams at once stay apart, each whole', async () => {
  const [events, streams] = [20, 300];
  let open = 0;
  const all = Promise.withResolvers<void>();
  await using raw = await rawServer(async (response, { body }) => {
    const { n } = JSON.parse(body.toString()) as { n: number };
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    open += 1;
    if (open === streams) all.resolve();
    await all.promise; // nobody ends before all have begun
    for (let i = 0; i < events; i += 1) {
      response.write(`data: ${n}.${i}\n\n`);
      await pause(1);
    }
    response.end('data: [DONE]\n\n');
  });
  await using gateway = await platformBefore(raw);
  const replies = await Promise.all(
    Array.from({ length: streams }, async (_, n) => {
      const response = await fetch(
        `${gateway.url}/chat/completions`,
        chat(gateway.key, JSON.stringify({ model: 'gpt-5', n, stream: true })),
      );
      return await response.text();
    }),
  );
  const expected = (n: number): string => `${Array.from({ length: events }, (_, i) => `data: ${n}.${i}\n\n`).join('')}data: [DONE]\n\n`;
  expect(replies).toEqual(Array.from({ length: streams }, (_, n) => expected(n)));
});
