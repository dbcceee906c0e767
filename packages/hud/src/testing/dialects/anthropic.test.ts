import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { scriptedModel, type ModelScript, type ModelServer } from '../index.ts';

const WEATHER = { name: 'weather', input_schema: { type: 'object' as const, properties: {} } };
const ASK = { model: 'm1', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hello' }] };

async function start(script: ModelScript): Promise<{ server: ModelServer; client: Anthropic } & AsyncDisposable> {
  const server = await scriptedModel(script);
  const client = new Anthropic({ apiKey: 'k', baseURL: server.baseUrls.anthropic, maxRetries: 0 });
  return { server, client, [Symbol.asyncDispose]: () => server.close() };
}

describe('a whole message', () => {
  test('carries text, thinking and usage without the cached part', async () => {
    const usage = { promptTokens: 30, completionTokens: 9, cachedTokens: 20 };
    await using model = await start([{ text: 'Hi there', reasoning: 'A greeting.', usage }]);
    const message = await model.client.messages.create(ASK);
    expect(message).toMatchObject({ type: 'message', role: 'assistant', model: 'm1', stop_reason: 'end_turn', stop_sequence: null });
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'A greeting.', signature: expect.stringMatching(/^.+$/) },
      { type: 'text', text: 'Hi there', citations: null },
    ]);
    expect(message.usage).toMatchObject({ input_tokens: 10, cache_read_input_tokens: 20, output_tokens: 9 });
    expect(message._request_id).toBe('req_0');
  });

  test('carries tool uses; malformed input stays the text it is', async () => {
    await using model = await start([
      {
        text: 'Looking.',
        toolCalls: [
          { name: 'weather', arguments: { city: 'Oslo' }, id: 't1' },
          { name: 'weather', arguments: '{"city": "Os' },
        ],
      },
    ]);
    const message = await model.client.beta.messages.create({ ...ASK, tools: [WEATHER] });
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content.slice(1)).toMatchObject([
      { type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Oslo' } },
      { type: 'tool_use', id: 'toolu_0_1', name: 'weather', input: '{"city": "Os' },
    ]);
    expect(model.server.requests[0]?.tools).toEqual(['weather']);
  });

  test('says when it was cut by the limit, and when it refuses', async () => {
    await using model = await start([
      { text: 'half', finishReason: 'length' },
      { text: 'No.', finishReason: 'refusal' },
    ]);
    expect(await model.client.messages.create(ASK)).toMatchObject({ stop_reason: 'max_tokens', stop_details: null });
    expect(await model.client.messages.create(ASK)).toMatchObject({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'No.' },
    });
  });

  test('names its sources', async () => {
    await using model = await start([{ text: 'Oslo is cold.', citations: [{ url: 'https://a.example', title: 'A', text: 'is cold' }] }]);
    const message = await model.client.messages.create(ASK);
    expect(message.content).toMatchObject([
      {
        citations: [{ type: 'web_search_result_location', url: 'https://a.example', title: 'A', cited_text: 'is cold' }],
      },
    ]);
  });
});

