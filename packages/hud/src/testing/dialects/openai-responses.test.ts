import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { scriptedModel, type ModelScript, type ModelServer } from '../index.ts';

const WEATHER = { type: 'function' as const, name: 'weather', parameters: { type: 'object', properties: {} }, strict: false };
const ASK = { model: 'm1', input: 'Hello' };

async function start(script: ModelScript): Promise<{ server: ModelServer; client: OpenAI } & AsyncDisposable> {
  const server = await scriptedModel(script);
  const client = new OpenAI({ apiKey: 'k', baseURL: server.baseUrls.openai, maxRetries: 0 });
  return { server, client, [Symbol.asyncDispose]: () => server.close() };
}

describe('a whole answer', () => {
  test('carries text, a summary of thoughts and usage', async () => {
    const usage = { promptTokens: 30, completionTokens: 9, cachedTokens: 20, reasoningTokens: 4 };
    await using model = await start([{ text: 'Hi there', reasoning: 'A greeting.', usage }]);
    const response = await model.client.responses.create(ASK);
    expect(response).toMatchObject({ object: 'response', status: 'completed', error: null, incomplete_details: null, model: 'm1' });
    expect(response.output_text).toBe('Hi there');
    expect(response.output[0]).toMatchObject({ type: 'reasoning', summary: [{ type: 'summary_text', text: 'A greeting.' }] });
    expect(response.usage).toEqual({
      input_tokens: 30,
      input_tokens_details: { cached_tokens: 20 },
      output_tokens: 9,
      output_tokens_details: { reasoning_tokens: 4 },
      total_tokens: 39,
    });
  });

  test('carries function calls, malformed arguments untouched', async () => {
    await using model = await start([
      {
        toolCalls: [
          { name: 'weather', arguments: { city: 'Oslo' }, id: 'c1' },
          { name: 'weather', arguments: '{"city": "Os' },
        ],
      },
    ]);
    const response = await model.client.responses.create({ ...ASK, tools: [WEATHER] });
    expect(response.output).toMatchObject([
      { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"city":"Oslo"}', status: 'completed' },
      { type: 'function_call', call_id: 'call_0_1', name: 'weather', arguments: '{"city": "Os' },
    ]);
  });

  test('says when it was cut by the limit, and when it refuses', async () => {
    await using model = await start([
      { text: 'half', finishReason: 'length' },
      { text: 'No.', finishReason: 'refusal' },
    ]);
    const cut = await model.client.responses.create(ASK);
    const refused = await model.client.responses.create(ASK);
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(refused.output).toMatchObject([{ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }]);
  });

  test('names its sources', async () => {
    const citations = [{ url: 'https://a.example', title: 'A', text: 'is cold' }];
    await using model = await start([{ text: 'Oslo is cold.', citations }]);
    const response = await model.client.responses.create(ASK);
    expect(response.output).toMatchObject([
      {
        content: [{ annotations: [{ type: 'url_citation', url: 'https://a.example', title: 'A', start_index: 5, end_index: 12 }] }],
      },
    ]);
  });
});

describe("OpenAI's own tools", () => {
  test('are called with items of their own kind', async () => {
    const click = { type: 'click', button: 'left', x: 3, y: 4 };
    await using model = await start([
      {
        toolCalls: [
          { name: 'shell', arguments: { commands: ['ls'] }, id: 's1' },
          { name: 'computer', arguments: { actions: [click] }, id: 'p1' },
          { name: 'apply_patch', arguments: { type: 'delete_file', path: 'a.txt' }, id: 'a1' },
        ],
      },
    ]);
    const tools = [{ type: 'shell' as const }, { type: 'computer' as const }, { type: 'apply_patch' as const }];
    const response = await model.client.responses.create({ ...ASK, tools });
    expect(response.output).toMatchObject([
      { type: 'shell_call', call_id: 's1', action: { commands: ['ls'], timeout_ms: null, max_output_length: null } },
      { type: 'computer_call', call_id: 'p1', actions: [click], pending_safety_checks: [] },
      { type: 'apply_patch_call', call_id: 'a1', operation: { type: 'delete_file', path: 'a.txt' } },
    ]);
    expect(model.server.requests[0]?.tools).toEqual(['shell', 'computer', 'apply_patch']);
  });

  test('take their results back, a screenshot counted as an image', async () => {
    await using model = await start([
      {
        toolCalls: [
          { name: 'shell', arguments: { commands: ['ls'] }, id: 's1' },
          { name: 'computer', arguments: { actions: [] }, id: 'p1' },
        ],
      },
      { text: 'done' },
    ]);
    const tools = [{ type: 'shell' as const }, { type: 'computer' as const }];
    const first = await model.client.responses.create({ ...ASK, tools });
    await model.client.responses.create({
      model: 'm1',
      tools,
      previous_response_id: first.id,
      input: [
        { type: 'shell_call_output', call_id: 's1', output: [{ stdout: 'a.txt\n', stderr: '', outcome: { type: 'exit', exit_code: 0 } }] },
        { type: 'computer_call_output', call_id: 'p1', output: { type: 'computer_screenshot', image_url: 'data:image/png;base64,AA==' } },
      ],
    });
    expect(model.server.requests[1]?.messages.slice(1)).toMatchObject([
      {
        role: 'assistant',
        toolCalls: [
          { id: 's1', name: 'shell', arguments: { commands: ['ls'] } },
          { id: 'p1', name: 'computer' },
        ],
      },
      {
        role: 'tool',
        toolResults: [
          { callId: 's1', text: 'a.txt\n' },
          { callId: 'p1', text: '', images: 1 },
        ],
      },
    ]);
  });

  test('with malformed arguments are an error of the script', async () => {
    await using model = await start([{ toolCalls: [{ name: 'shell', arguments: '{"comm' }] }]);
    const asked = model.client.responses.create({ ...ASK, tools: [{ type: 'shell' }] });
    await expect(asked).rejects.toThrow("500 OpenAI's shell tool has fields, not JSON text");
  });
});

