import { once } from 'node:events';
import { connect } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { tempDir } from 'hud/testing';
import { describe, expect, test, vi } from 'vitest';
import { createKey } from '../src/storage/accounts/keys.ts';
import { platformBefore, rawServer, type GatewayFixture, type RawServer } from './gateway.fixtures.ts';

const BODY = JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: 'Hello' }] });

interface Reply {
  status: number;
  headers: Headers;
  body: { error?: { message?: string; type?: string; code?: unknown } };
}

async function chat({ url }: GatewayFixture, headers: Record<string, string>, body: string | Buffer = BODY): Promise<Reply> {
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Reply['body'] };
}

async function opened(settings?: Record<string, string>): Promise<{ raw: RawServer; gateway: GatewayFixture } & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const raw = stack.use(
    await rawServer((response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"x"}')),
  );
  const gateway = stack.use(await platformBefore(raw, settings));
  return { raw, gateway, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

/** Of the runs table, once the background has written. */
async function runs(
  { platform }: GatewayFixture,
  count: number,
): Promise<{ trace_id: string; alias: string | null; model: string | null }[]> {
  const read = async () =>
    await platform.context.db.selectFrom('runs').select(['trace_id', 'alias', 'model']).orderBy('trace_id').execute();
  await vi.waitFor(async () => expect((await read()).length).toBeGreaterThanOrEqual(count), { timeout: 10_000 });
  return await read();
}

describe('keys', () => {
  test.each(['authorization', 'x-api-key', 'x-goog-api-key'])('a key may come as %s', async (name) => {
    await using both = await opened();
    const { key } = both.gateway;
    expect(await chat(both.gateway, { [name]: name === 'authorization' ? `Bearer ${key}` : key })).toMatchObject({ status: 200 });
  });

  test('no key at all is told apart from a wrong one, and neither is tried again', async () => {
    await using both = await opened();
    const none = await chat(both.gateway, {});
    expect(none).toMatchObject({
      status: 401,
      body: { error: { message: expect.stringContaining('no API key') as string, code: 'invalid_api_key' } },
    });
    expect(none.headers.get('x-should-retry')).toBe('false');
    expect(await chat(both.gateway, { authorization: 'Bearer sk-hud-x' })).toMatchObject({
      status: 401,
      body: { error: { message: expect.stringContaining('unknown') as string } },
    });
    expect(both.raw.seen).toEqual([]);
  });

  test("a key without the scope 'gateway' is refused", async () => {
    await using both = await opened();
    const { db } = both.gateway.platform.context;
    const member = await db.selectFrom('members').select(['team_id', 'user_id']).executeTakeFirstOrThrow();
    const { secret } = await createKey(db, { teamId: member.team_id, userId: member.user_id, name: 'reader', scopes: ['read'] });
    expect(await chat(both.gateway, { authorization: `Bearer ${secret}` })).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining("'gateway'") as string } },
    });
    expect(both.raw.seen).toEqual([]);
  });
});

describe('whose run it is', () => {
  test('a Trace-Id makes the run known, in whatever form it comes; an empty one names none', async () => {
    await using both = await opened();
    const auth = { authorization: `Bearer ${both.gateway.key}` };
    const hex = '0123456789abcdef0123456789abcdef';
    for (const id of ['', ' ', '01234567-89AB-cdef-0123-456789abcdef', hex, 'not-hex'])
      await chat(both.gateway, { ...auth, 'trace-id': id });
    const known = await runs(both.gateway, 2);
    expect(known).toHaveLength(2);
    expect(known).toContainEqual({ trace_id: hex, alias: expect.anything() as string, model: 'gpt-5' });
    expect(known.map(({ alias }) => alias)).toContain('not-hex');
  });

  test('calls are counted for the run, by Trace-Id or by traceparent, which makes no run', async () => {
    await using both = await opened();
    const { key, platform } = both.gateway;
    const [one, two] = ['1'.repeat(32), '2'.repeat(32)];
    await chat(both.gateway, { authorization: `Bearer ${key}`, 'trace-id': one, traceparent: `00-${two}-${'3'.repeat(16)}-01` });
    await chat(both.gateway, { authorization: `Bearer ${key}`, traceparent: `00-${two}-${'3'.repeat(16)}-01` });
    expect((await runs(both.gateway, 1)).map(({ trace_id: id }) => id)).toEqual([one]);
    const counted = async () => await platform.context.db.selectFrom('model_calls').select('trace_id').orderBy('trace_id').execute();
    await vi.waitFor(async () => expect((await counted()).map(({ trace_id: id }) => id)).toEqual([one, two]), { timeout: 10_000 });
  });
});

