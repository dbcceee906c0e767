/** What calls cost, and what they may cost, through a real platform before a scripted model. */
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scriptedModel, tempDir } from 'hud/testing';
import { PlatformClient } from '../../hud/src/api-client/index.ts';
import { api } from 'hud/protocol';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { platformBefore, rawServer, type GatewayFixture } from './gateway.fixtures.ts';

const TRACE = 'a'.repeat(32);
const JOB = 'b'.repeat(32);
const USAGE = { promptTokens: 1_000, completionTokens: 100 };
const messages = [{ role: 'user' as const, content: 'Hello' }];

const clientOf = ({ platform, key }: GatewayFixture): PlatformClient => new PlatformClient({ baseUrl: platform.url, apiKey: key });
const openai = ({ url, key }: GatewayFixture, headers: Record<string, string> = {}): OpenAI =>
  new OpenAI({ apiKey: key, baseURL: url, maxRetries: 0, defaultHeaders: headers });
const ask = async (gateway: GatewayFixture, model = 'priced', headers: Record<string, string> = {}): Promise<unknown> =>
  await openai(gateway, headers).chat.completions.create({ model, messages, max_completion_tokens: 1_000 });

/** A platform with a model of 1 USD for a million tokens in, 10 for a million out; another without a price. */
async function pricedPlatform(turn: object = { text: 'Hi', usage: USAGE }) {
  const folder = await tempDir();
  const models = await scriptedModel(() => turn);
  const file = join(folder.path, 'models.json');
  const row = { upstream: 'openai', sdk_agent_type: 'openai' };
  const list = [
    { ...row, model_name: 'priced', price: { input: 1, output: 10 } },
    { ...row, model_name: 'unpriced' },
  ];
  await writeFile(file, JSON.stringify({ models: list }));
  const gateway = await platformBefore(models, { HUD_PLATFORM_UPSTREAMS: file });
  return {
    ...gateway,
    models,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await models.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const COST = (1_000 * 1 + 100 * 10) / 1e6;

test('what a call took and cost is there by run, model, key and day, whatever the dialect', async () => {
  await using models = await scriptedModel(() => ({ text: 'Hi', usage: USAGE }));
  await using gateway = await platformBefore(models);
  const { url, key } = gateway;
  const headers = { 'Trace-Id': TRACE };
  const chat = openai(gateway, headers).chat.completions;
  await chat.create({ model: 'gpt-5', messages });
  for await (const _ of await chat.create({ model: 'gpt-5', messages, stream: true, stream_options: { include_usage: true } }));
  await openai(gateway, headers).responses.create({ model: 'gpt-5', input: 'Hello' });
  await openai(gateway, headers).responses.stream({ model: 'gpt-5', input: 'Hello' }).finalResponse();
  const anthropic = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0, defaultHeaders: headers });
  await anthropic.messages.create({ model: 'claude-haiku-4-5', max_tokens: 100, messages });
  await anthropic.messages.stream({ model: 'claude-haiku-4-5', max_tokens: 100, messages }).finalMessage();
  const genai = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, headers } });
  await genai.models.generateContent({ model: 'gemini-2.5-pro', contents: 'Hello' });
  for await (const _ of await genai.models.generateContentStream({ model: 'gemini-2.5-pro', contents: 'Hello' }));

  const client = clientOf(gateway);
  const { items, total } = await client.call(api.usage.traceCalls, { params: { id: TRACE } });
  expect(items.map(({ dialect }) => dialect)).toEqual([
    'openai-chat',
    'openai-chat',
    'openai-responses',
    'openai-responses',
    'anthropic',
    'anthropic',
    'gemini',
    'gemini',
  ]);
  for (const call of items)
    expect(call).toMatchObject({ status: 'ok', httpStatus: 200, promptTokens: 1_000, completionTokens: 100, tries: 1 });
  for (const { costUsd, firstByteMs, latencyMs } of items) {
    expect(costUsd).toBeGreaterThan(0);
    expect(latencyMs).toBeGreaterThanOrEqual(Math.floor(firstByteMs ?? Infinity));
  }
  expect(total).toMatchObject({ calls: 8, failed: 0, promptTokens: 8_000, completionTokens: 800, unknownCost: 0 });
  expect(total.costUsd).toBeCloseTo(
    items.reduce((sum, { costUsd }) => sum + (costUsd ?? NaN), 0),
    10,
  );
  for (const groupBy of api.usage.GROUPS) {
    const usage = await client.call(api.usage.usage, { query: { groupBy } });
    expect(usage.total).toEqual(total);
    expect(usage.items.reduce((sum, { calls }) => sum + calls, 0)).toBe(8);
    expect(usage.isTruncated).toBe(false);
  }
  const byModel = await client.call(api.usage.usage, { query: { groupBy: 'model', limit: 2 } });
  expect(byModel.items).toHaveLength(2);
  expect(byModel.isTruncated).toBe(true);
  const later = await client.call(api.usage.usage, { query: { since: '2999-01-01' } });
  expect(later.total).toMatchObject({ calls: 0, costUsd: null });
});

