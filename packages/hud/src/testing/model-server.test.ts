import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { scriptedModel, type ModelServer, type ModelTurn } from './index.ts';

interface Ask {
  stream?: boolean;
  maxRetries?: number;
  signal?: AbortSignal;
}

interface Vendor {
  name: string;
  /** Asks the model one question with the vendor's SDK and returns the text of the answer. */
  ask: (server: ModelServer, options?: Ask) => Promise<string>;
  /** Of a 429 and of a 529: OpenAI's SDK unwraps the body's `error`, Anthropic's keeps the body, Google's quotes it. */
  errors: Record<429 | 529, object>;
}

const MESSAGES = [{ role: 'user' as const, content: 'Hello' }];

const VENDORS: Vendor[] = [
  {
    name: 'OpenAI chat',
    ask: async (server, { stream = false, maxRetries = 0, signal } = {}) => {
      const { chat } = new OpenAI({ apiKey: 'k', baseURL: server.baseUrls.openai, maxRetries });
      if (!stream) return (await chat.completions.create({ model: 'm', messages: MESSAGES }, { signal })).choices[0]?.message.content ?? '';
      let text = '';
      for await (const chunk of await chat.completions.create({ model: 'm', messages: MESSAGES, stream }, { signal })) {
        text += chunk.choices[0]?.delta.content ?? '';
      }
      return text;
    },
    errors: {
      429: { error: { type: 'requests', code: 'rate_limit_exceeded', param: null } },
      529: { error: { type: 'server_error' } },
    },
  },
  {
    name: 'OpenAI Responses',
    ask: async (server, { stream = false, maxRetries = 0, signal } = {}) => {
      const { responses } = new OpenAI({ apiKey: 'k', baseURL: server.baseUrls.openai, maxRetries });
      if (stream) return (await responses.stream({ model: 'm', input: 'Hello' }, { signal }).finalResponse()).output_text;
      return (await responses.create({ model: 'm', input: 'Hello' }, { signal })).output_text;
    },
    errors: {
      429: { error: { type: 'requests', code: 'rate_limit_exceeded', param: null } },
      529: { error: { type: 'server_error' } },
    },
  },
  {
    name: 'Anthropic',
    ask: async (server, { stream = false, maxRetries = 0, signal } = {}) => {
      const { messages } = new Anthropic({ apiKey: 'k', baseURL: server.baseUrls.anthropic, maxRetries });
      const body = { model: 'm', max_tokens: 10, messages: MESSAGES };
      const message = stream ? await messages.stream(body, { signal }).finalMessage() : await messages.create(body, { signal });
      return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    },
    errors: {
      429: { error: { type: 'error', error: { type: 'rate_limit_error' } } },
      529: { error: { type: 'error', error: { type: 'overloaded_error' } } },
    },
  },
  {
    name: 'Gemini',
    ask: async (server, { stream = false, maxRetries = 0, signal } = {}) => {
      const retryOptions = maxRetries > 0 ? { attempts: maxRetries + 1, initialDelay: 0.01 } : undefined;
      const { models } = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.baseUrls.gemini, retryOptions } });
      const body = { model: 'm', contents: 'Hello', config: { abortSignal: signal } };
      if (!stream) return (await models.generateContent(body)).text ?? '';
      let text = '';
      for await (const chunk of await models.generateContentStream(body)) text += chunk.text ?? '';
      return text;
    },
    errors: {
      429: { message: expect.stringMatching(/"code":429,.*"status":"RESOURCE_EXHAUSTED",.*"retryDelay":"0.01s"/) },
      529: { message: expect.stringMatching(/"code":529,.*"status":"UNAVAILABLE"/) },
    },
  },
];

const BOTH = VENDORS.flatMap((vendor) => [
  { ...vendor, stream: false, how: 'whole' },
  { ...vendor, stream: true, how: 'streamed' },
]);
const LONG = 'A long answer with many words, so that a stream of it has many events and a middle.';

