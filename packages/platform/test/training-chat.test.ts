/** Models of another machine that speak by their own files: tools, thoughts and tokens, as the vendors' client sees them. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newTeam, ownStorage, type OwnStorage } from './platform.fixtures.ts';
import { team } from './training.fixtures.ts';
import { readConfig } from '../src/config.ts';
import { startPlatform, type Platform } from '../src/server.ts';
import type { Tokenizer } from '../src/training/engine.ts';
import { openModelTokenizer } from '../src/training/text/model-tokenizer.ts';
import { tinkerServer, type TinkerServer } from '../src/training/tinker/tinker-server.fixtures.ts';

const MODEL = 'acme/chat-1';
let storage: OwnStorage;
let server: TinkerServer;
let platform: Platform;
let tokenizer: Tokenizer;
let key: string;
let client: OpenAI;

async function start(): Promise<Platform> {
  const tokenizers = join(storage.settings.HUD_PLATFORM_DIR ?? '', 'tokenizers');
  const settings = { HUD_TRAIN_ENGINE: 'tinker', HUD_TINKER_URL: server.url, HUD_TINKER_TOKENIZER: tokenizers };
  return await startPlatform(readConfig({ HUD_PLATFORM_PORT: '0', HUD_PLATFORM_LOG: 'silent', ...storage.settings, ...settings }), {
    version: '0.0.0',
  });
}

/** What the engine has, when it is asked next. */
const offer = (): void =>
  server.disturb('get_server_capabilities', {
    status: 200,
    body: { supported_models: [{ model_name: MODEL, max_context_length: 4096 }, { model_name: 'acme/unread' }] },
  });

beforeAll(async () => {
  storage = await ownStorage();
  const files = join(import.meta.dirname, 'chat-model');
  await cp(files, join(storage.settings.HUD_PLATFORM_DIR ?? '', 'tokenizers', MODEL), { recursive: true });
  tokenizer = await openModelTokenizer({ folder: files, model: MODEL, toolFormat: 'auto' });
  server = await tinkerServer(join(storage.settings.HUD_PLATFORM_DIR ?? '', 'remote'));
  offer();
  platform = await start();
  ({ key } = await newTeam(platform.context.db, 'first'));
  client = new OpenAI({ baseURL: `${platform.url}/gateway`, apiKey: key, maxRetries: 0 });
});

afterAll(async () => {
  await platform.close();
  await server[Symbol.asyncDispose]();
  await storage[Symbol.asyncDispose]();
});

/** Letter by letter, as no tokenizer would spell it. @returns its tokens, the end included */
function reply(text: string, stopReason: 'stop' | 'length' = 'stop'): number[] {
  const letters = tokenizer.encode(text).flatMap((token) => {
    const letter = tokenizer.decode([token]);
    return /^[\w ]+$/.test(letter) ? [...letter].flatMap((one) => tokenizer.encode(one)) : [token];
  });
  const tokens = [...letters, ...(stopReason === 'stop' ? tokenizer.stop[0]! : [])];
  const sequence = { tokens, logprobs: tokens.map((_token, i) => -0.1 - i / 100), stop_reason: stopReason };
  server.disturb('retrieve_future', { status: 200, body: { sequences: [sequence] } });
  return tokens;
}

interface Choice extends OpenAI.Chat.Completions.ChatCompletion.Choice {
  prompt_token_ids: number[];
  token_ids: number[];
}
type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const TOOLS: OpenAI.Chat.Completions.ChatCompletionTool[] = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } },
];
const ASKED: Message[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Rain in Zürich?' },
];
const CALLING = '<think>\nLook.\n</think>\n\nOne moment.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Zürich"}}\n</tool_call>';
const CALL = {
  id: expect.stringMatching(/^call_/) as string,
  type: 'function',
  function: { name: 'weather', arguments: '{"city": "Zürich"}' },
};

async function chat(messages: Message[], more: object = {}): Promise<Choice> {
  const asked = { model: MODEL, messages, tools: TOOLS, max_tokens: 300, logprobs: true, return_token_ids: true, ...more };
  return (await client.chat.completions.create({ ...asked, stream: false })).choices[0] as Choice;
}

test('GW1, GW2: calls and thoughts are read, and the next prompt goes on from the tokens of the turn, results and all', async () => {
  const tokens = reply(CALLING);
  const first = await chat(ASKED);
  expect(first.finish_reason).toBe('tool_calls');
  expect(first.message).toMatchObject({ content: 'One moment.', reasoning_content: 'Look.', tool_calls: [CALL] });
  expect(first.token_ids).toEqual(tokens);
  expect(first.logprobs?.content).toHaveLength(tokens.length);
  expect(tokenizer.decode(first.prompt_token_ids)).toContain('{"type": "function", "function": {"name": "weather"');
  expect(server.requests.findLast(({ path }) => path === 'asample')?.body).toMatchObject({
    base_model: MODEL,
    prompt: { chunks: [{ tokens: first.prompt_token_ids }] },
    sampling_params: { stop: tokenizer.stop.flat() },
  });

  const covered = [...first.prompt_token_ids, ...first.token_ids];
  const [call] = first.message.tool_calls ?? [];
  const result: Message = { role: 'tool', tool_call_id: call?.id ?? '', content: 'No.' };
  const { content, tool_calls } = first.message;
  const messages: Message[] = [...ASKED, { role: 'assistant', content, ...(tool_calls && { tool_calls }) }, result];
  reply('None.');
  const second = await chat(messages, { prompt_token_ids: covered, continuation_from: 2 });
  expect(second.prompt_token_ids.slice(0, covered.length)).toEqual(covered);
  const added = '\n<|im_start|>user\n<tool_response>\nNo.\n</tool_response><|im_end|>\n<|im_start|>assistant\n';
  expect(tokenizer.decode(second.prompt_token_ids.slice(covered.length))).toBe(added);
  expect(second.message).toMatchObject({ content: 'None.', tool_calls: null });
  reply('None.');
  const anew = await chat(messages, { prompt_token_ids: [...covered.slice(0, -9), 1], continuation_from: 2 });
  expect(anew.prompt_token_ids.slice(0, covered.length)).not.toEqual(covered);
});