test('the list of calls goes on where its page ended', async () => {
  await using gateway = await pricedPlatform();
  for (let n = 0; n < 5; n++) await ask(gateway, 'priced', { 'Trace-Id': TRACE });
  const client = clientOf(gateway);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof client.call<typeof api.usage.traceCalls>>> = await client.call(api.usage.traceCalls, {
      params: { id: TRACE },
      query: { limit: 2, ...(cursor === null ? {} : { cursor }) },
    });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  expect(new Set(seen).size).toBe(5);
  expect(seen).toHaveLength(5);
});

test('a price that nobody knows makes an unknown cost, never none', async () => {
  await using gateway = await pricedPlatform();
  await ask(gateway, 'unpriced');
  await ask(gateway, 'priced');
  const { items, total } = await clientOf(gateway).call(api.usage.usage, { query: { groupBy: 'model' } });
  expect(items.find(({ key }) => key === 'unpriced')).toMatchObject({ calls: 1, costUsd: null, unknownCost: 1, promptTokens: 1_000 });
  expect(total.costUsd).toBeCloseTo(COST, 12);
  expect(total.unknownCost).toBe(1);
});

test('what an upstream refuses costs nothing and counts as failed', async () => {
  await using gateway = await pricedPlatform({ fault: { status: 500 } });
  await expect(ask(gateway)).rejects.toMatchObject({ status: 500 });
  const { total } = await clientOf(gateway).call(api.usage.usage, {});
  expect(total).toMatchObject({ calls: 1, failed: 1, costUsd: 0, unknownCost: 0 });
});

test('tries with one idempotency key are one call, and all that they took counts', async () => {
  await using gateway = await pricedPlatform();
  const headers = { 'Idempotency-Key': 'once', 'Trace-Id': TRACE };
  await ask(gateway, 'priced', headers);
  await clientOf(gateway).call(api.usage.usage, {}); // written by now: the second try meets the first on disk
  await ask(gateway, 'priced', headers);
  const { items, total } = await clientOf(gateway).call(api.usage.traceCalls, { params: { id: TRACE } });
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({ tries: 2, promptTokens: 2_000 });
  expect(total.costUsd).toBeCloseTo(2 * COST, 12);
});

test('a call that its caller breaks off is in the accounts as that, at an unknown cost', async () => {
  await using server = await rawServer((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n');
  });
  await using gateway = await platformBefore(server);
  const abort = new AbortController();
  const stream = await openai(gateway, { 'Trace-Id': TRACE }).chat.completions.create(
    { model: 'gpt-5', messages, stream: true },
    { signal: abort.signal },
  );
  for await (const _ of stream) abort.abort();
  const client = clientOf(gateway);
  await expect
    .poll(async () => await client.call(api.usage.usage, {}), { timeout: 10_000 })
    .toMatchObject({ total: { calls: 1, failed: 1, costUsd: null, unknownCost: 1 } });
  const { items } = await client.call(api.usage.traceCalls, { params: { id: TRACE } });
  expect(items[0]).toMatchObject({ status: 'aborted', promptTokens: null });
});

test('a budget refuses the call that may exceed it, in the shape of its dialect, and says who can raise it', async () => {
  await using models = await scriptedModel(() => ({ text: 'Hi', usage: USAGE }));
  await using gateway = await platformBefore(models);
  const client = clientOf(gateway);
  const set = await client.call(api.usage.setBudget, { body: { scope: 'team', limitUsd: 0.000_001 } });
  expect(set).toEqual({
    scope: 'team',
    id: '',
    period: 'total',
    limitUsd: 0.000_001,
    allowUnknownPrice: false,
    spentUsd: 0,
    reservedUsd: 0,
  });
  const { url, key } = gateway;
  const text =
    /^The budget of the team does not cover this call: \$0 of \$0\.000001 spent\. A call like this may cost up to \$0\.\d+.*PUT \/v2\/budgets/;
  const anthropic = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
  const genai = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
  await expect(openai(gateway).chat.completions.create({ model: 'gpt-5', messages })).rejects.toMatchObject({
    status: 402,
    error: { message: expect.stringMatching(text) as string, code: 'insufficient_quota' },
  });
  await expect(openai(gateway).responses.create({ model: 'gpt-5', input: 'x' })).rejects.toMatchObject({ status: 402 });
  await expect(anthropic.messages.create({ model: 'claude-haiku-4-5', max_tokens: 10, messages })).rejects.toMatchObject({
    status: 402,
    error: { type: 'error', error: { type: 'billing_error', message: expect.stringMatching(text) as string } },
  });
  const refused = genai.models.generateContent({ model: 'gemini-2.5-pro', contents: 'x' });
  await expect(refused).rejects.toMatchObject({ status: 402, message: expect.stringContaining('RESOURCE_EXHAUSTED') as string });
  expect(models.requests).toHaveLength(0);
  await client.call(api.usage.setBudget, { body: { scope: 'team', limitUsd: 5 } });
  await openai(gateway).chat.completions.create({ model: 'gpt-5', messages });
  expect(await client.call(api.usage.removeBudget, { query: { scope: 'team' } })).toEqual({ isRemoved: true });
  expect(await client.call(api.usage.removeBudget, { query: { scope: 'team' } })).toEqual({ isRemoved: false });
  expect(await client.call(api.usage.budgets, {})).toEqual({ items: [] });
});

