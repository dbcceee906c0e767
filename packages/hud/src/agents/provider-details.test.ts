/** What is each vendor's own: where a conversation is kept, what may be replayed, how failures inside a reply look. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../protocol/json.ts';
import { isHudError } from '../protocol/errors.ts';
import { scriptedModel } from '../testing/index.ts';
import { claudeAgent } from './claude.ts';
import { geminiAgent } from './gemini.ts';
import { openaiCompatibleAgent } from './openai-compatible.ts';
import { openaiAgent } from './openai.ts';
import { HELLO, IMAGE, talk, VENDORS, WEATHER } from '../../test/vendors.ts';
import { textResult } from './tools/tool.ts';

const CALL = { name: 'weather', arguments: { city: 'Oslo' } };
const VENDOR_NAMES = Object.keys(VENDORS);

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A server that gives every request the same body. */
async function fixedServer(body: string, contentType: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': contentType }).end(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function failureOf(vendor: string, body: string, { contentType = 'text/event-stream', stream = true } = {}): Promise<unknown> {
  await using server = await fixedServer(body, contentType);
  const conversation = VENDORS[vendor]!.adapter({ apiKey: 'k', baseUrl: server.url, stream }).begin({
    messages: [HELLO],
    tools: [],
    systemPrompt: undefined,
  });
  return await conversation.ask({ signal: new AbortController().signal, traceId: 'a'.repeat(32) }).catch((error: unknown) => error);
}

test.each([
  ['claude', 'claude-sonnet-4-6', claudeAgent],
  ['openai', 'gpt-5.6', openaiAgent],
  ['openai_compatible', 'gpt-5.4-mini', openaiCompatibleAgent],
  ['gemini', 'gemini-3-pro-preview', geminiAgent],
] as const)('the agent %s has the model %s, or another one', (name, model, makeAgent) => {
  const agent = makeAgent({ apiKey: 'k' });
  expect(agent).toMatchObject({ name, model });
  expect(agent.withConfig?.({ model: 'm-2' })).toMatchObject({ name, model: 'm-2' });
});

test.each([
  ['ANTHROPIC_API_KEY', claudeAgent],
  ['OPENAI_API_KEY', openaiAgent],
  ['OPENAI_API_KEY', openaiCompatibleAgent],
  ['GEMINI_API_KEY', geminiAgent],
] as const)("without %s an agent can't be made", (variable, makeAgent) => {
  for (const name of [variable, 'HUD_API_KEY']) vi.stubEnv(name, '');
  expect(() => makeAgent({ via: 'provider' })).toThrow(expect.objectContaining({ code: 'MODEL_KEY_MISSING' }) as Error);
});

test.each(VENDOR_NAMES)("%s names the run to a gateway, and asks it with the gateway's key", async (vendor) => {
  await using server = await scriptedModel([{ text: 'Hi' }]);
  const { adapter, base } = VENDORS[vendor]!;
  vi.stubEnv('HUD_GATEWAY_URL', server.baseUrls[base]);
  vi.stubEnv('HUD_API_KEY', 'gateway-key');
  const conversation = adapter({ via: 'gateway' }).begin({ messages: [HELLO], tools: [], systemPrompt: undefined });
  await conversation.ask({ signal: new AbortController().signal, traceId: 'b'.repeat(32) });
  expect(server.requests[0]?.headers).toMatchObject({ 'trace-id': 'b'.repeat(32) });
  expect(JSON.stringify(server.requests[0]?.headers)).toContain('gateway-key');
});

test.each(VENDOR_NAMES.flatMap((vendor) => [true, false].map((stream) => [vendor, stream] as const)))(
  '%s, streamed %s: a page in place of a reply is an outage',
  async (vendor, stream) => {
    const error = await failureOf(vendor, '<html>Log in first</html>', { contentType: 'text/html', stream });
    expect(error).toSatisfy(isHudError);
    expect(error).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  },
);