test('a stream says the same in pieces: thoughts, words, each call when it is whole', async () => {
  const tokens = reply(`${CALLING}\n<tool_call>{"name": "weather", "arguments": {"city": }}</tool_call>`);
  const body = {
    model: MODEL,
    messages: ASKED,
    tools: TOOLS,
    max_tokens: 300,
    return_token_ids: true,
    stream_options: { include_usage: true },
  };
  const deltas: Record<string, unknown>[] = [];
  let last: object = {};
  for await (const { choices } of await client.chat.completions.create({ ...body, stream: true })) {
    if (choices[0] !== undefined) deltas.push({ ...choices[0].delta });
    last = choices[0] ?? last;
  }
  const joined = (name: string): string => deltas.map((delta) => (delta[name] as string | undefined) ?? '').join('');
  expect([joined('reasoning_content'), joined('content')]).toEqual(['Look.', 'One moment.']);
  expect(deltas.filter(({ content }) => content !== undefined).length).toBeGreaterThan(8);
  // GW8: what is no JSON goes on as it is.
  const broken = { ...CALL, function: { name: 'weather', arguments: '{"city": }' } };
  expect(deltas.flatMap(({ tool_calls: calls }) => calls ?? [])).toEqual([
    { index: 0, ...CALL },
    { index: 1, ...broken },
  ]);
  expect(last).toMatchObject({ finish_reason: 'tool_calls', token_ids: tokens });
});

test('a text ends a reply in whatever tokens it is spelled, and what came after is not told, trained on or counted', async () => {
  const tokens = reply('Yes, for an hour. Or two.');
  const cut = await chat(ASKED, { tools: undefined, stop: ' hour' });
  expect(cut).toMatchObject({ finish_reason: 'stop', message: { content: 'Yes, for an', tool_calls: null } });
  expect(cut.token_ids).toEqual(tokens.slice(0, cut.token_ids.length));
  expect(tokenizer.decode(cut.token_ids)).toBe('Yes, for an hour');
  reply('<tool_call>\n{"name": "wea', 'length');
  expect(await chat(ASKED)).toMatchObject({
    finish_reason: 'length',
    message: { content: '<tool_call>\n{"name": "wea', tool_calls: null },
  });
});

test('variables reach the template, rules of sampling the engine', async () => {
  reply('Hi');
  const { prompt_token_ids: prompt } = await chat(ASKED, {
    tool_choice: 'none',
    chat_template_kwargs: { enable_thinking: false },
    top_k: 5,
    max_completion_tokens: 7,
    max_tokens: undefined,
  });
  expect(tokenizer.decode(prompt)).toMatch(/^<\|im_start\|>system\nBe brief\.<\|im_end\|>[^]*assistant\n<think>\n\n<\/think>\n\n$/);
  expect(server.requests.findLast(({ path }) => path === 'asample')?.body.sampling_params).toMatchObject({ top_k: 5, max_tokens: 7 });
});

test.each([
  { what: { response_format: { type: 'json_object' } }, says: "'response_format' has no effect" },
  { what: { frequency_penalty: 0.5 }, says: "'frequency_penalty' has no effect" },
  { what: { tool_choice: 'required' }, says: "can't be forced" },
  { what: { messages: [{ role: 'judge', content: 'x' }] }, says: 'no role judge' },
  { what: { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }, says: "'image_url'" },
])('$says: told, not passed over', async ({ what, says }) => {
  await expect(chat(ASKED, what)).rejects.toMatchObject({ status: 400, message: expect.stringContaining(says) as string });
});

test('an engine that is not there at the start is asked again: calls say 503 until it has models', async () => {
  const own = team(platform, key);
  const model = await own.fork('mine', MODEL);
  await platform.close();
  server.disturb('get_server_capabilities', { status: 401, body: { detail: 'no' } });
  offer();
  platform = await start();
  client = new OpenAI({ baseURL: `${platform.url}/gateway`, apiKey: key, maxRetries: 0 });
  const early = await team(platform, key).call('POST', '/gateway/chat/completions', { model: model.name, messages: ASKED });
  expect([early.status, early.headers.get('retry-after'), early.text]).toEqual([503, '1', expect.stringContaining('HUD_TINKER_API_KEY')]);
  const listed = async (): Promise<string[]> => (await client.models.list()).data.map(({ id }) => id);
  await vi.waitFor(async () => expect(await listed()).toEqual(expect.arrayContaining([MODEL, 'mine'])), { timeout: 10_000, interval: 100 });
  expect(await listed()).not.toContain('acme/unread');
  reply('Back.');
  expect((await chat(ASKED, { model: 'mine' })).message.content).toBe('Back.');
});

test('the page shows what a model thinks, also where it is cut before it says anything', async () => {
  const { call, fork } = team(platform, key);
  const { id } = await fork('thinker', encodeURIComponent(MODEL));
  const ask = async () => (await call('POST', `/v2/models/${id}/samples`, { prompt: 'How many?' })).json;
  reply('<think>\nThere are two.\n</think>\n\nTwo.');
  expect(await ask()).toMatchObject({ reasoning: 'There are two.', text: 'Two.', finish_reason: 'stop' });
  reply('<think>\nThere', 'length');
  expect(await ask()).toMatchObject({ reasoning: 'There', text: '', finish_reason: 'length' });
});
