import { GoogleGenAI, type GenerateContentResponse } from '@google/genai';
import { describe, expect, test } from 'vitest';
import { scriptedModel, type ModelScript, type ModelServer } from '../index.ts';

const WEATHER = { functionDeclarations: [{ name: 'weather', parametersJsonSchema: { type: 'object', properties: {} } }] };
const ASK = { model: 'm1', contents: 'Hello' };

async function start(script: ModelScript): Promise<{ server: ModelServer; client: GoogleGenAI } & AsyncDisposable> {
  const server = await scriptedModel(script);
  const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.baseUrls.gemini } });
  return { server, client, [Symbol.asyncDispose]: () => server.close() };
}

async function collect(stream: AsyncIterable<GenerateContentResponse>): Promise<GenerateContentResponse[]> {
  const chunks: GenerateContentResponse[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe('a whole answer', () => {
  test('carries text, thoughts and usage', async () => {
    const usage = { promptTokens: 30, completionTokens: 9, cachedTokens: 20, reasoningTokens: 4 };
    await using model = await start([{ text: 'Hi there', reasoning: 'A greeting.', usage }]);
    const response = await model.client.models.generateContent(ASK);
    expect(response.text).toBe('Hi there');
    expect(response.modelVersion).toBe('m1');
    expect(response.candidates).toMatchObject([
      {
        finishReason: 'STOP',
        content: { role: 'model', parts: [{ text: 'A greeting.', thought: true }, { text: 'Hi there' }] },
      },
    ]);
    expect(response.usageMetadata).toEqual({
      promptTokenCount: 30,
      cachedContentTokenCount: 20,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 4,
      totalTokenCount: 39,
    });
  });

  test('carries function calls, with ids where the script gives them', async () => {
    await using model = await start([
      {
        toolCalls: [
          { name: 'weather', arguments: { city: 'Oslo' }, id: 'c1' },
          { name: 'weather', arguments: { city: 'Bergen' } },
        ],
      },
    ]);
    const response = await model.client.models.generateContent({ ...ASK, config: { tools: [WEATHER, { googleSearch: {} }] } });
    expect(response.functionCalls).toEqual([
      { name: 'weather', args: { city: 'Oslo' }, id: 'c1' },
      { name: 'weather', args: { city: 'Bergen' } },
    ]);
    expect(response.candidates?.[0]).toMatchObject({
      finishReason: 'STOP',
      content: { parts: [{ thoughtSignature: expect.stringMatching(/^.+$/) }, {}] },
    });
    expect(model.server.requests[0]?.tools).toEqual(['weather', 'googleSearch']);
  });

  test('ends without the call when its arguments are malformed', async () => {
    await using model = await start([{ toolCalls: [{ name: 'weather', arguments: '{"city": "Os' }] }]);
    const response = await model.client.models.generateContent({ ...ASK, config: { tools: [WEATHER] } });
    expect(response.functionCalls).toBeUndefined();
    expect(response.candidates?.[0]).toMatchObject({ finishReason: 'MALFORMED_FUNCTION_CALL', content: { parts: [] } });
  });

  test('says when it was cut by the limit, and when it refuses', async () => {
    await using model = await start([
      { text: 'half', finishReason: 'length' },
      { text: 'No.', finishReason: 'refusal' },
    ]);
    const cut = await model.client.models.generateContent(ASK);
    const refused = await model.client.models.generateContent(ASK);
    expect(cut.candidates?.[0]).toMatchObject({ finishReason: 'MAX_TOKENS', content: { parts: [{ text: 'half' }] } });
    expect(refused.candidates).toEqual([{ finishReason: 'SAFETY', index: 0 }]);
  });

  test('explains an early end in a field that the SDK drops', async () => {
    await using model = await start([
      { toolCalls: [{ name: 'weather', arguments: '{"city": "Os' }] },
      { text: 'No.', finishReason: 'refusal' },
    ]);
    const body = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] });
    for (const finishMessage of ['Malformed function call: weather({"city": "Os)', 'No.']) {
      const response = await fetch(`${model.server.url}/v1beta/models/m1:generateContent`, { method: 'POST', body });
      expect(await response.json()).toMatchObject({ candidates: [{ finishMessage }] });
    }
  });

  test('is grounded in its sources, places counted in bytes', async () => {
    await using model = await start([{ text: 'Tromsø is cold.', citations: [{ url: 'https://a.example', title: 'A', text: 'is cold' }] }]);
    const response = await model.client.models.generateContent(ASK);
    expect(response.candidates?.[0]?.groundingMetadata).toMatchObject({
      groundingChunks: [{ web: { uri: 'https://a.example', title: 'A' } }],
      groundingSupports: [{ segment: { startIndex: 8, endIndex: 15, text: 'is cold' }, groundingChunkIndices: [0] }],
    });
  });
});

