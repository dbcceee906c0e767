/** Models that the platform samples itself, through the gateway: tokens, hints, checkpoints, and runs that are trained on. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytes } from '../src/training/exact.fixtures.ts';
import { ADAM, batch, modelOf, trained, type Model, type Trained } from './training.fixtures.ts';

let on: Trained;
beforeAll(async () => {
  on = await trained();
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
});

interface Choice {
  finish_reason: string;
  message: { content: string };
  prompt_token_ids: number[];
  token_ids: number[];
  logprobs: { content: { token: string; logprob: number }[] };
}
interface Completion {
  model: string;
  choices: Choice[];
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

const ASK = { messages: [{ role: 'user', content: 'hé' }], max_tokens: 5, seed: 7, return_token_ids: true, logprobs: true };
const trace = (): string => randomUUID().replaceAll('-', '');

async function chat(body: object, headers: Record<string, string> = {}) {
  const { status, text, json, headers: told } = await on.call('POST', '/gateway/chat/completions', body, headers);
  expect(status, text).toBe(200);
  const reply = json as Completion;
  return { reply, choice: reply.choices[0] as Choice, checkpoint: told.get('x-hud-checkpoint') };
}

async function step(model: Model): Promise<string> {
  await model.train('forward-backward', { inputs: batch(1, 0), group_size: 2 });
  return ((await model.train('optim-step', ADAM)).json as { checkpoint_id: string }).checkpoint_id;
}

test('GW1: a reply has one log-probability for each of its tokens, and the prompt as it was rendered', async () => {
  const { reply, choice, checkpoint } = await chat({ model: 'bigram', ...ASK });
  expect(choice.token_ids).toHaveLength(5);
  expect(choice.logprobs.content).toHaveLength(5);
  expect(choice.logprobs.content.every(({ logprob }) => logprob < 0)).toBe(true);
  expect(choice.prompt_token_ids).toEqual(bytes.render(ASK.messages));
  expect(bytes.decode(choice.prompt_token_ids)).toBe('hé');
  expect(reply).toMatchObject({ model: 'bigram', usage: { prompt_tokens: 6, completion_tokens: 5, total_tokens: 11 } });
  expect([choice.finish_reason, checkpoint]).toEqual(['length', 'base']);
  const plain = (await chat({ model: 'bigram', messages: ASK.messages, max_tokens: 2 })).choice;
  expect(plain).toEqual({ index: 0, finish_reason: 'length', message: expect.any(Object) });
});

test('a stream says the same in pieces, and ends with the tokens', async () => {
  const whole = (await chat({ model: 'bigram', ...ASK, max_tokens: 40 })).choice;
  const body = { model: 'bigram', ...ASK, max_tokens: 40, stream: true, stream_options: { include_usage: true } };
  const { text, headers } = await on.call('POST', '/v1/chat/completions', body);
  expect(headers.get('content-type')).toContain('text/event-stream');
  const events = text
    .trim()
    .split('\n\n')
    .map((line) => line.replace(/^data: /, ''));
  expect(events.pop()).toBe('[DONE]');
  const chunks = events.map((event) => JSON.parse(event) as { choices: (Choice & { delta: { content?: string } })[]; usage?: object });
  expect(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join('')).toBe(whole.message.content);
  expect(chunks.at(-2)?.choices[0]).toMatchObject({ finish_reason: whole.finish_reason, token_ids: whole.token_ids });
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: whole.token_ids.length } });
});

test('GW2, GW3: a hint is gone on from exactly, counted with or without the system message; a wrong one is ignored', async () => {
  const system = { role: 'system', content: 'be' };
  const first = (await chat({ model: 'bigram', ...ASK, messages: [system, ...ASK.messages] })).choice;
  const covered = [...first.prompt_token_ids, ...first.token_ids];
  const messages = [system, ...ASK.messages, { role: 'assistant', content: first.message.content }, { role: 'user', content: 'on' }];
  const rendered = bytes.render(messages);
  for (const from of [2, 3]) {
    const { prompt_token_ids: prompt } = (
      await chat({ model: 'bigram', ...ASK, messages, prompt_token_ids: covered, continuation_from: from })
    ).choice;
    expect(prompt.slice(0, covered.length)).toEqual(covered);
    expect(prompt.slice(covered.length)).toEqual([260, 257, ...bytes.encode('on'), 260, 258]);
  }
  for (const wrong of [
    { prompt_token_ids: covered, continuation_from: 1 },
    { prompt_token_ids: covered, continuation_from: -9 },
    { prompt_token_ids: [1, 2], continuation_from: 2 },
    { prompt_token_ids: 'no', continuation_from: {} },
  ])
    expect((await chat({ model: 'bigram', ...ASK, messages, ...wrong })).choice.prompt_token_ids).toEqual(rendered);
});

test('GW4, CK4: each reply is of one checkpoint, the head unless another is named, also while it moves', async () => {
  const model = await on.fork('served');
  const first = await step(model);
  const old = await chat({ model: 'served', ...ASK, temperature: 0 });
  expect(old.checkpoint).toBe(first);
  const byCheckpoint = new Map<string | null, string>();
  const moves = { areOver: false };
  const asking = (async () => {
    for (let asked = 0; !moves.areOver || asked < 5; asked += 1) {
      const { choice, checkpoint } = await chat({ model: 'served', ...ASK, temperature: 0 });
      const said = JSON.stringify(choice);
      expect(byCheckpoint.get(checkpoint) ?? said).toBe(said);
      byCheckpoint.set(checkpoint, said);
    }
  })();
  const last = [await step(model), await step(model)].at(-1);
  moves.areOver = true;
  await asking;
  expect((await chat({ model: 'served', ...ASK })).checkpoint).toBe(last);
  expect(byCheckpoint.size).toBeGreaterThan(1);
  const [node] = await model.checkpoints();
  for (const pin of [node?.id, node?.name, node?.checkpoint_name]) {
    const pinned = await chat({ model: model.id, ...ASK, temperature: 0, checkpoint: pin });
    expect([pinned.checkpoint, pinned.choice]).toEqual([first, old.choice]);
  }
});

test('what it can not do is refused in the words of the dialect', async () => {
  await on.fork('refusing');
  const ask = async (body: object, call = on.call) =>
    await call('POST', '/gateway/chat/completions', { model: 'refusing', ...ASK, ...body });
  expect(await ask({ checkpoint: 'step-9' })).toMatchObject({
    status: 404,
    json: { error: { message: expect.stringContaining("'step-9'") } },
  });
  expect(await ask({ messages: [] })).toMatchObject({ status: 400, json: { error: { type: 'invalid_request_error' } } });
  expect(await ask({ messages: [{ role: 'user', content: 'x'.repeat(600) }] })).toMatchObject({ status: 400 });
  expect(await ask({ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] })).toMatchObject({ status: 400 });
  const tools = [{ type: 'function', function: { name: 'bash', parameters: {} } }];
  expect(await ask({ tools })).toMatchObject({ status: 400, json: { error: { message: expect.stringContaining("can't call tools") } } });
  expect(await ask({ tools, tool_choice: 'none' })).toMatchObject({ status: 200 });
  expect(await ask({}, on.other)).toMatchObject({ status: 404, json: { error: { code: 'model_not_found' } } });
  const anthropic = await on.call('POST', '/gateway/v1/messages', { model: 'refusing', messages: ASK.messages, max_tokens: 1 });
  expect(anthropic).toMatchObject({ status: 400, json: { type: 'error', error: { type: 'invalid_request_error' } } });
  const listed = (await on.call('GET', '/gateway/models')).json as { data: { id: string }[] };
  expect(listed.data.map(({ id }) => id)).toEqual(expect.arrayContaining(['bigram', 'refusing']));
  expect(JSON.stringify((await on.other('GET', '/gateway/models')).json)).not.toContain('refusing');
});

test('TR6: runs that were sampled here train by their ids as they do inline, and without a verdict not at all', async () => {
  const model = await on.fork('sampled');
  const [traces, inline] = [[trace(), trace()], [] as object[]];
  for (const [i, id] of traces.entries()) {
    const { choice } = await chat({ model: 'sampled', ...ASK, seed: 100 + i * 1_000 }, { 'trace-id': id });
    const { prompt_token_ids, token_ids, logprobs } = choice;
    const sample = { prompt_token_ids, output_token_ids: token_ids, output_logprobs: logprobs.content.map(({ logprob }) => logprob) };
    inline.push({ samples: [sample], reward: i });
    await on.call('POST', `/v2/trace/${id}/enter`, {});
  }
  const early = await model.train('forward-backward', { inputs: traces, group_size: 2 });
  expect([early.status, early.text]).toEqual([400, expect.stringContaining(`Trace ${traces[0]} has not ended`)]);
  for (const [i, id] of traces.entries()) await on.call('POST', `/v2/trace/${id}/exit`, { status: 'completed', reward: i });
  const byId = (await model.train('forward-backward', { inputs: traces, group_size: 2 })).json;
  const other = await on.fork('sampled-inline');
  expect((await other.train('forward-backward', { inputs: inline, group_size: 2 })).json).toEqual(byId);
  for (const one of [model, other]) expect((await one.train('optim-step', ADAM)).status).toBe(200);
  expect(await model.weights()).toEqual(await other.weights());
  // Calls are on record like others, at no cost.
  const { items } = (await on.call('GET', `/v2/trace/${traces[0]}/calls`)).json as { items: object[] };
  expect(items).toMatchObject([{ model: 'sampled', cost_usd: 0 }]);

  const empty = trace();
  await on.call('POST', `/v2/trace/${empty}/enter`, {});
  await on.call('POST', `/v2/trace/${empty}/exit`, { status: 'completed', reward: 1 });
  expect(await model.train('forward-backward', { inputs: [empty] })).toMatchObject({
    status: 400,
    json: { detail: expect.stringContaining('no tokens') },
  });
  const theirs = modelOf(on.other, await forked(), 'theirs');
  expect((await theirs.train('forward-backward', { inputs: traces })).status).toBe(404);
});

async function forked(): Promise<string> {
  const { id } = (await on.other('GET', '/v2/models/resolve?model=bigram')).json as { id: string };
  return ((await on.other('POST', '/v2/models/fork', { source_model_id: id, name: 'theirs' })).json as { id: string }).id;
}