describe('Claude', () => {
  test('marks one place for the cache, the last block of the last message, and keeps no mark', async () => {
    await using model = await talk(
      'claude',
      [{ toolCalls: [CALL, { ...CALL, id: 'b' }] }, { text: 'Rain.' }],
      {},
      {
        messages: [HELLO, { role: 'user', content: IMAGE }],
      },
    );
    const { toolCalls = [] } = await model.ask();
    model.conversation.addResults(toolCalls.map((call) => ({ call, result: textResult('rain') })));
    await model.ask();
    const marked = (index: number): string[] =>
      (model.body(index).messages as { content: JsonObject[] }[]).flatMap(({ content }, m) =>
        content.flatMap((block, b) => (block.cache_control === undefined ? [] : [`${m}.${b}`])),
      );
    expect(marked(0)).toEqual(['1.0']);
    expect(marked(1)).toEqual(['3.1']);
  });

  test('lets the model choose, one tool at a time, and sends only what was set', async () => {
    await using model = await talk('claude', [{ text: 'Hi' }], { maxTokens: 99 });
    await model.ask();
    expect(model.body(0)).toMatchObject({ max_tokens: 99, tool_choice: { type: 'auto', disable_parallel_tool_use: true } });
    expect(Object.keys(model.body(0)).toSorted()).toEqual(['max_tokens', 'messages', 'model', 'stream', 'tool_choice', 'tools']);
  });

  test('replays thoughts with their signatures', async () => {
    await using model = await talk('claude', [{ reasoning: 'Hm.', toolCalls: [CALL] }, {}]);
    const { toolCalls = [] } = await model.ask();
    model.conversation.addResults(toolCalls.map((call) => ({ call, result: textResult('') })));
    await model.ask();
    expect(model.body(1).messages).toMatchObject([
      {},
      {
        role: 'assistant',
        content: [{ type: 'thinking', thinking: 'Hm.', signature: expect.stringMatching(/.+/) as string }, { type: 'tool_use' }],
      },
      { role: 'user', content: [{ type: 'tool_result', is_error: false, content: [{ type: 'text', text: '(empty)' }] }] },
    ]);
  });

  test.each(['no JSON at all', '[1]', '"text"', '{"a":1} and more'])('an input streamed as %s stays that text', async (text) => {
    await using model = await talk('claude', [{ toolCalls: [{ name: 'weather', arguments: text }, CALL] }]);
    const turn = await model.ask();
    expect(turn.toolCalls?.map((call) => call.arguments)).toEqual([text, { city: 'Oslo' }]);
    expect(JSON.stringify(turn.raw)).toContain('tool_use');
  });

  test.each([
    ['overloaded_error', 'MODEL_RATE_LIMITED'],
    ['api_error', 'MODEL_UNAVAILABLE'],
    ['invalid_request_error', 'MODEL_BAD_REQUEST'],
    ['authentication_error', 'MODEL_REFUSED'],
  ])('a stream that ends with %s fails as %s', async (type, code) => {
    const body = `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message: 'So it is.' } })}\n\n`;
    expect(await failureOf('claude', body)).toMatchObject({ code, message: 'anthropic: So it is.' });
  });
});