describe('a stream', () => {
  test('adds up to the whole answer', async () => {
    const text = 'A long answer that comes in several pieces 🎈.';
    await using model = await start([
      {
        text,
        reasoning: 'Some thoughts first.',
        toolCalls: [{ name: 'weather', arguments: { city: 'Trondheim' } }],
        usage: { promptTokens: 5, completionTokens: 6 },
      },
    ]);
    const chunks = await collect(await model.client.models.generateContentStream({ ...ASK, config: { tools: [WEATHER] } }));
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    expect(
      parts
        .filter((part) => !part.thought)
        .map((part) => part.text ?? '')
        .join(''),
    ).toBe(text);
    expect(
      parts
        .filter((part) => part.thought)
        .map((part) => part.text)
        .join(''),
    ).toBe('Some thoughts first.');
    expect(chunks.flatMap((chunk) => chunk.functionCalls ?? [])).toEqual([{ name: 'weather', args: { city: 'Trondheim' } }]);
    expect(chunks.length).toBeGreaterThan(5);
    expect(chunks.at(-1)).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 6, totalTokenCount: 11 },
    });
    expect(model.server.requests[0]).toMatchObject({ stream: true, path: '/v1/models/m1:streamGenerateContent?alt=sse' });
  });

  test('ends without the call when its arguments are malformed', async () => {
    await using model = await start([{ text: 'Looking.', toolCalls: [{ name: 'weather', arguments: '{"city": "Os' }] }]);
    const chunks = await collect(await model.client.models.generateContentStream(ASK));
    expect(chunks.flatMap((chunk) => chunk.functionCalls ?? [])).toEqual([]);
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe('MALFORMED_FUNCTION_CALL');
  });

  test('is one growing JSON array where the client does not ask for events', async () => {
    await using model = await start([{ text: 'A long answer in several pieces' }]);
    const response = await fetch(`${model.server.url}/v1beta/models/m1:streamGenerateContent`, {
      method: 'POST',
      body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }),
    });
    const chunks = (await response.json()) as GenerateContentResponse[];
    const text = chunks
      .flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
      .map((part) => part.text)
      .join('');
    expect(text).toBe('A long answer in several pieces');
    expect(response.headers.get('content-type')).toMatch('application/json');
  });
});

describe('a conversation', () => {
  const call = { functionCall: { name: 'weather', args: { city: 'Oslo' } } };
  const inlineData = { mimeType: 'image/png', data: 'AA==' };

  test('reaches the script in words that no dialect owns', async () => {
    await using model = await start([{ text: 'ok' }]);
    await model.client.models.generateContent({
      model: 'vendor/m1',
      config: { systemInstruction: 'Be brief.' },
      contents: [
        { role: 'user', parts: [{ text: 'Look' }, { inlineData }] },
        { role: 'model', parts: [{ text: 'Hm', thought: true }, { text: 'Looking.' }, call] },
        { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: 'cold' }, parts: [{ inlineData }] } }] },
      ],
    });
    expect(model.server.requests[0]).toMatchObject({ dialect: 'gemini', model: 'vendor/m1', system: 'Be brief.' });
    expect(model.server.requests[0]?.headers['x-goog-api-key']).toBe('k');
    expect(model.server.requests[0]?.messages).toEqual([
      { role: 'user', text: 'Look', images: 1 },
      { role: 'assistant', text: 'Looking.', toolCalls: [{ id: 'weather', name: 'weather', arguments: { city: 'Oslo' } }] },
      {
        role: 'tool',
        text: '{"output":"cold"}',
        toolResults: [{ callId: 'weather', name: 'weather', text: '{"output":"cold"}', images: 1 }],
      },
    ]);
  });

  test('with a call that has no response is refused', async () => {
    await using model = await start([{ text: 'never sent' }]);
    const said = (text: string): object => ({ role: 'user', parts: [{ text }] });
    const contents = [said('Hi'), { role: 'model', parts: [call] }, said('Well?')];
    const asked = model.client.models.generateContent({ model: 'm1', contents });
    await expect(asked).rejects.toMatchObject({ status: 400, message: expect.stringMatching(/INVALID_ARGUMENT/) });
  });
});
