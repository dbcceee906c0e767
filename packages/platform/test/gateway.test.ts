import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { scriptedModel, type ModelServer, type ModelTurn } from 'hud/testing';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { UPSTREAM_KEYS, platformBefore, rawServer, type GatewayFixture } from './gateway.fixtures.ts';

interface Ask {
  stream?: boolean;
  signal?: AbortSignal;
  maxRetries?: number;
  key?: string;
}

interface Vendor {
  name: string;
  model: string;
  keyHeader: string;
  upstreamKey: string;
  ask: (gateway: GatewayFixture, options?: Ask) => Promise<string>;
  /** Of an error in its own shape: what the SDK makes of the body. */
  error: (status: number) => object;
}

const MESSAGES = [{ role: 'user' as const, content: 'Hello' }];
const LONG = 'A long answer with many words, so that a stream of it has many events and a middle.';

const VENDORS: Vendor[] = [
  {
    name: 'OpenAI chat',
    model: 'gpt-5',
    keyHeader: 'authorization',
    upstreamKey: `Bearer ${UPSTREAM_KEYS.openai}`,
    ask: async ({ url, key }, { stream = false, maxRetries = 0, signal, key: other } = {}) => {
      const { chat } = new OpenAI({ apiKey: other ?? key, baseURL: url, maxRetries });
      const body = { model: 'gpt-5', messages: MESSAGES };
      if (!stream) return (await chat.completions.create(body, { signal })).choices[0]?.message.content ?? '';
      let text = '';
      for await (const chunk of await chat.completions.create({ ...body, stream }, { signal }))
        text += chunk.choices[0]?.delta.content ?? '';
      return text;
    },
    error: (status) => ({ status, error: { message: expect.any(String) as string, type: expect.any(String) as string } }),
  },
  {
    name: 'OpenAI Responses',
    model: 'gpt-5',
    keyHeader: 'authorization',
    upstreamKey: `Bearer ${UPSTREAM_KEYS.openai}`,
    ask: async ({ url, key }, { stream = false, maxRetries = 0, signal, key: other } = {}) => {
      const { responses } = new OpenAI({ apiKey: other ?? key, baseURL: `${url}/v1`, maxRetries });
      if (stream) return (await responses.stream({ model: 'gpt-5', input: 'Hello' }, { signal }).finalResponse()).output_text;
      return (await responses.create({ model: 'gpt-5', input: 'Hello' }, { signal })).output_text;
    },
    error: (status) => ({ status, error: { message: expect.any(String) as string, type: expect.any(String) as string } }),
  },
  {
    name: 'Anthropic',
    model: 'claude-haiku-4-5',
    keyHeader: 'x-api-key',
    upstreamKey: UPSTREAM_KEYS.anthropic,
    ask: async ({ url, key }, { stream = false, maxRetries = 0, signal, key: other } = {}) => {
      const { beta } = new Anthropic({ apiKey: other ?? key, baseURL: url, maxRetries });
      const body = { model: 'claude-haiku-4-5', max_tokens: 10, messages: MESSAGES };
      const message = stream ? await beta.messages.stream(body, { signal }).finalMessage() : await beta.messages.create(body, { signal });
      return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    },
    error: (status) => ({
      status,
      error: { type: 'error', error: { type: expect.any(String) as string, message: expect.any(String) as string } },
    }),
  },
  {
    name: 'Gemini',
    model: 'gemini-2.5-pro',
    keyHeader: 'x-goog-api-key',
    upstreamKey: UPSTREAM_KEYS.gemini,
    ask: async ({ url, key }, { stream = false, maxRetries = 0, signal, key: other } = {}) => {
      const retryOptions = maxRetries > 0 ? { attempts: maxRetries + 1, initialDelay: 0.01 } : undefined;
      const { models } = new GoogleGenAI({ apiKey: other ?? key, httpOptions: { baseUrl: url, retryOptions } });
      const body = { model: 'gemini-2.5-pro', contents: 'Hello', config: { abortSignal: signal } };
      if (!stream) return (await models.generateContent(body)).text ?? '';
      let text = '';
      for await (const chunk of await models.generateContentStream(body)) text += chunk.text ?? '';
      return text;
    },
    error: (status) => ({ status, message: expect.stringMatching(new RegExp(`"code":${status},.*"status":"[A-Z_]+"`)) as string }),
  },
];

const BOTH = VENDORS.flatMap((vendor) => [
  { ...vendor, stream: false, how: 'whole' },
  { ...vendor, stream: true, how: 'streamed' },
]);

