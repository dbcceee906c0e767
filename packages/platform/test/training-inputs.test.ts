/** What fed a step: the runs that were sent, in their groups, and how old the weights were that sampled them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADAM, batch, modelOf, trained, type FedInputs, type Model, type Trained } from './training.fixtures.ts';

let on: Trained;
beforeAll(async () => {
  on = await trained();
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
});

/** A run for each reward, sampled from the model's head. @returns their ids */
async function rollOut(model: Model, ...rewards: number[]): Promise<string[]> {
  const body = { model: model.name, messages: [{ role: 'user', content: 'hé' }], max_tokens: 5 };
  const ids = rewards.map(() => randomUUID().replaceAll('-', ''));
  for (const [i, id] of ids.entries()) {
    const asked = await on.call('POST', '/gateway/chat/completions', { ...body, seed: i }, { 'trace-id': id });
    expect(asked.status, asked.text).toBe(200);
    await on.call('POST', `/v2/trace/${id}/enter`, {});
    await on.call('POST', `/v2/trace/${id}/exit`, { status: 'completed', reward: rewards[i] });
  }
  return ids;
}

async function pass(model: Model, inputs: readonly (string | object)[]): Promise<void> {
  const { status, text } = await model.train('forward-backward', { inputs, group_size: 2 });
  expect(status, text).toBe(200);
}

async function step(model: Model): Promise<string> {
  const { status, text, json } = await model.train('optim-step', ADAM);
  expect(status, text).toBe(200);
  return (json as { checkpoint_id: string }).checkpoint_id;
}

const flat = ({ items }: FedInputs) => items.flatMap(({ index, inputs }) => inputs.map((one) => ({ group: index, ...one })));

test('the inputs of a step are what was sent, pass by pass, with their groups, advantages and tokens', async () => {
  const model = await on.fork();
  const ids = await rollOut(model, 1, 0, 0.5, 0.5);
  await pass(model, ids);
  await pass(model, [
    { ...batch(0.25)[0], trace_id: ids[0] },
    { ...batch(0.75)[0], trace_id: '0'.repeat(32) },
  ]);
  const fed = await model.inputs(await step(model));
  expect(fed).toMatchObject({ total: 3, flat: 1, num_kept: 6, num_inputs: 6, lag: { mean: 0, max: 0, n: 5 } });
  expect(fed.items.map(({ mean, std, has_spread }) => [mean, std, has_spread])).toEqual([
    [0.5, 0.5, true],
    [0.5, 0, false],
    [0.5, 0.25, true],
  ]);
  const rows = flat(fed);
  expect(rows.map((row) => [row.group, row.trace_id, row.reward, row.advantage])).toEqual([
    [0, ids[0], 1, 0.5],
    [0, ids[1], 0, -0.5],
    [1, ids[2], 0.5, 0],
    [1, ids[3], 0.5, 0],
    [2, ids[0], 0.25, -0.25],
    [2, null, 0.75, 0.25], // the team has no such run
  ]);
  expect(rows.at(-1)).toMatchObject({ tokens: 3, served_by: null, lag: null });
  expect(rows.slice(0, 4).every(({ tokens, served_by }) => tokens > 0 && tokens <= 5 && served_by === 'base')).toBe(true);
  const second = await model.inputs((await model.checkpoints())[0]?.id ?? '', '?limit=1&offset=1');
  expect([second.items.map(({ index }) => index), second.total]).toEqual([[1], 3]);
});

test('the lag of a run counts the steps since the weights that sampled it, also after going back', async () => {
  const model = await on.fork();
  const old = await rollOut(model, 1, 0);
  await pass(model, batch(1, 0));
  const first = await step(model);
  const fresh = await rollOut(model, 0, 1);
  await pass(model, [...fresh, ...old]);
  const second = await step(model);
  expect(flat(await model.inputs(second)).map(({ served_by, lag }) => [served_by, lag])).toEqual([
    [first, 0],
    [first, 0],
    ['base', 1],
    ['base', 1],
  ]);
  const late = await rollOut(model, 1, 0);
  await on.call('PUT', `/v2/models/${model.id}/head`, { checkpoint_id: first });
  await pass(model, [...late, ...fresh]);
  const third = await model.inputs(await step(model));
  expect(flat(third).map(({ served_by, lag }) => [served_by, lag])).toEqual([
    [second, null], // on no way to what was trained on
    [second, null],
    [first, 0],
    [first, 0],
  ]);
});

test('runs that are further behind than max_lag are refused by name, with what sampled them, and change nothing', async () => {
  const model = await on.fork('limited');
  const old = await rollOut(model, 1, 0);
  await pass(model, batch(1, 0));
  await step(model);
  const [first = ''] = await rollOut(model, 1);
  await on.call(
    'POST',
    '/gateway/chat/completions',
    { model: 'limited', messages: [{ role: 'user', content: 'hé' }] },
    { 'trace-id': first },
  );
  await pass(model, batch(1, 0));
  await step(model);
  const fresh = await rollOut(model, 0);
  const asked = async (inputs: unknown[], maxLag: number) =>
    await model.train('forward-backward', { inputs, max_lag: maxLag, group_size: 1 });
  expect((await asked([first, ...fresh], 1)).status).toBe(200);
  const unknown = batch(1)[0];
  const refused = await asked([...fresh, ...old, first, unknown], 1);
  expect(refused.status).toBe(400);
  expect((refused.json as { detail: string }).detail.split(/[:;.] /)).toEqual([
    '3 of 5 inputs are older than max_lag 1 allows',
    `input 1 (trace ${old[0]}) was sampled by 'base', 2 steps behind the head`,
    `input 2 (trace ${old[1]}) was sampled by 'base', 2 steps behind the head`,
    'input 4 was sampled by nothing that is known here',
    'Sample them anew, or allow more.',
  ]);
  expect((await asked([...fresh, first], 0)).status).toBe(400);
  expect((await model.train('forward', { inputs: old, max_lag: 1 })).status).toBe(400);
  expect((await model.train('forward', { inputs: old, max_lag: 2 })).status).toBe(200);
  expect((await asked(old, -1)).status).toBe(400);
});