describe('a stream', () => {
  test('adds up to the whole answer in the SDK', async () => {
    const text = 'A long answer that comes in several pieces 🎈.';
    await using model = await start([
      {
        text,
        reasoning: 'Some thoughts first.',
        citations: [{ url: 'https://a.example', text: 'several' }],
        toolCalls: [
          { name: 'weather', arguments: { city: 'Trondheim' } },
          { name: 'weather', arguments: '{"city": "Trondhe' },
        ],
        usage: { promptTokens: 5, completionTokens: 6 },
      },
    ]);
    const stream = model.client.responses.stream({ ...ASK, tools: [WEATHER] });
    const seen: string[] = [];
    let numbers = 0;
    stream.on('event', (event) => {
      seen.push(event.type);
      expect(event.sequence_number).toBe(numbers++);
    });
    const response = await stream.finalResponse();
    expect(response.output).toMatchObject([
      { type: 'reasoning', summary: [{ text: 'Some thoughts first.' }] },
      { type: 'message', status: 'completed', content: [{ type: 'output_text', text, annotations: [{ url: 'https://a.example' }] }] },
      { type: 'function_call', call_id: 'call_0_0', arguments: '{"city":"Trondheim"}' },
      { type: 'function_call', call_id: 'call_0_1', arguments: '{"city": "Trondhe' },
    ]);
    expect(response.usage).toMatchObject({ input_tokens: 5, output_tokens: 6 });
    expect(seen.filter((type) => type === 'response.output_text.delta').length).toBeGreaterThan(3);
    expect(seen.at(0)).toBe('response.created');
    expect(seen.at(-1)).toBe('response.completed');
  });

  test('ends as incomplete when cut by the limit, and streams refusals', async () => {
    await using model = await start([
      { text: 'half', finishReason: 'length' },
      { text: 'I would rather not.', finishReason: 'refusal' },
    ]);
    const cut = await model.client.responses.stream(ASK).finalResponse();
    const refused = await model.client.responses.stream(ASK).finalResponse();
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(refused.output).toMatchObject([{ content: [{ type: 'refusal', refusal: 'I would rather not.' }] }]);
  });
});

describe('previous_response_id', () => {
  test('continues what the server remembers, though only new items are sent', async () => {
    await using model = await start([
      { text: 'Looking.', toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' }, id: 'c1' }] },
      { text: 'Cold.' },
      { text: 'Bye.' },
    ]);
    const first = await model.client.responses.create({ ...ASK, instructions: 'Be brief.', tools: [WEATHER] });
    const second = await model.client.responses.create({
      model: 'm1',
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: 'c1', output: '-4' }],
    });
    const third = await model.client.responses.stream({ model: 'm1', previous_response_id: second.id, input: 'Thanks' }).finalResponse();
    expect(third.previous_response_id).toBe(second.id);
    expect(model.server.requests[2]?.messages).toEqual([
      { role: 'user', text: 'Hello' },
      { role: 'assistant', text: 'Looking.', toolCalls: [{ id: 'c1', name: 'weather', arguments: { city: 'Oslo' } }] },
      { role: 'tool', text: '-4', toolResults: [{ callId: 'c1', text: '-4' }] },
      { role: 'assistant', text: 'Cold.' },
      { role: 'user', text: 'Thanks' },
    ]);
    // Instructions hold for one request only.
    expect(model.server.requests.map((request) => request.system)).toEqual(['Be brief.', undefined, undefined]);
    expect(model.server.requests[2]?.body['input']).toBe('Thanks');
  });

  test('is refused when unknown, and when the response was not stored', async () => {
    await using model = await start([{ text: 'Hi' }]);
    const unstored = await model.client.responses.create({ ...ASK, store: false });
    for (const id of ['resp_nobody', unstored.id]) {
      await expect(model.client.responses.create({ ...ASK, previous_response_id: id })).rejects.toMatchObject({
        status: 400,
        code: 'previous_response_not_found',
        param: 'previous_response_id',
      });
    }
  });

  test('is refused when a call of the turn before has no result', async () => {
    await using model = await start([{ toolCalls: [{ name: 'weather', arguments: {}, id: 'c1' }] }, { text: 'never sent' }]);
    const first = await model.client.responses.create(ASK);
    await expect(model.client.responses.create({ model: 'm1', previous_response_id: first.id, input: 'Well?' })).rejects.toMatchObject({
      status: 400,
      param: 'input',
      message: '400 No tool result for these tool calls: c1.',
    });
  });
});

test('an input of typed items reaches the script in words that no dialect owns', async () => {
  await using model = await start([{ text: 'ok' }]);
  await model.client.responses.create({
    model: 'm1',
    instructions: 'Be brief.',
    input: [
      { role: 'developer', content: 'Stay brief.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look' },
          { type: 'input_image', image_url: 'data:,', detail: 'auto' },
        ],
      },
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'Hm.', annotations: [] }],
      },
      { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"ci' },
      { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'bad arguments' }] },
    ],
  });
  expect(model.server.requests[0]).toMatchObject({ dialect: 'openai-responses', system: 'Be brief.\n\nStay brief.' });
  expect(model.server.requests[0]?.messages).toEqual([
    { role: 'user', text: 'Look', images: 1 },
    { role: 'assistant', text: 'Hm.', toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"ci' }] },
    { role: 'tool', text: 'bad arguments', toolResults: [{ callId: 'c1', text: 'bad arguments' }] },
  ]);
});