describe('OpenAI', () => {
  test('sends only what is new, on top of the last response', async () => {
    await using model = await talk(
      'openai',
      [{ toolCalls: [CALL] }, { text: 'Rain.' }, { text: 'Bye.' }],
      {},
      { systemPrompt: 'Be kind.' },
    );
    const first = await model.ask();
    const [call] = first.toolCalls ?? [];
    model.conversation.addResults([{ call: call!, result: textResult('rain') }]);
    const second = await model.ask();
    model.conversation.addUserText('Thanks');
    await model.ask();
    expect(model.body(0)).not.toHaveProperty('previous_response_id');
    expect(model.body(1)).toMatchObject({
      instructions: 'Be kind.',
      previous_response_id: (first.raw as { id: string }).id,
      input: [{ type: 'function_call_output', call_id: call!.id, output: [{ type: 'input_text', text: 'rain' }] }],
    });
    expect(model.body(2)).toMatchObject({
      previous_response_id: (second.raw as { id: string }).id,
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Thanks' }] }],
    });
  });

  test('a failed request keeps what is new for the next try', async () => {
    await using model = await talk('openai', [{ toolCalls: [CALL] }, { fault: { status: 500 } }, { text: 'Rain.' }]);
    const [call] = (await model.ask()).toolCalls ?? [];
    model.conversation.addResults([{ call: call!, result: textResult('rain') }]);
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    await model.ask();
    expect(model.body(2)).toEqual(model.body(1));
  });

  test('offers strict tools, and their nulls never reach the tool', async () => {
    const open = { ...WEATHER, name: 'open', inputSchema: { type: 'object', additionalProperties: { type: 'string' } } };
    const args = { city: 'Oslo', unit: null };
    await using model = await talk(
      'openai',
      [
        {
          toolCalls: [
            { name: 'weather', arguments: args },
            { name: 'open', arguments: args },
          ],
        },
      ],
      {},
      { tools: [WEATHER, open] },
    );
    const turn = await model.ask();
    expect(model.body(0).tools).toMatchObject([
      {
        name: 'weather',
        strict: true,
        parameters: { required: ['city', 'unit'], properties: { unit: { type: ['string', 'null'] } }, additionalProperties: false },
      },
      { name: 'open', strict: false, parameters: open.inputSchema },
    ]);
    expect(turn.toolCalls?.map((call) => call.arguments)).toEqual([{ city: 'Oslo' }, args]);
  });

  test('passes its settings on, and none that was not set', async () => {
    const config = {
      maxOutputTokens: 9,
      temperature: 0.5,
      reasoning: { effort: 'low' },
      toolChoice: 'required',
      truncation: 'auto',
      parallelToolCalls: false,
      citationsEnabled: true,
    };
    await using model = await talk('openai', [{ text: 'Hi' }], config);
    await model.ask();
    expect(model.body(0)).toMatchObject({
      max_output_tokens: 9,
      temperature: 0.5,
      reasoning: { effort: 'low' },
      tool_choice: 'required',
      truncation: 'auto',
      parallel_tool_calls: false,
      include: ['web_search_call.action.sources'],
    });
    await using plain = await talk('openai', [{ text: 'Hi' }]);
    await plain.ask();
    expect(Object.keys(plain.body(0)).toSorted()).toEqual(['input', 'model', 'stream', 'tools']);
  });

  test('structured results and images are sent beside the text', async () => {
    await using model = await talk('openai', [{ toolCalls: [CALL] }, {}]);
    const [call] = (await model.ask()).toolCalls ?? [];
    model.conversation.addResults([{ call: call!, result: { content: [IMAGE], isError: false, structuredContent: { mm: 3 } } }]);
    await model.ask();
    expect(model.body(1).input).toMatchObject([
      {
        output: [
          { type: 'input_text', text: '{"mm":3}' },
          { type: 'input_image', image_url: `data:image/png;base64,${IMAGE.data}` },
        ],
      },
    ]);
  });

  test.each([
    ['rate_limit_exceeded', 'MODEL_RATE_LIMITED'],
    ['server_error', 'MODEL_UNAVAILABLE'],
    ['invalid_prompt', 'MODEL_BAD_REQUEST'],
  ])('a response that failed with %s is %s, streamed or not', async (type, code) => {
    const response = { id: 'r', object: 'response', status: 'failed', output: [], error: { code: type, message: 'So it is.' } };
    const event = `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', response })}\n\n`;
    expect(await failureOf('openai', event)).toMatchObject({ code, message: 'openai: So it is.' });
    const whole = await failureOf('openai', JSON.stringify(response), { contentType: 'application/json', stream: false });
    expect(whole).toMatchObject({ code, message: 'openai: So it is.' });
  });

  test('an account without credit is not asked again', async () => {
    const body = {
      error: { message: 'You exceeded your current quota.', type: 'insufficient_quota', param: null, code: 'insufficient_quota' },
    };
    await using model = await talk('openai', [{ fault: { status: 429, body } }]);
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_REFUSED', hint: 'The account has no credit left.' });
  });
});

