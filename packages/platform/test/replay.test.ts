/** Runs are recorded as they happen, and replayed with no upstream: the vendors' SDKs get byte for byte what they got. */
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { PlatformClient } from '../../hud/src/api-client/index.ts';
import { api } from 'hud/protocol';
import { scriptedModel, type ModelScript } from 'hud/testing';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { platformBefore, rawServer, type GatewayFixture } from './gateway.fixtures.ts';

const THEN = '1'.repeat(32);
const NOW = '2'.repeat(32);
const messages = [{ role: 'user' as const, content: 'Hello' }];

type Fetch = typeof globalThis.fetch;

/** What one conversation got, as its SDK understood it and as bytes. */
interface Heard {
  values: unknown[];
  bodies: string[];
  statuses: number[];
}

interface Talk {
  name: string;
  /** Two calls, of which the second goes on from the first. */
  talk: (gateway: GatewayFixture, headers: Record<string, string>, fetch: Fetch) => Promise<unknown[]>;
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const TALKS: Talk[] = [
  {
    name: 'OpenAI chat',
    talk: async ({ url, key }, defaultHeaders, fetch) => {
      const { chat } = new OpenAI({ apiKey: key, baseURL: url, maxRetries: 0, defaultHeaders, fetch });
      const first = await chat.completions.create({ model: 'gpt-5', messages, user: defaultHeaders['Trace-Id'] ?? '' });
      const said = first.choices[0]?.message.content ?? '';
      const history = [...messages, { role: 'assistant' as const, content: said }, ...messages];
      return [first, await chat.completions.create({ model: 'gpt-5', messages: history })];
    },
  },
  {
    name: 'streamed OpenAI chat',
    talk: async ({ url, key }, defaultHeaders, fetch) => {
      const { chat } = new OpenAI({ apiKey: key, baseURL: url, maxRetries: 0, defaultHeaders, fetch });
      const ask = async () =>
        await all(await chat.completions.create({ model: 'gpt-5', messages, stream: true, stream_options: { include_usage: true } }));
      return [await ask(), await ask()];
    },
  },
  {
    name: 'OpenAI Responses',
    talk: async ({ url, key }, defaultHeaders, fetch) => {
      const { responses } = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0, defaultHeaders, fetch });
      const first = await responses.create({ model: 'gpt-5', input: 'Hello' });
      return [first, await all(await responses.create({ model: 'gpt-5', input: 'Go on', previous_response_id: first.id, stream: true }))];
    },
  },
  {
    name: 'Anthropic',
    talk: async ({ url, key }, defaultHeaders, fetch) => {
      const client = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0, defaultHeaders, fetch });
      const body = { model: 'claude-haiku-4-5', max_tokens: 100, messages, metadata: { user_id: defaultHeaders['Trace-Id'] ?? '' } };
      return [await client.messages.create(body), await all(await client.messages.create({ ...body, stream: true }))];
    },
  },
  {
    name: 'Gemini',
    talk: async ({ url, key }, headers, fetch) => {
      const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, headers, fetch } });
      const first = await models.generateContent({ model: 'gemini-2.5-pro', contents: 'Hello' });
      const rest = await all(await models.generateContentStream({ model: 'gemini-2.5-pro', contents: 'Hello' }));
      return [first.text, rest.map(({ text }) => text)];
    },
  },
];

/** Runs a conversation, and reads along what comes over the wire. */
async function hear({ talk }: Talk, gateway: GatewayFixture, headers: Record<string, string>): Promise<Heard> {
  const copies: Promise<string>[] = [];
  const statuses: number[] = [];
  const listening: Fetch = async (input, init) => {
    const response = await fetch(input, init);
    statuses.push(response.status);
    copies.push(response.clone().text());
    return response;
  };
  const values = await talk(gateway, headers, listening);
  return { values, bodies: await Promise.all(copies), statuses };
}

/** Different at every call, so that the wrong one of two replies is seen. */
const talkative: ModelScript = ({ index }) => ({
  text: `Answer ${index}, with enough words that a stream of it has many events. ünïcode 日本語`,
});

const clientOf = ({ platform, key }: GatewayFixture): PlatformClient => new PlatformClient({ baseUrl: platform.url, apiKey: key });

describe.each(TALKS)('$name', (talk) => {
  test('recorded, then replayed with the server off: byte-identical, in order, at no cost', async () => {
    const models = await scriptedModel(talkative);
    await using gateway = await platformBefore(models);
    const then = await hear(talk, gateway, { 'Trace-Id': THEN });
    await models.close();
    const now = await hear(talk, gateway, { 'Trace-Id': NOW, 'Hud-Replay': THEN });
    expect(now).toEqual(then);
    expect(now.bodies[0]).not.toBe(now.bodies[1]);
    const client = clientOf(gateway);
    await client.call(api.usage.setBudget, { body: { scope: 'team', limitUsd: 0 } });
    const again = await hear(talk, gateway, { 'Trace-Id': '3'.repeat(32), 'Hud-Replay': THEN });
    expect(again).toEqual(then);
    const { items, total } = await client.call(api.usage.traceCalls, { params: { id: NOW } });
    expect(items).toMatchObject([
      { status: 'replayed', costUsd: 0 },
      { status: 'replayed', costUsd: 0 },
    ]);
    expect(total).toMatchObject({ calls: 2, replayed: 2, costUsd: 0, unknownCost: 0 });
  });
});

const ask = async (gateway: GatewayFixture, headers: Record<string, string>, more: object = {}): Promise<unknown> =>
  await new OpenAI({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0, defaultHeaders: headers }).chat.completions.create({
    model: 'gpt-5',
    messages,
    ...more,
  });