describe('what can not be served', () => {
  test('an unknown model is a 404 that names near ones', async () => {
    await using both = await opened();
    const { chat: client } = new OpenAI({ apiKey: both.gateway.key, baseURL: both.gateway.url, maxRetries: 0 });
    const asked = client.completions.create({ model: 'gpt5', messages: [] });
    await expect(asked).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    await expect(asked).rejects.toThrow(/gpt-5/);
    const { messages } = new Anthropic({ apiKey: both.gateway.key, baseURL: both.gateway.url, maxRetries: 0 });
    await expect(messages.create({ model: 'cluade', max_tokens: 1, messages: [] })).rejects.toMatchObject({
      status: 404,
      error: { error: { type: 'not_found_error' } },
    });
  });

  test.each(['', 'null', '{"messages":[]}', '{"model":7}', '{"model":"gpt-5","model":"o3"}', '{"model":"gpt-5"'])(
    'the body %s is a 400',
    async (body) => {
      await using both = await opened();
      expect(await chat(both.gateway, { authorization: `Bearer ${both.gateway.key}` }, body)).toMatchObject({
        status: 400,
        body: { error: { type: 'invalid_request_error' } },
      });
      expect(both.raw.seen).toEqual([]);
    },
  );

  test('a body over the limit is a 413, announced or not', async () => {
    await using both = await opened({ HUD_PLATFORM_MAX_UPLOAD_MB: '0.01' });
    const large = JSON.stringify({ model: 'gpt-5', pad: 'x'.repeat(20_000) });
    expect(await chat(both.gateway, { authorization: `Bearer ${both.gateway.key}` }, large)).toMatchObject({
      status: 413,
      body: { error: { code: 'request_too_large' } },
    });
    const { port } = new URL(both.gateway.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /gateway/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${both.gateway.key}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    socket.write(`${large.length.toString(16)}\r\n${large}\r\n`);
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.toString()).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
    expect(both.raw.seen).toEqual([]);
  });

  test('a server that redirects is not followed: the address in the settings is wrong', async () => {
    await using raw = await rawServer((response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end());
    await using gateway = await platformBefore(raw);
    expect(await chat(gateway, { authorization: `Bearer ${gateway.key}` })).toMatchObject({
      status: 502,
      body: { error: { message: expect.stringContaining('redirects') as string } },
    });
  });

  test('nothing below /gateway falls through to pages', async () => {
    await using both = await opened();
    const response = await fetch(`${both.gateway.url}/nothing`);
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: expect.objectContaining({ message: expect.stringContaining('/nothing') as string }) as object },
    ]);
  });
});

test("models are listed in the shape of each vendor's SDK, those of the file too", async () => {
  await using folder = await tempDir();
  const path = join(folder.path, 'upstreams.json');
  await writeFile(
    path,
    JSON.stringify({
      upstreams: [{ name: 'own', base_url: 'http://127.0.0.1:1/v1' }],
      models: [{ model_name: 'org/own', upstream: 'own' }],
    }),
  );
  await using both = await opened({ HUD_PLATFORM_UPSTREAMS: path });
  const { key, url } = both.gateway;
  const openai = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
  expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['org/own', 'gpt-5', 'claude-haiku-4-5', 'gemini-2.5-pro']),
  );
  expect(await openai.models.retrieve('org/own')).toMatchObject({ id: 'org/own', owned_by: 'own' });
  await expect(openai.models.retrieve('nobody')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  const anthropic = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
  expect((await anthropic.models.list()).data).toContainEqual(
    expect.objectContaining({ id: 'claude-haiku-4-5', display_name: 'Claude Haiku 4.5' }),
  );
  const gemini = (await (await fetch(`${url}/v1beta/models?key=${key}`)).json()) as { models: { name: string }[] };
  expect(gemini.models.map(({ name }) => name)).toContain('models/gemini-2.5-pro');
});

test("the vendors' paths answer at the root as well, and leave the rest of it alone", async () => {
  await using both = await opened();
  const { platform, key } = both.gateway;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const asked = await fetch(`${platform.url}/v1/chat/completions`, { method: 'POST', headers, body: BODY });
  expect([asked.status, await asked.text()]).toEqual([200, '{"object":"x"}']);
  const train = await fetch(`${platform.url}/v1/models/abc/train/status`, { headers });
  expect(await train.json()).toHaveProperty('detail');
});