async function open(script: Parameters<typeof scriptedModel>[0], settings?: Record<string, string>) {
  const stack = new AsyncDisposableStack();
  const server: ModelServer = stack.use(await scriptedModel(script));
  const gateway = stack.use(await platformBefore(server, settings));
  return { server, gateway, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

describe("the vendors' own SDKs", () => {
  test.each(BOTH)('$name, $how: the answer comes through, with our key for the caller and theirs for the vendor', async (vendor) => {
    await using both = await open([{ text: LONG }]);
    expect(await vendor.ask(both.gateway, { stream: vendor.stream })).toBe(LONG);
    const [request] = both.server.requests;
    expect(request).toMatchObject({ model: vendor.model, stream: vendor.stream });
    expect(request?.headers[vendor.keyHeader]).toBe(vendor.upstreamKey);
    expect(JSON.stringify(request?.headers)).not.toContain(both.gateway.key);
  });

  test.each(BOTH)("GW9: $name, $how: a bad key is refused in the dialect's own shape", async ({ ask, stream, error }) => {
    await using both = await open([]);
    await expect(ask(both.gateway, { stream, key: 'sk-hud-nobody' })).rejects.toMatchObject(error(401));
    expect(both.server.requests).toEqual([]);
  });

  test.each(BOTH.flatMap((vendor) => [400, 401, 429, 500, 529].map((status) => ({ ...vendor, status }))))(
    "$name, $how: the vendor's $status keeps status, type and body",
    async ({ ask, stream, error, status }) => {
      await using both = await open([{ fault: { status, message: 'said by the vendor' } }]);
      const asked = ask(both.gateway, { stream });
      await expect(asked).rejects.toMatchObject(error(status));
      await expect(asked).rejects.toThrow(/said by the vendor/);
    },
  );

  test.each(BOTH)('$name, $how: its SDK recovers from a 429 by itself', async ({ ask, stream }) => {
    await using both = await open([{ fault: { status: 429, retryAfter: 0.01 } }, { text: LONG }]);
    expect(await ask(both.gateway, { stream, maxRetries: 1 })).toBe(LONG);
  });

  test.each(BOTH)('$name, $how: a reply that is cut never looks whole', async ({ ask, stream }) => {
    await using both = await open([{ text: LONG, fault: { cutMidStream: true } }, { text: 'still there' }]);
    await expect(ask(both.gateway, { stream })).rejects.toThrow();
    expect(await ask(both.gateway, { stream })).toBe('still there');
  });

  test.each(BOTH)(
    "$name, $how: a connection that breaks before the reply is a 502 in the dialect's shape",
    async ({ ask, stream, error }) => {
      await using raw = await rawServer((response) => response.destroy());
      await using gateway = await platformBefore(raw);
      await expect(ask(gateway, { stream })).rejects.toMatchObject(error(502));
    },
  );

  test.each(BOTH)("$name, $how: a server that hangs is a 504 in the dialect's shape", async ({ ask, stream, error }) => {
    await using both = await open([{ fault: { hang: true } }], { HUD_PLATFORM_GATEWAY_TIMEOUT_S: '0.5' });
    await expect(ask(both.gateway, { stream })).rejects.toMatchObject(error(504));
  });

  test.each(BOTH)('$name, $how: a caller who leaves is gone at the vendor too', async ({ ask, stream }) => {
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<number>();
    await using raw = await rawServer((response) => {
      response.once('close', () => gone.resolve(performance.now()));
      arrived.resolve();
    });
    await using gateway = await platformBefore(raw);
    const caller = new AbortController();
    const asked = ask(gateway, { stream, signal: caller.signal }).then(
      () => 'answered',
      () => 'aborted',
    );
    await arrived.promise;
    const leftAt = performance.now();
    caller.abort();
    expect(await asked).toBe('aborted');
    expect((await gone.promise) - leftAt).toBeLessThan(500); // 50 ms where the processor is not shared with the whole suite
  });
});

describe('what models say', () => {
  const CALL: ModelTurn = { toolCalls: [{ name: 'add', arguments: '{"a": 1, "b": }', id: 'call_1' }] };

  test('GW8: malformed arguments of a tool pass through unchanged, and the finish reason stays', async () => {
    await using both = await open([CALL]);
    const { chat } = new OpenAI({ apiKey: both.gateway.key, baseURL: both.gateway.url, maxRetries: 0 });
    const tools = [{ type: 'function' as const, function: { name: 'add', parameters: {} } }];
    const reply = await chat.completions.create({ model: 'gpt-5', messages: MESSAGES, tools });
    expect(reply.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { arguments: '{"a": 1, "b": }' } }] },
    });
  });

  test('GW5: a Claude model answers on chat completions, as its vendor serves them', async () => {
    await using both = await open([{ text: 'from Claude' }]);
    const { chat } = new OpenAI({ apiKey: both.gateway.key, baseURL: both.gateway.url, maxRetries: 0 });
    const reply = await chat.completions.create({ model: 'claude-haiku-4-5', messages: MESSAGES });
    expect(reply.choices[0]?.message.content).toBe('from Claude');
    expect(both.server.requests[0]).toMatchObject({
      dialect: 'openai-chat',
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${UPSTREAM_KEYS.anthropic}` },
    });
  });

  test('GW5: so does a Gemini model', async () => {
    await using raw = await rawServer((response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}'));
    await using gateway = await platformBefore(raw);
    const { chat } = new OpenAI({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 });
    expect(await chat.completions.create({ model: 'gemini-2.5-pro', messages: MESSAGES })).toMatchObject({ choices: [] });
    expect(raw.seen[0]).toMatchObject({
      url: '/v1beta/openai/chat/completions',
      headers: { authorization: `Bearer ${UPSTREAM_KEYS.gemini}` },
    });
  });

  test('GW6: a response goes on from the one before it', async () => {
    await using both = await open([{ text: 'one' }, { text: 'two' }]);
    const { responses } = new OpenAI({ apiKey: both.gateway.key, baseURL: both.gateway.url, maxRetries: 0 });
    const first = await responses.create({ model: 'gpt-5', input: 'Hello' });
    const second = await responses.create({ model: 'gpt-5', input: 'And then?', previous_response_id: first.id });
    expect(second.output_text).toBe('two');
    expect(both.server.requests[1]?.messages.map(({ text }) => text)).toEqual(['Hello', 'one', 'And then?']);
  });

  test('a response that the team was not given can be neither read nor gone on from', async () => {
    await using both = await open([{ text: 'one' }]);
    const { responses } = new OpenAI({ apiKey: both.gateway.key, baseURL: both.gateway.url, maxRetries: 0 });
    const asked = responses.create({ model: 'gpt-5', input: 'And then?', previous_response_id: 'resp_of_others' });
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found' });
    await expect(responses.retrieve('resp_of_others')).rejects.toMatchObject({ status: 404 });
    expect(both.server.requests).toEqual([]);
  });

  test.each([false, true])('a response can be read and cancelled where it is kept (streamed: %s), by its team', async (stream) => {
    await using raw = await rawServer((response, { method, url }) => {
      if (method === 'POST' && url === '/v1/responses') {
        const created = '{"type":"response.created","response":{"id":"resp_kept","object":"response"}}';
        const body = stream ? `event: response.created\ndata: ${created}\n\n` : '{"id":"resp_kept","object":"response"}';
        return response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' }).end(body);
      }
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ id: 'resp_kept', asked: `${method} ${url}` }));
    });
    await using gateway = await platformBefore(raw);
    const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' };
    const made = await fetch(`${gateway.url}/responses`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'gpt-5', input: 'x', stream }),
    });
    await made.text();
    const ask = async (method: string, path: string): Promise<unknown> =>
      await (await fetch(gateway.url + path, { method, headers })).json();
    expect(await ask('GET', '/responses/resp_kept?include=x')).toEqual({ id: 'resp_kept', asked: 'GET /v1/responses/resp_kept?include=x' });
    expect(await ask('POST', '/v1/responses/resp_kept/cancel')).toEqual({ id: 'resp_kept', asked: 'POST /v1/responses/resp_kept/cancel' });
    expect(raw.seen.at(-1)?.headers.authorization).toBe(`Bearer ${UPSTREAM_KEYS.openai}`);
  });

  test('GW7: an Anthropic stream is valid SSE that ends in message_stop', async () => {
    await using both = await open([{ text: LONG }]);
    const response = await fetch(`${both.gateway.url}/v1/messages?beta=true`, {
      method: 'POST',
      headers: {
        'x-api-key': both.gateway.key,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        'anthropic-beta': 'a,b',
      },
      body: JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 9, messages: MESSAGES, stream: true }),
    });
    const events = (await response.text()).trim().split('\n\n');
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(events.at(-1)).toMatch(/^event: message_stop\ndata: \{/);
    expect(both.server.requests[0]).toMatchObject({
      path: '/v1/messages?beta=true',
      headers: { 'anthropic-beta': 'a,b', 'anthropic-version': '2023-06-01' },
    });
  });
});