describe('faults', () => {
  test.each(BOTH)('$name, $how: 429 and 529 come in its own error shape', async ({ ask, stream, errors }) => {
    await using server = await scriptedModel([{ fault: { status: 429, retryAfter: 0.01 } }, { fault: { status: 529 } }]);
    await expect(ask(server, { stream })).rejects.toMatchObject({ status: 429, ...errors[429] });
    await expect(ask(server, { stream })).rejects.toMatchObject({ status: 529, ...errors[529] });
    expect(server.requests).toHaveLength(2);
  });

  test.each(BOTH)('$name, $how: its SDK recovers from a 429 by itself', async ({ ask, stream }) => {
    await using server = await scriptedModel([{ fault: { status: 429, retryAfter: 0.01 } }, { text: LONG }]);
    expect(await ask(server, { stream, maxRetries: 1 })).toBe(LONG);
    expect(server.requests.map((request) => request.index)).toEqual([0, 1]);
  });

  test.each(BOTH)('$name, $how: a cut in the middle breaks the answer', async ({ ask, stream }) => {
    await using server = await scriptedModel([{ text: LONG, fault: { cutMidStream: true } }, { text: 'still there' }]);
    await expect(ask(server, { stream })).rejects.toThrow();
    expect(await ask(server, { stream })).toBe('still there');
  });

  test.each(BOTH)('$name, $how: a cut after some bytes breaks the answer', async ({ ask, stream }) => {
    await using server = await scriptedModel([
      { text: LONG, fault: { cutAfterBytes: 40 } },
      { text: LONG, fault: { cutAfterBytes: 0 } },
    ]);
    await expect(ask(server, { stream })).rejects.toThrow();
    await expect(ask(server, { stream })).rejects.toThrow();
  });

  test.each(BOTH)('$name, $how: a hanging request is taken and never answered, until the client gives up', async ({ ask, stream }) => {
    const taken = Promise.withResolvers<void>();
    const turns: ModelTurn[] = [{ fault: { hang: true } }, { text: 'still there' }];
    await using server = await scriptedModel((request) => {
      taken.resolve();
      return turns[request.index] ?? {};
    });
    const client = new AbortController();
    const hanging = ask(server, { stream, signal: client.signal });
    const outcome = hanging.then(
      () => 'answered',
      (error: unknown) => String(error),
    );
    await taken.promise;
    // A later request comes and goes, and the first still waits.
    expect(await ask(server, { stream })).toBe('still there');
    expect(await Promise.race([outcome, Promise.resolve('waits')])).toBe('waits');
    client.abort();
    expect(await outcome).toMatch(/abort/i);
  });

  test.each(BOTH)('$name, $how: a stall is silence, and the rest when there is an end to it', async ({ ask, stream }) => {
    await using server = await scriptedModel([
      { text: LONG, fault: { stallAfterEvents: 1, resumeAfterMs: 50 } },
      { text: LONG, fault: { stallAfterEvents: 1 } },
    ]);
    expect(await ask(server, { stream })).toBe(LONG);
    const client = new AbortController();
    const stalled = ask(server, { stream, signal: client.signal }).then(
      () => 'answered',
      (error: unknown) => String(error),
    );
    expect(await Promise.race([stalled, ask(server, { stream }).catch(() => 'the script is over')])).toBe('the script is over');
    expect(server.abandoned).toEqual([]);
    client.abort();
    await expect.poll(() => server.abandoned).toEqual([1]);
    await stalled;
  });

  test('retry-after travels as a header, an own body as it is', async () => {
    await using server = await scriptedModel([
      { fault: { status: 503, retryAfter: 7, body: { oops: true } } },
      { fault: { status: 502, body: '<html>Bad gateway</html>' } },
    ]);
    const ask = (): Promise<Response> => post(server, '/v1/chat/completions', { model: 'm', messages: MESSAGES });
    const [first, second] = [await ask(), await ask()];
    expect([first.status, first.headers.get('retry-after'), await first.json()]).toEqual([503, '7', { oops: true }]);
    expect([second.status, second.headers.get('content-type')]).toEqual([502, 'text/plain; charset=utf-8']);
    expect(await second.text()).toBe('<html>Bad gateway</html>');
  });

  test('a cut in the middle leaves whole events and half of one', async () => {
    await using server = await scriptedModel([{ text: LONG, fault: { cutMidStream: true } }]);
    const response = await post(server, '/v1/chat/completions', { model: 'm', messages: MESSAGES, stream: true });
    let received = '';
    const read = async (): Promise<void> => {
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) received += part;
    };
    await expect(read()).rejects.toThrow('terminated');
    const events = received.split('\n\n');
    const half = events.pop() ?? '';
    expect(events.length).toBeGreaterThan(2);
    for (const event of events) expect(() => JSON.parse(event.slice('data: '.length))).not.toThrow();
    expect(half).toMatch(/^data: \{/);
    expect(() => JSON.parse(half.slice('data: '.length))).toThrow();
  });

  test('a cut after n bytes leaves exactly n bytes', async () => {
    await using server = await scriptedModel([{ text: LONG, fault: { cutAfterBytes: 100 } }]);
    const response = await post(server, '/v1/chat/completions', { model: 'm', messages: MESSAGES });
    let bytes = 0;
    const read = async (): Promise<void> => {
      for await (const part of response.body ?? []) bytes += part.length;
    };
    await expect(read()).rejects.toThrow('terminated');
    expect(bytes).toBe(100);
  });
});