describe('a stream', () => {
  test('adds up to the whole message in the SDK, plain and beta', async () => {
    const text = 'A long answer that comes in several pieces 🎈.';
    const turn = {
      text,
      reasoning: 'Some thoughts first.',
      citations: [{ url: 'https://a.example', text: 'several' }],
      toolCalls: [{ name: 'weather', arguments: { city: 'Trondheim', unit: 'celsius' } }],
      usage: { promptTokens: 5, completionTokens: 6, cachedTokens: 2 },
    };
    await using model = await start([turn, turn]);
    const plain = model.client.messages.stream({ ...ASK, tools: [WEATHER] });
    const beta = model.client.beta.messages.stream({ ...ASK, tools: [WEATHER], betas: ['computer-use-2025-11-24'] });
    let deltas = 0;
    plain.on('text', () => deltas++);
    for (const message of [await plain.finalMessage(), await beta.finalMessage()]) {
      expect(message.content).toMatchObject([
        { type: 'thinking', thinking: 'Some thoughts first.', signature: expect.stringMatching(/^.+$/) },
        { type: 'text', text, citations: [{ url: 'https://a.example', cited_text: 'several' }] },
        { type: 'tool_use', name: 'weather', input: { city: 'Trondheim', unit: 'celsius' } },
      ]);
      expect(message).toMatchObject({ stop_reason: 'tool_use', usage: { input_tokens: 3, cache_read_input_tokens: 2, output_tokens: 6 } });
    }
    expect(deltas).toBeGreaterThan(3);
    const betas = model.server.requests.map((request) => request.headers['anthropic-beta']);
    expect(betas).toContain('computer-use-2025-11-24');
  });

  test('sends its events in the order that the API documents', async () => {
    await using model = await start([{ text: 'Hi', toolCalls: [{ name: 'weather', arguments: {} }] }]);
    const response = await model.client.messages.create({ ...ASK, stream: true }).asResponse();
    const events = [...(await response.text()).matchAll(/^event: (.+)$/gm)].map((match) => match[1]);
    expect(events).toEqual([
      'message_start',
      'ping',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  test('sends malformed input verbatim, which the SDK reports as its own error', async () => {
    await using model = await start([{ toolCalls: [{ name: 'weather', arguments: '{"city": Trondheim' }] }]);
    const message = model.client.beta.messages.stream({ ...ASK, tools: [WEATHER] }).finalMessage();
    await expect(message).rejects.toThrow(/Unable to parse tool parameter JSON.*JSON: \{"city": Trondheim/s);
  });

  test('ends with a refusal and its explanation', async () => {
    await using model = await start([{ text: 'No.', finishReason: 'refusal' }]);
    const message = await model.client.beta.messages.stream(ASK).finalMessage();
    expect(message).toMatchObject({ stop_reason: 'refusal', stop_details: { explanation: 'No.' } });
  });
});

describe('a conversation', () => {
  const use = { type: 'tool_use' as const, id: 'a', name: 'weather', input: { city: 'Oslo' } };

  test('reaches the script in words that no dialect owns', async () => {
    await using model = await start([{ text: 'ok' }]);
    const image = { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'AA==' } };
    await model.client.messages.create({
      model: 'm1',
      max_tokens: 10,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Look' }, image] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 's' }, { type: 'text', text: 'Looking.' }, use] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', is_error: true, content: [{ type: 'text', text: 'no network' }, image] },
            { type: 'text', text: 'Try again' },
          ],
        },
      ],
    });
    expect(model.server.requests[0]).toMatchObject({ dialect: 'anthropic', system: 'Be brief.' });
    expect(model.server.requests[0]?.headers['authorization']).toBe('Bearer k');
    expect(model.server.requests[0]?.messages).toEqual([
      { role: 'user', text: 'Look', images: 1 },
      { role: 'assistant', text: 'Looking.', toolCalls: [{ id: 'a', name: 'weather', arguments: { city: 'Oslo' } }] },
      { role: 'tool', text: 'no network', toolResults: [{ callId: 'a', text: 'no network', images: 1, isError: true }] },
      { role: 'user', text: 'Try again' },
    ]);
  });

  test('with a tool use that has no result is refused', async () => {
    await using model = await start([{ text: 'never sent' }]);
    const messages = [...ASK.messages, { role: 'assistant' as const, content: [use] }, { role: 'user' as const, content: 'Well?' }];
    await expect(model.client.messages.create({ ...ASK, messages })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      apiMessage: 'No tool result for these tool calls: a.',
    });
  });

  test.each([
    { flaw: 'no limit of tokens', body: { max_tokens: undefined }, says: 'max_tokens: a number above 0 is required' },
    { flaw: 'a temperature', body: { temperature: 1 }, says: 'temperature: removed in API version 2026-10-21' },
    {
      flaw: 'a document in an assistant message',
      body: { messages: [...ASK.messages, { role: 'assistant', content: [{ type: 'document' }] }] },
      says: "messages: a document block can't stand in an assistant message",
    },
    {
      flaw: 'citations in a user message',
      body: { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi', citations: [{ type: 'char_location' }] }] }] },
      says: "messages: a text block of a user message can't have citations",
    },
  ])('with $flaw is refused', async ({ body, says }) => {
    await using model = await start([{ text: 'never sent' }]);
    const asked = model.client.post('/v1/messages', { body: { ...ASK, ...body } });
    await expect(asked).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', apiMessage: says });
  });

  test('of an older API version may set a temperature, on the path with ?beta=true too', async () => {
    await using model = await start([{ text: 'ok' }]);
    const message = await model.client.post<Anthropic.Message>('/v1/messages?beta=true', {
      body: { ...ASK, temperature: 1 },
      headers: { 'anthropic-version': '2023-06-01', 'x-api-key': 'old' },
    });
    expect(message.content).toMatchObject([{ type: 'text', text: 'ok' }]);
    expect(model.server.requests[0]).toMatchObject({ path: '/v1/messages?beta=true', body: { temperature: 1 } });
  });

  test('without a version is refused', async () => {
    await using model = await start([{ text: 'never sent' }]);
    const response = await fetch(`${model.server.url}/v1/messages`, { method: 'POST', body: JSON.stringify(ASK) });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: 'anthropic-version: this header is required' } });
  });
});