test.each(['run', 'job', 'key', 'team'] as const)('calls at once never spend more than the budget of a %s', async (scope) => {
  await using gateway = await pricedPlatform({ text: 'Hi', usage: { promptTokens: 0, completionTokens: 1_000 } });
  const client = clientOf(gateway);
  const { teamId, keyId } = (await gateway.platform.context.authority.byKey(gateway.key)) ?? {};
  await recordRun(gateway, teamId ?? '', JOB);
  const id = { run: TRACE, job: JOB, key: keyId, team: undefined }[scope];
  // Each may cost a little more than 0.01: 1000 tokens of reply and its prompt.
  await client.call(api.usage.setBudget, { body: { scope, id, limitUsd: 0.055 } });
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, async () => await ask(gateway, 'priced', { 'Trace-Id': TRACE })));
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  for (const outcome of refused) expect(outcome).toMatchObject({ reason: { status: 402 } });
  expect(gateway.models.requests).toHaveLength(40 - refused.length);
  expect(gateway.models.requests.length).toBeGreaterThanOrEqual(4);
  const [budget] = (await client.call(api.usage.budgets, {})).items;
  expect(budget).toMatchObject({ reservedUsd: 0 });
  expect(budget?.spentUsd).toBeCloseTo(0.01 * (40 - refused.length), 10);
  expect(budget?.spentUsd).toBeLessThanOrEqual(0.055);
});

async function recordRun({ platform }: GatewayFixture, teamId: string, jobId: string): Promise<void> {
  const { db, now } = platform.context;
  const job = { id: jobId, name: 'j', group: 1, status: 'running', created_at: now(), config: '{}', team_id: teamId };
  await db.insertInto('jobs').values(job).execute();
  const run = { trace_id: TRACE, job_id: jobId, slug: 's', task_id: 't', repeat: 0, attempt: 1, started_at: now(), team_id: teamId };
  await db
    .insertInto('runs')
    .values(run)
    .onConflict((conflict) => conflict.column('trace_id').doUpdateSet({ job_id: jobId }))
    .execute();
}

test('calls that a run made before its job was known count for the job', async () => {
  await using gateway = await pricedPlatform();
  const client = clientOf(gateway);
  const { teamId = '' } = (await gateway.platform.context.authority.byKey(gateway.key)) ?? {};
  for (let n = 0; n < 3; n++) await ask(gateway, 'priced', { 'Trace-Id': TRACE });
  await recordRun(gateway, teamId, JOB);
  await client.call(api.usage.setBudget, { body: { scope: 'job', id: JOB, limitUsd: 3 * COST + 0.001 } });
  await expect(ask(gateway, 'priced', { 'Trace-Id': TRACE })).rejects.toThrow(`The budget of the job ${JOB} does not cover`);
  await client.call(api.usage.setBudget, { body: { scope: 'job', id: JOB, limitUsd: 1 } });
  await ask(gateway, 'priced', { 'Trace-Id': TRACE });
  const { items } = await client.call(api.usage.budgets, {});
  expect(items[0]?.spentUsd).toBeCloseTo(4 * COST, 10);
  const byJob = await client.call(api.usage.usage, { query: { groupBy: 'job' } });
  expect(byJob.items).toMatchObject([{ key: JOB, calls: 4 }]);
});

test('under a budget a model without a price is refused, unless the budget allows it', async () => {
  await using gateway = await pricedPlatform();
  const client = clientOf(gateway);
  await client.call(api.usage.setBudget, { body: { scope: 'team', period: 'day', limitUsd: 1 } });
  await expect(ask(gateway, 'unpriced')).rejects.toThrow(
    "The budget of the team for today (UTC) can't be kept: the price of this model is unknown",
  );
  await client.call(api.usage.setBudget, { body: { scope: 'team', period: 'day', limitUsd: 1, allowUnknownPrice: true } });
  await ask(gateway, 'unpriced');
});

test.each([
  { body: { scope: 'job' as const, limitUsd: 1 }, message: 'needs the job' },
  { body: { scope: 'run' as const, id: 'xyz', limitUsd: 1 }, message: '32 hex digits' },
  { body: { scope: 'job' as const, id: 'f'.repeat(32), limitUsd: 1 }, message: 'There is no job' },
  { body: { scope: 'key' as const, id: 'nobody', limitUsd: 1 }, message: 'There is no key' },
])('a budget for what is not there is refused: $body.scope $body.id', async ({ body, message }) => {
  await using models = await scriptedModel([]);
  await using gateway = await platformBefore(models);
  await expect(clientOf(gateway).call(api.usage.setBudget, { body })).rejects.toThrow(message);
});