describe('a script', () => {
  test.each(VENDORS)('$name: one that has ended answers 500, says so and is not asked again', async ({ ask }) => {
    await using server = await scriptedModel([{ text: 'only' }]);
    expect(await ask(server)).toBe('only');
    await expect(ask(server)).rejects.toMatchObject({
      status: 500,
      message: expect.stringContaining("The model's script has 1 turns, and this is request 2."),
    });
  });

  test('that has ended tells the SDKs not to retry', async () => {
    await using server = await scriptedModel([]);
    for (const { ask } of VENDORS.slice(0, 3)) {
      await expect(ask(server, { maxRetries: 5 })).rejects.toMatchObject({ status: 500 });
    }
    expect(server.requests).toHaveLength(3);
  });

  test('as a function may look at the request, wait and answer out of order', async () => {
    const taken = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await using server = await scriptedModel(async (request) => {
      taken.resolve();
      if (request.index === 0) await release.promise;
      return { text: `${request.dialect} ${request.index}` };
    });
    const [chat, , anthropic] = VENDORS;
    const first = chat?.ask(server);
    await taken.promise;
    expect(await anthropic?.ask(server, { stream: true })).toBe('anthropic 1');
    release.resolve();
    expect(await first).toBe('openai-chat 0');
  });

  test.each([
    {
      flaw: 'throws',
      script: () => {
        throw new Error('no idea');
      },
      says: 'no idea',
    },
    {
      flaw: 'returns no turn',
      script: () => undefined as unknown as ModelTurn,
      says: "The model's script returned undefined, not a turn.",
    },
  ])('that $flaw answers 500 with the reason', async ({ script, says }) => {
    await using server = await scriptedModel(script);
    const response = await post(server, '/v1/chat/completions', { model: 'm', messages: MESSAGES });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { message: says } });
  });

  test('goes on when a client leaves before its answer', async () => {
    const taken = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await using server = await scriptedModel(async (request) => {
      if (request.index === 0) {
        taken.resolve();
        await release.promise;
      }
      return { text: `answer ${request.index}` };
    });
    const client = new AbortController();
    const [chat] = VENDORS;
    const left = chat?.ask(server, { stream: true, signal: client.signal });
    await taken.promise;
    client.abort();
    await expect(left).rejects.toThrow();
    expect(await chat?.ask(server, { stream: true })).toBe('answer 1');
    release.resolve();
    expect(await chat?.ask(server, { stream: true })).toBe('answer 2');
  });
});

describe('the server', () => {
  test('lists its models to every SDK', async () => {
    await using server = await scriptedModel([], { models: ['m1', 'm2'] });
    const openai = new OpenAI({ apiKey: 'k', baseURL: server.baseUrls.openai });
    const bare = new OpenAI({ apiKey: 'k', baseURL: server.url });
    const anthropic = new Anthropic({ apiKey: 'k', baseURL: server.baseUrls.anthropic });
    const gemini = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.baseUrls.gemini } });
    for (const list of [await openai.models.list(), await bare.models.list(), await anthropic.models.list()]) {
      expect(list.data.map((model) => model.id)).toEqual(['m1', 'm2']);
    }
    expect((await gemini.models.list()).page.map((model) => model.name)).toEqual(['models/m1', 'models/m2']);
  });

  test('keeps the requests of all dialects in order', async () => {
    await using server = await scriptedModel((request) => ({ text: request.dialect }));
    for (const { ask } of VENDORS) await ask(server);
    expect(server.requests.map(({ index, dialect, model, stream }) => ({ index, dialect, model, stream }))).toEqual(
      ['openai-chat', 'openai-responses', 'anthropic', 'gemini'].map((dialect, index) => ({ index, dialect, model: 'm', stream: false })),
    );
    expect(server.requests.map((request) => request.messages)).toEqual(VENDORS.map(() => [{ role: 'user', text: 'Hello' }]));
  });

  test.each([
    { path: '/v1/nothing', method: 'POST', status: 404, says: 'Nothing is served at POST /v1/nothing.' },
    { path: '//', method: 'POST', status: 404, says: 'Nothing is served at POST //.' },
    { path: '/v1/responses', method: 'GET', status: 405, says: '/v1/responses takes POST, not GET.' },
    { path: '/v1/chat/completions', method: 'POST', body: '{"model":', status: 400, says: /^The request's body can't be read: Not/ },
    { path: '/v1/chat/completions', method: 'POST', body: '[]', status: 400, says: "The request's body is not a JSON object." },
    { path: '/v1/chat/completions', method: 'POST', body: '{}', status: 400, says: 'The request names no model.' },
    { path: '/v1/chat/completions', method: 'POST', body: '{"model":"m"}', status: 400, says: 'The request has no messages.' },
    { path: '/v1/responses', method: 'POST', body: '{"model":"m"}', status: 400, says: 'The request has no input.' },
    { path: '/v1beta/models/m:generateContent', method: 'POST', body: '{}', status: 400, says: 'contents: the request has none' },
  ])('answers $method $path $body with $status', async ({ path, method, body, status, says }) => {
    await using server = await scriptedModel([{ text: 'never sent' }]);
    const response = await fetch(`${server.url}${path}`, { method, ...(body !== undefined && { body }) });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(says) } });
    expect(server.requests).toEqual([]);
  });

  test('ends hanging requests when it closes, and closes twice', async () => {
    const taken = Promise.withResolvers<void>();
    const server = await scriptedModel(() => {
      taken.resolve();
      return { fault: { hang: true } };
    });
    const asked = post(server, '/v1/chat/completions', { model: 'm', messages: MESSAGES });
    const failed = expect(asked).rejects.toThrow('fetch failed');
    await taken.promise;
    await Promise.all([server.close(), server.close()]);
    await failed;
    await expect(fetch(server.url)).rejects.toThrow('fetch failed');
    await server.close();
  });
});

function post(server: ModelServer, path: string, body: unknown): Promise<Response> {
  return fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) });
}
