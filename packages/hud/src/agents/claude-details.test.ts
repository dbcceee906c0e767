/** What Claude's API has and others have not: documents, citations, tools at the vendor's, turns that pause. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { HELLO, IMAGE, talk, WEATHER } from '../../test/vendors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { claudeAdapter } from './claude.ts';
import { textResult } from './tools/tool.ts';

const CALL = { name: 'weather', arguments: { city: 'Oslo' } };
const PDF = { type: 'resource', resource: { uri: 'file:///a.pdf', mimeType: 'application/pdf', blob: 'JVBERg==' } };
const sent = (body: JsonObject, index: number): JsonObject[] => (body.messages as { content: JsonObject[] }[])[index]?.content ?? [];

test('results carry text, images and PDFs; of other kinds their name or address', async () => {
  await using model = await talk('claude', [{ toolCalls: [CALL] }, {}]);
  const [call] = (await model.ask()).toolCalls ?? [];
  const content = [
    { type: 'text', text: 'hi' },
    IMAGE,
    PDF,
    { type: 'resource', resource: { uri: 'a:b', text: 'inside' } },
    { type: 'resource_link', uri: 'https://a.example' },
    { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' },
    { type: 'image', data: 'AAAA', mimeType: 'image/tiff' },
  ];
  model.conversation.addResults([{ call: call!, result: { content, isError: true } }]);
  await model.ask();
  expect(sent(model.body(1), 2)).toMatchObject([
    {
      type: 'tool_result',
      is_error: true,
      content: [
        { type: 'text', text: 'hi' },
        { type: 'image', source: { media_type: 'image/png' } },
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' } },
        { type: 'text', text: 'inside' },
        { type: 'text', text: '(resource_link: https://a.example)' },
        { type: 'text', text: '(audio)' },
        { type: 'text', text: '(image)' },
      ],
    },
  ]);
});

test('with citations on, texts and PDFs of results come once more as documents that can be cited', async () => {
  await using model = await talk('claude', [{ toolCalls: [CALL] }, {}], { citationsEnabled: true });
  const [call] = (await model.ask()).toolCalls ?? [];
  model.conversation.addResults([
    { call: call!, result: { content: [{ type: 'text', text: 'rain' }, IMAGE, PDF, { type: 'text', text: '' }], isError: false } },
  ]);
  await model.ask();
  const citable = { title: 'weather', citations: { enabled: true } };
  expect(sent(model.body(1), 3)).toEqual([
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'rain' }, ...citable },
    {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' },
      ...citable,
      cache_control: { type: 'ephemeral' },
    },
  ]);
});

test('a failed result, and citations that were not asked for, add no documents', async () => {
  await using model = await talk('claude', [{ toolCalls: [CALL] }, {}], { citationsEnabled: true });
  const [call] = (await model.ask()).toolCalls ?? [];
  model.conversation.addResults([{ call: call!, result: textResult('broken', true) }]);
  await model.ask();
  expect(model.body(1).messages).toHaveLength(3);
});

const SEARCH = { type: 'web_search_20250305', name: 'web_search', max_uses: 3 };
const FIND = { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' };
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ ...WEATHER, name: `weather_${i}` }));

test('tools at the vendor are declared as they were given, behind the functions', async () => {
  await using model = await talk('claude', [{}], { hostedTools: [SEARCH, FIND] });
  await model.ask();
  expect(model.body(0).tools).toMatchObject([{ name: 'weather', eager_input_streaming: true }, SEARCH]);
  expect(JSON.stringify(model.body(0))).not.toContain('defer_loading');
});

test.each([
  ['claude', FIND],
  ['openai', { type: 'tool_search' }],
])('%s is told of more than ten functions only when it searches for them', async (vendor, find) => {
  await using model = await talk(vendor, [{}], { hostedTools: [find] }, { tools: many(11) });
  await model.ask();
  const tools = model.body(0).tools as JsonObject[];
  expect(tools).toHaveLength(12);
  expect(tools.slice(0, 11).every((tool) => tool.defer_loading === true)).toBe(true);
  expect(tools[11]).toEqual(find);
});

test.each(['openai'])('%s is told of ten functions without a search', async (vendor) => {
  const code = { type: 'code_interpreter', container: { type: 'auto' } };
  await using model = await talk(vendor, [{}], { hostedTools: [{ type: 'tool_search' }, code] }, { tools: many(10) });
  await model.ask();
  expect((model.body(0).tools as JsonObject[]).slice(10)).toEqual([code]);
});

test('a turn that paused for a tool at the vendor is continued, and counts as one', async () => {
  const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 2, cache_creation_input_tokens: 1 };
  const message = (content: JsonObject[], stop_reason: string): JsonObject => ({
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'm-1',
    content,
    stop_reason,
    usage,
  });
  const search = { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'x' } };
  const replies = [
    message([{ type: 'text', text: 'Looking. ', citations: null }, search], 'pause_turn'),
    message([{ type: 'text', text: 'Found.', citations: null }], 'end_turn'),
  ];
  const bodies: JsonObject[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      bodies.push(JSON.parse(await text(request)) as JsonObject);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(replies[bodies.length - 1]));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const conversation = claudeAdapter({ apiKey: 'k', baseUrl, stream: false, hostedTools: [SEARCH] }).begin({
    messages: [HELLO],
    tools: [],
    systemPrompt: undefined,
  });
  const turn = await conversation.ask({ signal: new AbortController().signal, traceId: 'a'.repeat(32) });
  expect(turn).toMatchObject({
    content: 'Looking. Found.',
    done: true,
    finishReason: 'end_turn',
    usage: { promptTokens: 26, completionTokens: 10, cachedTokens: 4, llmCallCount: 2 },
  });
  expect(bodies.map(({ messages }) => (messages as { role: string }[]).map(({ role }) => role))).toEqual([['user'], ['user', 'assistant']]);
  expect(JSON.stringify(bodies[1])).toContain('server_tool_use');
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
