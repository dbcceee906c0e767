import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { scriptedModel, type ModelScript, type ModelServer } from '../index.ts';

const WEATHER = { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object', properties: {} } } };
const ASK = { model: 'm1', messages: [{ role: 'user' as const, content: 'Hello' }] };
// A field of inference engines, unknown to the SDK's types.
const WITH_IDS = { ...ASK, return_token_ids: true };

async function start(script: ModelScript): Promise<{ server: ModelServer; client: OpenAI } & AsyncDisposable> {
  const server = await scriptedModel(script);
  const client = new OpenAI({ apiKey: 'k', baseURL: server.baseUrls.openai, maxRetries: 0 });
  return { server, client, [Symbol.asyncDispose]: () => server.close() };
}

describe('a whole answer', () => {
  test('carries text, thoughts and usage', async () => {
    const usage = { promptTokens: 30, completionTokens: 9, cachedTokens: 20, reasoningTokens: 4 };
    await using model = await start([{ text: 'Hi there', reasoning: 'A greeting.', usage }]);
    const completion = await model.client.chat.completions.create(ASK);
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'stop',
      logprobs: null,
      message: { role: 'assistant', content: 'Hi there', refusal: null, reasoning_content: 'A greeting.' },
    });
    expect(completion.usage).toMatchObject({
      prompt_tokens: 30,
      completion_tokens: 9,
      total_tokens: 39,
      prompt_tokens_details: { cached_tokens: 20 },
      completion_tokens_details: { reasoning_tokens: 4 },
    });
    expect(completion._request_id).toBe('req_0');
  });

  test('carries tool calls, malformed arguments untouched', async () => {
    await using model = await start([
      {
        toolCalls: [
          { name: 'weather', arguments: { city: 'Oslo' }, id: 'c1' },
          { name: 'weather', arguments: '{"city": "Os' },
        ],
      },
    ]);
    const completion = await model.client.chat.completions.create({ ...ASK, tools: [WEATHER] });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
          { id: 'call_0_1', type: 'function', function: { name: 'weather', arguments: '{"city": "Os' } },
        ],
      },
    });
    expect(model.server.requests[0]?.tools).toEqual(['weather']);
  });

  test('says when it was cut by the limit, and when it refuses', async () => {
    await using model = await start([
      { text: 'half', finishReason: 'length' },
      { text: 'No.', finishReason: 'refusal' },
    ]);
    const cut = await model.client.chat.completions.create(ASK);
    const refused = await model.client.chat.completions.create(ASK);
    expect(cut.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'half' } });
    expect(refused.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: null, refusal: 'No.' } });
  });

  test('names its sources', async () => {
    await using model = await start([{ text: 'Oslo is cold.', citations: [{ url: 'https://a.example', text: 'is cold' }] }]);
    const completion = await model.client.chat.completions.create(ASK);
    expect(completion.choices[0]?.message.annotations).toEqual([
      { type: 'url_citation', url_citation: { url: 'https://a.example', title: 'https://a.example', start_index: 5, end_index: 12 } },
    ]);
  });
});

describe('token ids', () => {
  const turn = { text: '42', promptTokenIds: [11, 12, 13], tokenIds: [52, 2], logprobs: [-0.02, -0.001] };
  const entries = [
    { token: 'token_id:52', bytes: null, logprob: -0.02, top_logprobs: [] },
    { token: 'token_id:2', bytes: null, logprob: -0.001, top_logprobs: [] },
  ];

  test('come on the choice when the request asks for them', async () => {
    await using model = await start([turn]);
    const completion = await model.client.chat.completions.create({ ...WITH_IDS, logprobs: true });
    expect(completion.choices[0]).toMatchObject({
      prompt_token_ids: [11, 12, 13],
      token_ids: [52, 2],
      logprobs: { content: entries },
    });
    expect(completion.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 2 });
  });

  test('are left out when the request does not ask', async () => {
    await using model = await start([turn]);
    const [choice] = (await model.client.chat.completions.create(ASK)).choices;
    expect(choice).not.toHaveProperty('token_ids');
    expect(choice).not.toHaveProperty('prompt_token_ids');
    expect(choice?.logprobs).toBeNull();
  });

  test('give way to chunks for a prompt with images', async () => {
    const promptChunks = [{ type: 'encoded_text', tokens: [1, 2] }];
    await using model = await start([{ ...turn, promptChunks }]);
    const completion = await model.client.chat.completions.create(WITH_IDS);
    expect(completion.choices[0]).toMatchObject({ token_ids: [52, 2], prompt_token_ids: null, prompt_chunks: promptChunks });
  });

  test('are streamed beside the text', async () => {
    await using model = await start([turn]);
    const stream = await model.client.chat.completions.create({ ...WITH_IDS, stream: true, logprobs: true });
    const choices = [];
    for await (const chunk of stream) choices.push(...chunk.choices);
    expect(choices[0]).toMatchObject({ prompt_token_ids: [11, 12, 13] });
    expect(choices.filter((choice) => 'token_ids' in choice)).toMatchObject([{ token_ids: [52, 2], logprobs: { content: entries } }]);
  });
});