describe('OpenAI-compatible', () => {
  const capture = {
    completionKwargs: {
      temperature: 0.3,
      model: 'other',
      messages: [],
      stream: true,
      extra_body: { return_token_ids: true, tools: [], stream: true },
    },
  };

  test('records the sampled tokens and continues exactly from them', async () => {
    await using model = await talk(
      'openai-compatible',
      [
        { toolCalls: [CALL], promptTokenIds: [1, 2, 3], tokenIds: [4, 5], logprobs: [-0.1, -0.2] },
        { text: 'Rain.', promptTokenIds: [1, 2, 3, 4, 5, 6], tokenIds: [7], logprobs: [-0.3] },
        { text: 'Bye.' },
        { text: 'Bye bye.' },
      ],
      { ...capture, checkpoint: 'step-7', model: 'm' },
      { systemPrompt: 'Be kind.' },
    );
    const turn = await model.ask();
    expect(turn.sample).toEqual({ promptTokenIds: [1, 2, 3], outputTokenIds: [4, 5], outputLogprobs: [-0.1, -0.2] });
    expect(model.server.requests[0]).toMatchObject({ stream: false, model: 'm', tools: ['weather'], system: 'Be kind.' });
    expect(model.body(0)).toMatchObject({ return_token_ids: true, logprobs: true, temperature: 0.3, checkpoint: 'step-7' });
    expect(model.body(0)).not.toHaveProperty('extra_body');
    expect(model.body(0)).not.toHaveProperty('continuation_from');
    model.conversation.addResults([{ call: turn.toolCalls![0]!, result: textResult('rain') }]);
    await model.ask();
    expect(model.body(1)).toMatchObject({ prompt_token_ids: [1, 2, 3, 4, 5], continuation_from: 2 });
    model.conversation.addUserText('More');
    const third = await model.ask();
    expect(model.body(2)).toMatchObject({ prompt_token_ids: [1, 2, 3, 4, 5, 6, 7], continuation_from: 4 });
    expect(third.sample).toBeUndefined();
    model.conversation.addUserText('And');
    await model.ask();
    expect(model.body(3)).not.toHaveProperty('prompt_token_ids');
  });

  test('a prompt with images is recorded in chunks and not continued', async () => {
    const promptChunks = [
      { type: 'encoded_text', tokens: [1] },
      { type: 'image', data: 'x', format: 'png', expected_tokens: 4 },
    ];
    await using model = await talk('openai-compatible', [{ text: 'A dot.', promptChunks, tokenIds: [2], logprobs: [-1] }, {}], capture);
    expect((await model.ask()).sample).toEqual({ promptChunks, outputTokenIds: [2], outputLogprobs: [-1] });
    model.conversation.addUserText('Sure?');
    await model.ask();
    expect(model.body(1)).not.toHaveProperty('continuation_from');
  });

  test("finds the prompt's tokens beside the choices too", async () => {
    const reply = {
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      prompt_token_ids: [1, 2],
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: 'Hi' },
          token_ids: [3],
          logprobs: { content: [{ logprob: -1 }] },
        },
      ],
    };
    await using server = await fixedServer(JSON.stringify(reply), 'application/json');
    const conversation = VENDORS['openai-compatible']!.adapter({ apiKey: 'k', baseUrl: server.url, stream: false }).begin({
      messages: [HELLO],
      tools: [],
      systemPrompt: undefined,
    });
    const turn = await conversation.ask({ signal: new AbortController().signal, traceId: 'a'.repeat(32) });
    expect(turn.sample).toEqual({ promptTokenIds: [1, 2], outputTokenIds: [3], outputLogprobs: [-1] });
  });

  test.each([true, false])('replays thoughts as they came, streamed: %s', async (stream) => {
    await using model = await talk('openai-compatible', [{ reasoning: 'A long thought, in pieces.', toolCalls: [CALL] }, {}], { stream });
    const [call] = (await model.ask()).toolCalls ?? [];
    model.conversation.addResults([{ call: call!, result: textResult('') }]);
    await model.ask();
    expect(model.body(1).messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', reasoning_content: 'A long thought, in pieces.', tool_calls: [{ id: call!.id }] },
      { role: 'tool', tool_call_id: call!.id, content: 'Tool executed successfully' },
    ]);
  });

  test('puts detailed thoughts together from a stream, and reads calls whose indices have gaps', async () => {
    const deltas = [
      { role: 'assistant', reasoning_details: [{ type: 'reasoning.text', text: 'One, ' }] },
      { reasoning_details: [{ type: 'reasoning.text', text: 'two.' }] },
      { tool_calls: [{ index: 1, id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } }] },
    ];
    const chunks = deltas.map((delta, i) => ({
      id: 'c',
      model: 'm',
      choices: [{ index: 0, delta, finish_reason: i === 2 ? 'tool_calls' : null }],
    }));
    await using server = await fixedServer(
      `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`,
      'text/event-stream',
    );
    const conversation = VENDORS['openai-compatible']!.adapter({ apiKey: 'k', baseUrl: server.url }).begin({
      messages: [HELLO],
      tools: [],
      systemPrompt: undefined,
    });
    const turn = await conversation.ask({ signal: new AbortController().signal, traceId: 'a'.repeat(32) });
    expect(turn).toMatchObject({ reasoning: 'One, two.', toolCalls: [{ id: 'c1', name: 'weather', arguments: {} }], done: false });
  });

  test('sends all texts of the results, then the last image', async () => {
    await using model = await talk('openai-compatible', [{ toolCalls: [CALL, CALL] }, {}]);
    const { toolCalls = [] } = await model.ask();
    const other = { ...IMAGE, data: 'AAAA' };
    const text = { type: 'text', text: 'one' };
    const contents = [
      [text, IMAGE],
      [{ ...text, text: 'two' }, { ...text, text: 'three' }, other],
    ];
    model.conversation.addResults(toolCalls.map((call, i) => ({ call, result: { content: contents[i]!, isError: false } })));
    await model.ask();
    expect((model.body(1).messages as unknown[]).slice(2)).toEqual([
      { role: 'tool', tool_call_id: toolCalls[0]!.id, content: 'one' },
      { role: 'tool', tool_call_id: toolCalls[1]!.id, content: 'two\nthree' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
    ]);
  });

  test('is named by the host it asks', () => {
    expect(VENDORS['openai-compatible']!.adapter({ baseUrl: 'http://127.0.0.1:8000/v1' }).provider).toBe('127.0.0.1:8000');
  });
});

