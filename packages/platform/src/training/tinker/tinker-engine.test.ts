import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { EngineLost, type AdamParams, type Datum, type EngineModel, type Loss, type Pass } from '../engine.ts';
import { datumOf } from '../datum.fixtures.ts';
import { exactEngine, VOCABULARY } from '../exact.fixtures.ts';
import { chunksOf, stated } from './data.ts';
import { SERVERS, type ServerName } from './servers.ts';
import { openTinkerEngine, type TinkerEngineOptions } from './tinker-engine.ts';
import { tinkerServer, type TinkerServer } from './tinker-server.fixtures.ts';

const ADAM: AdamParams = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 };
/** With an epsilon that no slope comes near, the first step is the gradient itself. */
const BARE: AdamParams = { ...ADAM, learningRate: 1e7, eps: 1e7 };

const directories: string[] = [];
afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true });
});

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hud-tinker-'));
  directories.push(directory);
  return directory;
}

async function opened(kind: ServerName = 'skyrl', more: Partial<TinkerEngineOptions> = {}) {
  const server = await tinkerServer(await folder(), kind);
  const warnings: string[] = [];
  const log = { warn: (message: string) => void warnings.push(message) };
  const engine = openTinkerEngine({
    url: server.url,
    server: kind,
    tokenizer: 'characters',
    contextTokens: 512,
    loraRank: 8,
    log,
    ...more,
  });
  const end = async (): Promise<void> => {
    await engine[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  };
  return { server, engine, warnings, [Symbol.asyncDispose]: end };
}

const DATA: Datum[] = [
  datumOf([257, 65, 260, 258], [97, 98, 260], [-5.5, -5.4, -5.6], 1),
  datumOf([257, 66, 258], [99, 100, 101, 260], [-5.3, -5.7, -5.5, -5.6], -0.5),
];
const pass = (id: string, loss: Loss = 'importance_sampling', data: readonly Datum[] = DATA): Pass => ({ loss, config: {}, data, id });
const sent = ({ requests }: TinkerServer, path: string): unknown[] => requests.filter((one) => one.path === path);

/** After the step, whatever came between. */
async function trained(model: EngineModel, ...passes: Pass[]): Promise<Float32Array[]> {
  for (const each of passes) await model.forwardBackward(each);
  await model.optimStep(ADAM, 'step');
  return await model.forward(DATA);
}

/** What one step without momentum changed of the weights, by the exact engine's own file. */
async function gradient(file: string): Promise<Float64Array> {
  const weights = new Float64Array(new Uint8Array(await readFile(file)).buffer).subarray(0, VOCABULARY ** 2);
  return weights.map((weight, i) => weight - Math.sin(i) / 2);
}

describe('an answer that is lost', () => {
  test.each(['forward_backward', 'optim_step', 'retrieve_future'])('TK1: of %s: what is sent again counts once', async (path) => {
    await using on = await opened();
    await using plain = await on.engine.open('bigram', undefined);
    const expected = await trained(plain, pass('a'));
    await using model = await on.engine.open('bigram', undefined);
    on.server.disturb(path, 'cut');
    expect(await trained(model, pass('a'))).toEqual(expected);
    expect(on.server.requests.filter((one) => one.path === path).length).toBeGreaterThan(2);
  });

  test('TK1: is asked for again under the same number by whoever asks for the same pass again', async () => {
    await using on = await opened('skyrl', { patienceMs: 0 });
    await using plain = await on.engine.open('bigram', undefined);
    const expected = await trained(plain, pass('a'));
    await using model = await on.engine.open('bigram', undefined);
    on.server.disturb('forward_backward', 'cut');
    await expect(model.forwardBackward(pass('a'))).rejects.toMatchObject({ status: 503 });
    on.server.disturb('optim_step', 'cut');
    await model.forwardBackward(pass('a'));
    await expect(model.optimStep(ADAM, 'step')).rejects.toMatchObject({ status: 503 });
    expect(await trained(model)).toEqual(expected);
    on.server.disturb('forward_backward', 'cut');
    await expect(model.forwardBackward(pass('b'))).rejects.toMatchObject({ status: 503 });
    await expect(model.optimStep(ADAM, 'other')).rejects.toThrow(EngineLost); // with b, or without it?
  });

  test.each(['forward_backward', 'optim_step'])('TK1: of %s, where what is sent again counts again, loses the model', async (path) => {
    await using on = await opened('skyrl-jax');
    await using model = await on.engine.open('bigram', undefined);
    await model.forwardBackward(pass('a'));
    const before = sent(on.server, path).length;
    on.server.disturb(path, 'cut');
    await expect(path === 'optim_step' ? model.optimStep(ADAM, 'step') : model.forwardBackward(pass('b'))).rejects.toThrow(EngineLost);
    expect(sent(on.server, path)).toHaveLength(before + 1);
  });

  test('TK2: a result that takes longer is asked for again, and nothing is sent twice', async () => {
    await using on = await opened();
    await using model = await on.engine.open('bigram', undefined);
    for (const how of [{ status: 408 }, { status: 200, body: { type: 'try_again', request_id: '1' } }, { status: 503 }])
      on.server.disturb('retrieve_future', how);
    await model.forwardBackward(pass('a'));
    expect(sent(on.server, 'forward_backward')).toHaveLength(1);
    on.server.disturb('retrieve_future', { status: 410, body: { detail: 'lost' } });
    await model.forwardBackward(pass('b'));
    const [, first, second] = sent(on.server, 'forward_backward');
    expect(second).toEqual(first); // submitted again as it was
  });

  test('TK4: of a save: the weights that are there are taken', async () => {
    await using on = await opened();
    await using model = await on.engine.open('bigram', undefined);
    await trained(model, pass('a'));
    for (const path of ['save_weights', 'save_weights_for_sampler']) on.server.disturb(path, 'cut');
    const state = await model.saveState('state-1');
    const sampler = await model.saveSampler('sampler-1');
    expect(state).toMatch(/^tinker:\/\/model_\w+\/weights\/state-1#step$/);
    expect([sent(on.server, 'save_weights').length, sent(on.server, 'save_weights_for_sampler').length]).toEqual([2, 2]);
    await using again = await on.engine.open('bigram', state);
    expect(await again.forward(DATA)).toEqual(await model.forward(DATA));
    const request = { base: 'bigram', weights: sampler, prompt: [65], maxTokens: 2, temperature: 0, stop: [] };
    expect((await on.engine.sample(request)).tokens).toHaveLength(2);
  });
});

test('a save that fails is told, and the next one takes another name', async () => {
  await using on = await opened();
  await using model = await on.engine.open('bigram', undefined);
  on.server.exact.failNextSave();
  await expect(model.saveState('full')).rejects.toThrow('No space left on the disk.');
  expect(await model.saveState('full')).toMatch(/\/full-2$/);
  expect(await model.saveState('full')).toMatch(/\/full-2$/);
});

test('where models share slots, one that is opened holds nothing of another, and weight decay is refused', async () => {
  await using on = await opened('skyrl-jax');
  await using plain = await on.engine.open('bigram', undefined);
  const expected = await trained(plain, pass('a'));
  const left = await on.engine.open('bigram', undefined);
  await left.forwardBackward(pass('b'));
  await left[Symbol.asyncDispose]();
  await using model = await on.engine.open('bigram', undefined);
  expect(await trained(model, pass('a'))).toEqual(expected);
  await expect(model.optimStep({ ...ADAM, weightDecay: 0.1 }, 'other')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

test('TK3: an engine that was started anew has lost its models; saved weights open again in a session of their own', async () => {
  await using on = await opened();
  const model = await on.engine.open('bigram', undefined);
  const expected = await trained(model, pass('a'));
  const state = await model.saveState('state-1');
  await model.forwardBackward(pass('b'));
  on.server.restart();
  await expect(model.optimStep(ADAM, 'late')).rejects.toThrow(EngineLost);
  await using again = await on.engine.open('bigram', state);
  expect(await again.forward(DATA)).toEqual(expected);
  expect(sent(on.server, 'create_session')).toHaveLength(2);
});

test('TK5: 3,000 data go in requests that the engine takes, and their numbers are put together', async () => {
  await using on = await opened();
  await using model = await on.engine.open('bigram', undefined);
  const data = Array.from({ length: 3000 }, (_none, i) => datumOf([65 + (i % 20)], [97 + (i % 7)], [-5.5], 1));
  const { logprobs, metrics } = await model.forwardBackward(pass('a', 'ppo', data));
  const sizes = on.server.requests.flatMap(({ body }) => body.forward_backward_input?.data.length ?? []);
  expect(sizes).toEqual([1024, 1024, 952]);
  expect(logprobs).toHaveLength(3000);
  expect(metrics).toEqual({ 'tinker.rows:sum': 3000, 'tinker.rows:max': 1024, 'loss:sum': expect.any(Number) as number });
});

test('TK5: a request has at most 5 MB', async () => {
  const long = datumOf(
    [65],
    Array.from({ length: 400 }, () => 97),
    Array.from({ length: 400 }, () => -5.123456789012345),
    0.123456789012345,
  );
  const chunks = await chunksOf(
    Array.from({ length: 600 }, () => long),
    stated({ loss: 'ppo', config: {} }, SERVERS.skyrl, []),
  );
  expect(chunks.length).toBeGreaterThan(1);
  expect(chunks.every(({ json }) => json.length < 5_100_000)).toBe(true);
  expect(chunks.reduce((sum, { data }) => sum + data.length, 0)).toBe(600);
});

test.each<{ kind: ServerName; losses: Loss[] }>([
  { kind: 'tinker', losses: ['importance_sampling', 'ppo', 'cispo', 'dro', 'cross_entropy'] },
  { kind: 'skyrl', losses: ['importance_sampling', 'ppo', 'cispo', 'cross_entropy'] },
  { kind: 'skyrl-jax', losses: ['importance_sampling', 'ppo', 'cispo', 'cross_entropy'] },
])('TK6: $kind offers the losses that it computes', async ({ kind, losses }) => {
  await using on = await opened(kind);
  expect(await on.engine.losses()).toEqual(losses);
  expect(sent(on.server, 'unload_model')).toHaveLength(sent(on.server, 'create_model').length);
});

test('TK6: a loss that the server knows and its trainer refuses is not offered', async () => {
  await using on = await opened();
  await using _first = await on.engine.open('bigram', undefined); // what is found out about the server is known then
  on.server.disturb('forward', { status: 422, body: { detail: [{ loc: ['body', 'loss_fn'], msg: 'no such loss' }] } });
  expect(await on.engine.losses()).toEqual(['ppo', 'cispo', 'cross_entropy']);
});

test('TK7: heartbeats keep a model for 11 idle minutes, which without them would be lost', async () => {
  await using on = await opened('skyrl', { heartbeatMs: 2 });
  await using model = await on.engine.open('bigram', undefined);
  for (let passed = 0; passed < 11 * 60_000; passed += 10_000) {
    await once(on.server.events, 'beat', { signal: AbortSignal.timeout(5_000) });
    on.server.clock += 10_000;
  }
  expect(await model.forward(DATA)).toHaveLength(2);
  await using silent = await opened('skyrl', { heartbeatMs: 3_600_000 });
  const lost = await silent.engine.open('bigram', undefined);
  silent.server.clock += 11 * 60_000;
  await expect(lost.forward(DATA)).rejects.toThrow(EngineLost);
});

/** Of every sign, on the prompt too, with a sum below 0. */
const SIGNED = DATA.map((datum) => ({ ...datum, weights: datum.targets.map((_token, i) => [0.5, -2, 1][i % 3]!) }));

test.each<{ loss: Loss; data: Datum[] }>([
  { loss: 'cross_entropy', data: SIGNED },
  { loss: 'importance_sampling', data: DATA },
  { loss: 'ppo', data: DATA },
])('TK8: where the server means, $loss has its own gradient over the number of sequences', async ({ loss, data }) => {
  const exact = exactEngine(await folder());
  await using own = await exact.open('bigram', undefined);
  const { metrics } = await own.forwardBackward(pass('a', loss, data));
  await own.optimStep(BARE, 'a');
  const expected = await gradient(await own.saveState('own'));
  await using on = await opened('skyrl-jax');
  await using model = await on.engine.open('bigram', undefined);
  const result = await model.forwardBackward(pass('a', loss, data));
  expect(result.metrics['loss:sum']).toBeCloseTo(metrics['loss:sum']!, 5);
  await model.optimStep(BARE, 'a');
  const found = await gradient(on.server.fileOf(await model.saveState('state')));
  const most = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const furthest = expected.reduce((max, value, i) => Math.max(max, Math.abs(found[i]! * data.length - value)), 0);
  expect(most).toBeGreaterThan(0.1);
  expect(furthest).toBeLessThan(1e-4 * most);
});

test('TK9: passes of different losses are never under way at once, whoever waits for them', async () => {
  await using on = await opened();
  await using plain = await on.engine.open('bigram', undefined);
  const expected = await trained(plain, pass('a', 'ppo'), pass('b', 'cross_entropy'));
  await using model = await on.engine.open('bigram', undefined);
  const both = [model.forwardBackward(pass('a', 'ppo')), model.forwardBackward(pass('b', 'cross_entropy')), model.forward(DATA)];
  await model.optimStep(ADAM, 'step');
  await Promise.all(both);
  expect(await model.forward(DATA)).toEqual(expected);
  expect(on.server.mixed).toBe(0);
});

describe('an engine that can not be used', () => {
  test.each([
    { status: 401, says: 'HUD_TINKER_API_KEY' },
    { status: 502, says: 'it answers 502' },
  ])('with $status is said to be so', async ({ status, says }) => {
    await using on = await opened('skyrl', { patienceMs: 0 });
    on.server.disturb('get_server_capabilities', { status, body: { detail: 'no' } });
    await expect(on.engine.bases()).rejects.toThrow(says);
    expect(await on.engine.bases()).toMatchObject([{ name: 'bigram', contextLength: 512 }]);
  });

  test('for its text is said to lack a tokenizer', async () => {
    await using on = await opened('skyrl', { tokenizer: undefined });
    await expect(on.engine.bases()).rejects.toThrow('HUD_TINKER_TOKENIZER does not say how bigram reads text.');
  });

  test('ends a wait with the reason of whoever gives up', async () => {
    await using on = await opened();
    await using model = await on.engine.open('bigram', undefined);
    const abort = new AbortController();
    for (let i = 0; i < 200; i += 1) on.server.disturb('retrieve_future', { status: 408 });
    const pending = model.forwardBackward(pass('a'), abort.signal);
    const reason = new Error('given up');
    setImmediate(() => abort.abort(reason));
    await expect(pending).rejects.toBe(reason);
    await expect(model.optimStep(ADAM, 'step')).rejects.toThrow(EngineLost);
  });
});

test('weights that are still being saved or sampled from are removed later, and those of others not at all', async () => {
  await using on = await opened();
  await using model = await on.engine.open('bigram', undefined);
  const path = await model.saveSampler('one');
  const removed = `training_runs/${/tinker:\/\/([^/]+)/.exec(path)?.[1]}/checkpoints/sampler_weights/one`;
  const ask = { weights: path, base: 'bigram', prompt: [1], maxTokens: 3, temperature: 1, stop: [] };
  const sampling = on.engine.sample(ask);
  expect(await on.engine.remove(path)).toBe(false);
  await sampling;
  on.server.disturb(removed, { status: 425, body: { detail: 'being saved' } });
  expect(await on.engine.remove(path)).toBe(false);
  expect([await on.engine.remove(path), await on.engine.remove('state-1'), await on.engine.remove(path)]).toEqual([true, true, true]);
  expect(sent(on.server, removed)).toHaveLength(3);
  await expect(on.engine.sample(ask)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});
