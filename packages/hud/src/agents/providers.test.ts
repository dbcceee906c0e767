/** The four model APIs against a scripted server: the same turns, whole and streamed, whichever vendor's SDK carries them. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../protocol/json.ts';
import { scriptedModel } from '../testing/index.ts';
import type { Conversation, ModelTurn } from './model.ts';
import { HELLO, IMAGE, talk, VENDORS, WEATHER } from '../../test/vendors.ts';
import { textResult } from './tools/tool.ts';

const CASES = Object.keys(VENDORS).flatMap((vendor) => [true, false].map((stream) => ({ vendor, stream })));

async function callWeather(turn: ModelTurn, conversation: Conversation): Promise<void> {
  const results = [];
  for (const call of turn.toolCalls ?? []) {
    const result = await WEATHER.execute(call.arguments as JsonObject, { signal: new AbortController().signal });
    results.push({ call, result: { ...result, callId: call.id } });
  }
  conversation.addResults(results);
}

describe.each(CASES)('$vendor, streamed: $stream', ({ vendor, stream }) => {
  const { finish } = VENDORS[vendor]!;

  test('a plain answer carries text, thoughts, usage and the model', async () => {
    const usage = { promptTokens: 30, completionTokens: 9, cachedTokens: 20, reasoningTokens: 4 };
    await using model = await talk(
      vendor,
      [{ text: 'Hi there, friend', reasoning: 'A greeting.', usage }],
      { stream, model: 'm-1' },
      { systemPrompt: 'Be kind.' },
    );
    const heard: string[] = [];
    const turn = await model.ask(undefined, (delta) => heard.push(delta));
    expect(turn).toMatchObject({
      content: 'Hi there, friend',
      reasoning: 'A greeting.',
      toolCalls: [],
      done: true,
      finishReason: finish.stop,
      model: 'm-1',
      usage: { promptTokens: 30, completionTokens: 9, cachedTokens: 20, llmCallCount: 1 },
    });
    expect(turn.refusal).toBeUndefined();
    expect(heard.join('')).toBe(stream ? 'Hi there, friend' : '');
    expect(model.server.requests[0]).toMatchObject({
      model: 'm-1',
      system: 'Be kind.',
      tools: ['weather'],
      stream,
      messages: [{ role: 'user', text: 'Hello' }],
    });
  });

  test('a tool call goes round: the result answers it and the reply stays in the history', async () => {
    await using model = await talk(
      vendor,
      [{ text: 'Looking.', reasoning: 'Hm.', toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] }, { text: 'Rain.' }],
      { stream },
    );
    const turn = await model.ask();
    expect(turn).toMatchObject({
      content: 'Looking.',
      done: false,
      finishReason: finish.toolCalls,
      toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }],
    });
    await callWeather(turn, model.conversation);
    expect(await model.ask()).toMatchObject({ content: 'Rain.', done: true });
    expect(model.server.requests[1]?.messages).toMatchObject([
      { role: 'user', text: 'Hello' },
      { role: 'assistant', text: 'Looking.', toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
      { role: 'tool', toolResults: [{ text: expect.stringContaining('Oslo: rain') as string }] },
    ]);
  });

  test("a user's reply follows the model's turn", async () => {
    await using model = await talk(vendor, [{ text: 'Sure?' }, { text: 'Done.' }], { stream });
    await model.ask();
    model.conversation.addUserText('Yes');
    await model.ask();
    expect(model.server.requests[1]?.messages).toMatchObject([
      { role: 'user', text: 'Hello' },
      { role: 'assistant', text: 'Sure?' },
      { role: 'user', text: 'Yes' },
    ]);
  });

  test('an empty answer does not spoil the history', async () => {
    await using model = await talk(vendor, [{}, { text: 'Here.' }], { stream });
    expect((await model.ask()).content ?? '').toBe('');
    model.conversation.addUserText('Well?');
    expect(await model.ask()).toMatchObject({ content: 'Here.' });
    expect(model.server.requests[1]?.messages.at(-1)).toMatchObject({ role: 'user', text: 'Well?' });
  });

  test('arguments that are no JSON stay text and are replayed as none', async () => {
    const text = '{"city": "Os';
    await using model = await talk(vendor, [{ toolCalls: [{ name: 'weather', arguments: text }] }, { text: 'Sorry.' }], { stream });
    const turn = await model.ask();
    if (vendor === 'gemini') {
      // Its API keeps such a call to itself, and takes no answer to it but a sentence.
      expect(turn).toMatchObject({
        toolCalls: [{ name: 'weather', arguments: expect.any(String) as string }],
        done: false,
        finishReason: 'MALFORMED_FUNCTION_CALL',
      });
      model.conversation.addResults((turn.toolCalls ?? []).map((call) => ({ call, result: textResult('No JSON.', true) })));
      expect(await model.ask()).toMatchObject({ content: 'Sorry.' });
      expect(model.server.requests[1]?.messages.at(-1)).toMatchObject({
        role: 'user',
        text: expect.stringContaining('Make it again') as string,
      });
      return;
    }
    expect(turn.toolCalls).toMatchObject([{ name: 'weather', arguments: text }]);
    model.conversation.addResults((turn.toolCalls ?? []).map((call) => ({ call, result: textResult('No JSON.', true) })));
    expect(await model.ask()).toMatchObject({ content: 'Sorry.' });
    // Responses keeps the history at the server's, with the text in it.
    expect(model.server.requests[1]?.messages[1]?.toolCalls).toMatchObject([{ arguments: vendor === 'openai' ? text : {} }]);
  });

  test('a reply cut by the limit says so', async () => {
    await using model = await talk(vendor, [{ text: 'half', finishReason: 'length' }], { stream });
    expect(await model.ask()).toMatchObject({ content: 'half', finishReason: finish.length });
  });

  test('a refusal is marked', async () => {
    await using model = await talk(vendor, [{ text: 'I will not.', finishReason: 'refusal' }], { stream });
    expect(await model.ask()).toMatchObject({
      refusal: vendor === 'gemini' ? 'refused (SAFETY)' : 'I will not.', // Google's SDK drops the sentence
      toolCalls: [],
      done: true,
    });
  });

  test('sources of the text are citations', async () => {
    const citations = [{ url: 'https://a.example', title: 'A', text: 'is cold' }];
    await using model = await talk(vendor, [{ text: 'Ålesund is cold.', citations }], { stream, citationsEnabled: true });
    const { citations: cited } = await model.ask();
    expect(cited).toMatchObject([{ text: 'is cold', source: 'https://a.example', title: 'A' }]);
    if (vendor !== 'claude') expect(cited).toMatchObject([{ startIndex: 8, endIndex: 15 }]);
  });

  test('images of the prompt and of results are sent, failures are told', async () => {
    await using model = await talk(
      vendor,
      [{ toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] }, {}],
      { stream },
      {
        messages: [HELLO, { role: 'user', content: IMAGE }],
      },
    );
    const [call] = (await model.ask()).toolCalls ?? [];
    model.conversation.addResults([{ call: call!, result: { content: [{ type: 'text', text: 'broken' }, IMAGE], isError: true } }]);
    await model.ask();
    expect(JSON.stringify(model.body(0)).split(IMAGE.data)).toHaveLength(2);
    expect(JSON.stringify(model.body(1)).split(IMAGE.data)).toHaveLength(vendor === 'openai' ? 2 : 3);
    expect(JSON.stringify(model.body(1))).toContain('broken');
    const marks = { claude: '"is_error":true', openai: '[tool_error] true', gemini: '{"error":"broken"}', 'openai-compatible': 'broken' };
    expect(JSON.stringify(model.body(1))).toContain(marks[vendor as keyof typeof marks]);
  });

  test('a conversation without tools offers none', async () => {
    await using model = await talk(vendor, [{ text: 'Hi' }], { stream }, { tools: [] });
    await model.ask();
    expect(model.body(0)).not.toHaveProperty('tools');
    expect(model.body(0)).not.toHaveProperty('tool_choice');
  });

  test.each([
    [401, 'MODEL_REFUSED'],
    [403, 'MODEL_REFUSED'],
    [429, 'MODEL_RATE_LIMITED'],
    [529, 'MODEL_RATE_LIMITED'],
    [500, 'MODEL_UNAVAILABLE'],
    [503, 'MODEL_UNAVAILABLE'],
    [408, 'MODEL_UNAVAILABLE'],
    [409, 'MODEL_UNAVAILABLE'],
    [400, 'MODEL_BAD_REQUEST'],
    [413, 'MODEL_BAD_REQUEST'],
    [422, 'MODEL_BAD_REQUEST'],
  ])('status %i is %s, asked once', async (status, code) => {
    await using model = await talk(vendor, [{ fault: { status, message: 'So it is.' } }], { stream });
    const data = expect.objectContaining({ status, provider: expect.any(String) as string }) as object;
    await expect(model.ask()).rejects.toMatchObject({
      name: 'HudError',
      code,
      data,
      message: expect.stringContaining('So it is.') as string,
    });
    expect(model.server.requests).toHaveLength(1);
  });

  test('an unknown model is told apart from a wrong address', async () => {
    await using model = await talk(
      vendor,
      [{ fault: { status: 404, message: 'model: m-1 was not found' } }, { fault: { status: 404, body: 'No such page.' } }],
      { stream, model: 'm-1' },
    );
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_UNKNOWN', data: { status: 404 } });
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_BAD_REQUEST', data: { status: 404 } });
  });

  test('a rate limit says when to come back', async () => {
    await using model = await talk(vendor, [{ fault: { status: 429, retryAfter: 7 } }], { stream });
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_RATE_LIMITED', data: { retryAfterMs: 7000 } });
  });

  test('a page of another server is no reply', async () => {
    await using model = await talk(vendor, [{ fault: { status: 502, body: '<html>Bad gateway</html>' } }], { stream });
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', data: { status: 502 } });
  });

  test('a connection that breaks inside the reply is an outage, and the same turn can be asked again', async () => {
    await using model = await talk(
      vendor,
      [{ text: 'A long answer, cut in the middle.', fault: { cutMidStream: true } }, { text: 'Whole.' }],
      { stream },
    );
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    expect(await model.ask()).toMatchObject({ content: 'Whole.' });
    expect(model.server.requests[1]?.messages).toEqual([{ role: 'user', text: 'Hello' }]);
  });

  test('nobody at the address is an outage', async () => {
    const model = await talk(vendor, [], { stream });
    await model.server.close();
    await expect(model.ask()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  });

  test("an abort ends a request that hangs, with the caller's reason", async () => {
    const abort = new AbortController();
    const reason = new Error('the owner stopped it');
    await using model = await talk(
      vendor,
      () => {
        setImmediate(() => abort.abort(reason));
        return { fault: { hang: true } };
      },
      { stream },
    );
    await expect(model.ask(abort.signal)).rejects.toBe(reason);
  });

  test('runs of one agent share no state', async () => {
    await using server = await scriptedModel(() => ({ text: 'Hi' }));
    const { adapter, base } = VENDORS[vendor]!;
    const shared = adapter({ apiKey: 'k', baseUrl: server.baseUrls[base], stream });
    const init = { messages: [HELLO], tools: [], systemPrompt: undefined };
    const context = { signal: new AbortController().signal, traceId: 'a'.repeat(32) };
    await Promise.all([shared.begin(init).ask(context), shared.begin(init).ask(context)]);
    expect(server.requests.map(({ messages }) => messages.length)).toEqual([1, 1]);
    expect(server.requests[0]?.headers).not.toHaveProperty('trace-id');
  });
});