describe('Gemini', () => {
  test('passes its settings on', async () => {
    await using model = await talk(
      'gemini',
      [{ text: 'Hi' }],
      { thinkingLevel: 'low', citationsEnabled: true },
      { systemPrompt: 'Be kind.' },
    );
    await model.ask();
    expect(model.body(0)).toMatchObject({
      generationConfig: {
        temperature: 1,
        topP: 0.95,
        topK: 40,
        maxOutputTokens: 8192,
        thinkingConfig: { includeThoughts: true, thinkingLevel: 'LOW' },
      },
      tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: WEATHER.inputSchema }] }, { googleSearch: {} }],
    });
    expect(model.server.requests[0]?.path).toContain('/v1beta/models/gemini-3-pro-preview:');
  });

  test("gives each call an id of its own, and answers with the vendor's where it sent one", async () => {
    await using model = await talk('gemini', [{ toolCalls: [{ ...CALL, id: 'g1' }, CALL] }, {}]);
    const { toolCalls = [] } = await model.ask();
    expect(new Set(toolCalls.map(({ id }) => id))).toHaveLength(2);
    expect(toolCalls[0]?.id).not.toBe('g1');
    model.conversation.addResults(toolCalls.map((call, i) => ({ call, result: textResult('rain', i === 1) })));
    await model.ask();
    expect(model.body(1).contents).toMatchObject([
      {},
      { parts: [{ thoughtSignature: expect.any(String) as string }, {}] },
      {
        parts: [
          { functionResponse: { id: 'g1', name: 'weather', response: { success: true, output: 'rain' } } },
          { functionResponse: { name: 'weather', response: { error: 'rain' } } },
        ],
      },
    ]);
  });

  test.each([true, false])('a reply without candidates is an outage, a blocked prompt is none, streamed: %s', async (stream) => {
    const answer = async (reply: JsonObject): Promise<unknown> => {
      const text = JSON.stringify(reply);
      return await failureOf('gemini', stream ? `data: ${text}\n\n` : text, {
        stream,
        contentType: stream ? 'text/event-stream' : 'application/json',
      });
    };
    expect(await answer({ usageMetadata: {} })).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    expect(await answer({ promptFeedback: { blockReason: 'SAFETY' } })).toMatchObject({
      code: 'MODEL_BAD_REQUEST',
      message: 'google: the prompt was blocked (SAFETY).',
    });
  });

  test('sources that no passage names come last', async () => {
    const candidate = {
      content: { role: 'model', parts: [{ text: 'Hi' }] },
      finishReason: 'STOP',
      groundingMetadata: {
        groundingChunks: [{ web: { uri: 'https://a.example' } }, { web: { uri: 'https://b.example', title: 'B' } }],
        groundingSupports: [{ segment: { endIndex: 2, text: 'Hi' }, groundingChunkIndices: [1] }],
      },
    };
    await using server = await fixedServer(JSON.stringify({ candidates: [candidate] }), 'application/json');
    const conversation = VENDORS.gemini!.adapter({ apiKey: 'k', baseUrl: server.url, stream: false }).begin({
      messages: [HELLO],
      tools: [],
      systemPrompt: undefined,
    });
    const turn = await conversation.ask({ signal: new AbortController().signal, traceId: 'a'.repeat(32) });
    expect(turn.citations).toEqual([
      { type: 'grounding', text: 'Hi', source: 'https://b.example', title: 'B', startIndex: 0, endIndex: 2 },
      { type: 'grounding', text: '', source: 'https://a.example' },
    ]);
  });
});