test('what was accumulated and then dropped fed nothing, and neither did groups that taught nothing', async () => {
  const model = await on.fork();
  await pass(model, batch(1, 0));
  const first = await step(model);
  await pass(model, batch(0, 1, 1, 0));
  await on.call('PUT', `/v2/models/${model.id}/head`, { checkpoint_id: first });
  await pass(model, batch(1, 1));
  await pass(model, batch(0.5, 1));
  expect(flat(await model.inputs(await step(model))).map(({ reward }) => reward)).toEqual([0.5, 1]);
});

test('a loss of one’s own keeps its groups, without advantages', async () => {
  const model = await on.fork();
  const { forward_id, data } = (await model.train('forward', { inputs: batch(1, 0, 0, 1), group_size: 2 })).json as {
    forward_id: string;
    data: { mask: number[] }[];
  };
  await model.train('backward', { forward_id, weights: data.map(({ mask }) => mask), metrics: {} });
  const rows = flat(await model.inputs(await step(model)));
  expect(rows.map(({ group, reward, advantage }) => [group, reward, advantage])).toEqual([
    [0, 1, null],
    [0, 0, null],
    [1, 0, null],
    [1, 1, null],
  ]);
});

test('a page asks a checkpoint as the gateway does, and another team learns nothing', async () => {
  const model = await on.fork('asked');
  await pass(model, batch(1, 0));
  const first = await step(model);
  const pinned = { model: 'asked', messages: [{ role: 'user', content: 'hé' }], max_tokens: 5, temperature: 0, checkpoint: first };
  const told = (await on.call('POST', '/gateway/chat/completions', pinned)).json as {
    choices: { message: { content: string }; finish_reason: string }[];
    usage: { prompt_tokens: number; completion_tokens: number };
  };
  const ask = { prompt: 'hé', max_tokens: 5, temperature: 0 };
  const path = `/v2/models/${model.id}/samples`;
  expect((await on.call('POST', path, { ...ask, checkpoint: first })).json).toEqual({
    text: told.choices[0]?.message.content,
    finish_reason: told.choices[0]?.finish_reason,
    prompt_tokens: told.usage.prompt_tokens,
    completion_tokens: told.usage.completion_tokens,
    checkpoint: first,
  });
  expect((await on.call('POST', path, { ...ask, checkpoint: 'base' })).json).toMatchObject({ checkpoint: 'base' });
  expect((await on.call('POST', path, { ...ask, checkpoint: 'step-9' })).status).toBe(404);
  const inputs = `/v2/models/${model.id}/checkpoints/${first}/inputs`;
  expect((await on.other('GET', inputs)).status).toBe(404);
  expect((await on.other('POST', path, ask)).status).toBe(404);
  // Nor by a model of its own.
  const { id } = (await on.other('GET', '/v2/models/resolve?model=bigram')).json as { id: string };
  const theirs = ((await on.other('POST', '/v2/models/fork', { source_model_id: id, name: 'theirs' })).json as { id: string }).id;
  expect((await on.other('GET', `/v2/models/${theirs}/checkpoints/${first}/inputs`)).status).toBe(404);
  expect((await modelOf(on.call, theirs, 'theirs').inputs(first)).items).toBeUndefined();
});

test('interleaved runs are compared within the groups that they were rolled out in, sent by trace or whole', async () => {
  const weights: Buffer[] = [];
  for (const form of ['in order', 'by trace', 'whole'] as const) {
    const model = await on.fork();
    const runs = await rollOutGroups(model, [1, 0.5, 0, 0]);
    const order = form === 'in order' ? [0, 2, 1, 3] : [0, 1, 2, 3];
    const sent = order.map((i) => runs[i] ?? expect.fail('no such run'));
    await pass(
      model,
      sent.map((one) => (form === 'by trace' ? one.trace_id : one)),
    );
    await step(model);
    weights.push(await model.weights());
  }
  expect(weights[1]).toEqual(weights[0]);
  expect(weights[2]).toEqual(weights[0]);
});

/** Of two groups, one by turns with the other. @returns each as it is sent whole */
async function rollOutGroups(model: Model, rewards: readonly number[]) {
  const groups = [randomUUID(), randomUUID()];
  const ask = { model: model.name, messages: [{ role: 'user', content: 'hé' }], max_tokens: 5, return_token_ids: true, logprobs: true };
  const runs = [];
  for (const [i, reward] of rewards.entries()) {
    const id = randomUUID().replaceAll('-', '');
    const { json } = await on.call('POST', '/gateway/chat/completions', { ...ask, seed: i }, { 'trace-id': id });
    const { prompt_token_ids, token_ids, logprobs } = (json as { choices: [Choice] }).choices[0];
    await on.call('POST', `/v2/trace/${id}/enter`, { group_id: groups[i % 2] });
    await on.call('POST', `/v2/trace/${id}/exit`, { status: 'completed', reward });
    const output_logprobs = logprobs.content.map(({ logprob }) => logprob);
    runs.push({ trace_id: id, reward, samples: [{ prompt_token_ids, output_token_ids: token_ids, output_logprobs }] });
  }
  return runs;
}

interface Choice {
  prompt_token_ids: number[];
  token_ids: number[];
  logprobs: { content: { logprob: number }[] };
}