async function recorded(calls: readonly object[]): Promise<GatewayFixture> {
  await using models = await scriptedModel(talkative);
  const gateway = await platformBefore(models);
  for (const more of calls) await ask(gateway, { 'Trace-Id': THEN }, more);
  return gateway;
}

const long = [...messages, { role: 'assistant' as const, content: 'Hi' }, ...messages];

test.each([
  {
    what: 'another text',
    more: { messages: [{ role: 'user', content: 'Bye' }] },
    says: 'Call 1 is not in the recording of trace 1{32}: `messages\\[0\\]` is not what it was',
  },
  { what: 'a turn more', more: { messages: long }, says: '`messages\\[1\\]` was not there' },
  { what: 'another setting', more: { temperature: 0.5 }, says: '`temperature` is not what it was' },
  { what: 'another model', more: { model: 'gpt-5-mini' }, says: 'it goes to openai-chat /chat/completions gpt-5-mini' },
])('$what is refused, and what differs is named', async ({ more, says }) => {
  await using gateway = await recorded([{}]);
  await expect(ask(gateway, { 'Trace-Id': NOW, 'Hud-Replay': THEN }, more)).rejects.toMatchObject({
    status: 409,
    error: { code: 'recording_differs', message: expect.stringMatching(says) as string },
  });
});

test('the order of members and names of users and caches make no difference', async () => {
  await using gateway = await recorded([{ temperature: 1, user: 'a', prompt_cache_key: 'x' }]);
  await ask(gateway, { 'Trace-Id': NOW, 'Hud-Replay': THEN }, { prompt_cache_key: 'y', user: 'b', temperature: 1 });
});

test('a request is answered as often as it was recorded, and no more', async () => {
  await using gateway = await recorded([{}, {}]);
  const headers = { 'Trace-Id': NOW, 'Hud-Replay': THEN };
  const replies = [await ask(gateway, headers), await ask(gateway, headers)];
  expect(replies).toMatchObject([
    { choices: [{ message: { content: expect.stringMatching(/^Answer 0/) as string } }] },
    { choices: [{ message: { content: expect.stringMatching(/^Answer 1/) as string } }] },
  ]);
  await expect(ask(gateway, headers)).rejects.toMatchObject({
    status: 409,
    error: { message: expect.stringContaining('it was asked only 2 times then') as string },
  });
});

test('a long reply is kept as a blob, a short one beside its call; both are replayed', async () => {
  const texts = ['short', 'x'.repeat(40_000)];
  const models = await scriptedModel(texts.map((text) => ({ text })));
  await using gateway = await platformBefore(models);
  for (const _ of texts) await ask(gateway, { 'Trace-Id': THEN });
  await models.close();
  for (const text of texts) {
    expect(await ask(gateway, { 'Trace-Id': NOW, 'Hud-Replay': THEN })).toMatchObject({ choices: [{ message: { content: text } }] });
  }
  const rows = await gateway.platform.context.db.selectFrom('recorded_calls').selectAll().orderBy('started_at').execute();
  expect(rows).toMatchObject([
    { reply: expect.any(String) as string, reply_blob: null },
    { reply: null, reply_blob: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
  ]);
});

test('errors of the upstream are replayed as they were', async () => {
  const models = await scriptedModel([{ fault: { status: 500 } }, { text: 'Now' }] as ModelScript);
  await using gateway = await platformBefore(models);
  await expect(ask(gateway, { 'Trace-Id': THEN })).rejects.toMatchObject({ status: 500 });
  await ask(gateway, { 'Trace-Id': THEN });
  await models.close();
  await expect(ask(gateway, { 'Trace-Id': NOW, 'Hud-Replay': THEN })).rejects.toMatchObject({ status: 500 });
  expect(await ask(gateway, { 'Trace-Id': NOW, 'Hud-Replay': THEN })).toMatchObject({ choices: [{ message: { content: 'Now' } }] });
});

test('of a trace that nobody recorded there is nothing to replay', async () => {
  await using gateway = await recorded([]);
  await expect(ask(gateway, { 'Hud-Replay': THEN })).rejects.toMatchObject({ status: 404, error: { code: 'recording_not_found' } });
});

test('what broke off is not recorded', async () => {
  await using server = await rawServer((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"choices":');
    setImmediate(() => response.destroy());
  });
  await using gateway = await platformBefore(server);
  await expect(ask(gateway, { 'Trace-Id': THEN })).rejects.toThrow();
  await expect(ask(gateway, { 'Hud-Replay': THEN })).rejects.toMatchObject({ status: 404 });
});

test('replies without a trace, or with recording off, are not kept', async () => {
  await using models = await scriptedModel(talkative);
  await using gateway = await platformBefore(models, { HUD_PLATFORM_RECORD_MODELS: 'none' });
  await ask(gateway, { 'Trace-Id': THEN });
  await using other = await platformBefore(models);
  await ask(other, {});
  for (const { platform } of [gateway, other]) {
    expect(await platform.context.db.selectFrom('recorded_calls').selectAll().execute()).toEqual([]);
  }
});

test("another team's recording is nobody's", async () => {
  await using gateway = await recorded([{}]);
  const { db } = gateway.platform.context;
  await expect.poll(async () => (await db.selectFrom('recorded_calls').selectAll().execute()).length, { timeout: 10_000 }).toBe(1);
  await db.updateTable('recorded_calls').set({ team_id: 'another' }).execute();
  await expect(ask(gateway, { 'Hud-Replay': THEN })).rejects.toMatchObject({ status: 404 });
});