describe('a stream', () => {
  test('adds up to the whole answer in the SDK, in more than one piece', async () => {
    const text = `A long answer whose balloons no piece may split: ${'🎈'.repeat(30)}.`;
    await using model = await start([
      {
        text,
        toolCalls: [{ name: 'weather', arguments: { city: 'Trondheim', unit: 'celsius' } }],
        usage: { promptTokens: 5, completionTokens: 6 },
      },
    ]);
    const stream = model.client.chat.completions.stream({ ...ASK, tools: [WEATHER], stream_options: { include_usage: true } });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const completion = await stream.finalChatCompletion();
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.join('')).toBe(text);
    expect(deltas.every((delta) => delta.isWellFormed())).toBe(true);
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: text, tool_calls: [{ id: 'call_0_0', function: { arguments: '{"city":"Trondheim","unit":"celsius"}' } }] },
    });
    expect(completion.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 6, total_tokens: 11 });
    expect(model.server.requests[0]?.stream).toBe(true);
  });

  test('carries malformed arguments, thoughts and refusals in pieces', async () => {
    await using model = await start([
      { reasoning: 'Thinking about it', toolCalls: [{ name: 'weather', arguments: '{"city": "Trondhe' }] },
      { text: 'I would rather not.', finishReason: 'refusal' },
    ]);
    const collect = async (): Promise<Record<string, string>> => {
      const seen: Record<string, string> = {};
      for await (const chunk of await model.client.chat.completions.create({ ...ASK, stream: true })) {
        const delta = chunk.choices[0]?.delta as Record<string, unknown> | undefined;
        for (const key of ['reasoning_content', 'refusal']) seen[key] = (seen[key] ?? '') + String(delta?.[key] ?? '');
        seen['arguments'] = (seen['arguments'] ?? '') + (chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? '');
        seen['usage'] = 'usage' in chunk ? 'sent' : 'absent';
      }
      return seen;
    };
    expect(await collect()).toMatchObject({ reasoning_content: 'Thinking about it', arguments: '{"city": "Trondhe', usage: 'absent' });
    expect(await collect()).toMatchObject({ refusal: 'I would rather not.' });
  });
});

describe('a conversation', () => {
  test('reaches the script in words that no dialect owns', async () => {
    await using model = await start((request) => ({ text: `seen ${request.messages.length}` }));
    await model.client.chat.completions.create({
      model: 'm1',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            { type: 'image_url', image_url: { url: 'data:,' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
            { id: 'b', type: 'function', function: { name: 'weather', arguments: '{"ci' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'cold' },
        { role: 'tool', tool_call_id: 'b', content: 'bad arguments' },
        { role: 'developer', content: 'Stay brief.' },
      ],
    });
    expect(model.server.requests[0]).toMatchObject({ dialect: 'openai-chat', model: 'm1', system: 'Be brief.\n\nStay brief.' });
    expect(model.server.requests[0]?.headers['authorization']).toBe('Bearer k');
    expect(model.server.requests[0]?.messages).toEqual([
      { role: 'user', text: 'Look', images: 1 },
      {
        role: 'assistant',
        text: '',
        toolCalls: [
          { id: 'a', name: 'weather', arguments: { city: 'Oslo' } },
          { id: 'b', name: 'weather', arguments: '{"ci' },
        ],
      },
      {
        role: 'tool',
        text: 'cold\nbad arguments',
        toolResults: [
          { callId: 'a', text: 'cold' },
          { callId: 'b', text: 'bad arguments' },
        ],
      },
    ]);
  });

  test.each([
    {
      flaw: 'a call without a result',
      after: [{ role: 'user' as const, content: 'Well?' }],
      says: 'No tool result for these tool calls: a.',
    },
    { flaw: 'an end in a call', after: [], says: 'No tool result for these tool calls: a.' },
    {
      flaw: 'a result without a call',
      after: [
        { role: 'tool' as const, tool_call_id: 'a', content: '' },
        { role: 'tool' as const, tool_call_id: 'z', content: '' },
      ],
      says: 'No tool call before this result: z.',
    },
  ])('with $flaw is refused', async ({ after, says }) => {
    await using model = await start([{ text: 'never sent' }]);
    const call = { id: 'a', type: 'function' as const, function: { name: 'weather', arguments: '{}' } };
    const asked = model.client.chat.completions.create({
      model: 'm1',
      messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', tool_calls: [call] }, ...after],
    });
    const error = { status: 400, type: 'invalid_request_error', param: 'messages', message: `400 ${says}` };
    await expect(asked).rejects.toMatchObject(error);
    expect(model.server.requests).toEqual([]);
  });

  test('is served with and without /v1', async () => {
    await using model = await start([{ text: 'one' }, { text: 'two' }]);
    const bare = new OpenAI({ apiKey: 'k', baseURL: model.server.url, maxRetries: 0 });
    expect((await model.client.chat.completions.create(ASK)).choices[0]?.message.content).toBe('one');
    expect((await bare.chat.completions.create(ASK)).choices[0]?.message.content).toBe('two');
    expect(model.server.requests.map((request) => request.path)).toEqual(['/v1/chat/completions', '/chat/completions']);
  });
});
