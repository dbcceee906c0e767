/**
 * The engine `tinker` on a server that was not made for these tests. HUD_TEST_TINKER_URL is its address; HUD_TEST_TINKER_SERVER what
 * it is (skyrl-jax unless given), HUD_TEST_TINKER_MODEL the model to train where it has several, HUD_TEST_TINKER_TOKENIZER its
 * tokenizer (characters). scripts/skyrl-server.py starts one.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { datumOf } from '../../src/training/datum.fixtures.ts';
import { describeEngine } from '../../src/training/engine.contract.ts';
import { EngineLost, type AdamParams, type BaseModel, type Datum, type EngineModel, type Loss } from '../../src/training/engine.ts';
import type { ServerName } from '../../src/training/tinker/servers.ts';
import { openTinkerEngine, type TinkerEngine } from '../../src/training/tinker/tinker-engine.ts';

const { env } = process;
const url = env.HUD_TEST_TINKER_URL;
const server = (env.HUD_TEST_TINKER_SERVER ?? 'skyrl-jax') as ServerName;
const isSlots = server === 'skyrl-jax';
const ADAM: AdamParams = { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 };
/** Such a server compiles every shape that it meets for the first time. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

async function open(): Promise<TinkerEngine> {
  const log = { warn: (message: string, more?: object) => console.log(message, more ?? '') };
  const tokenizer = env.HUD_TEST_TINKER_TOKENIZER ?? 'characters';
  const apiKey = env.HUD_TINKER_API_KEY;
  const engine = openTinkerEngine({ url: url!, apiKey, server, tokenizer, contextTokens: 512, loraRank: 8, log });
  const wanted = env.HUD_TEST_TINKER_MODEL;
  const bases = await engine.bases();
  const found = bases.filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length === 0) throw new Error(`The server has no model ${wanted}; it has ${bases.map(({ name }) => name).join(', ')}.`);
  engine.bases = () => Promise.resolve(found);
  return engine;
}

describe.skipIf(url === undefined)(`a real server of the Tinker API${url === undefined ? ' (HUD_TEST_TINKER_URL names none)' : ''}`, () => {
  describeEngine(`tinker (${server} at ${url})`, open, { removal: isSlots, tokenCheck: true });

  let engine: TinkerEngine;
  let base: BaseModel;
  let data: Datum[];

  beforeAll(async () => {
    engine = await open();
    [base] = (await engine.bases()) as [BaseModel];
    const prompt = (await base.tokenizer()).render([{ role: 'user', content: 'Hi' }]);
    data = await Promise.all(
      [1, 2].map(async (seed) => {
        const { tokens, logprobs } = await engine.sample({ ...from(undefined, prompt), seed });
        return datumOf(prompt, tokens, logprobs, seed === 1 ? 1 : -0.5);
      }),
    );
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const from = (weights: string | undefined, prompt: readonly number[]) => {
    return { base: base.name, weights, prompt, maxTokens: 6, temperature: 1, stop: [], seed: 1 };
  };

  async function after(loss: Loss, of: readonly Datum[]): Promise<{ sum: number; logprobs: Float32Array[] }> {
    await using model = await engine.open(base.name, undefined);
    const { metrics } = await model.forwardBackward({ loss, config: {}, data: of, id: loss });
    await model.optimStep(ADAM, 'step');
    return { sum: metrics['loss:sum']!, logprobs: await model.forward(data) };
  }

  function expectNear(found: readonly Float32Array[], expected: readonly Float32Array[]): void {
    for (const [d, values] of expected.entries())
      for (const [i, value] of values.entries()) expect(Math.abs(found[d]![i]! - value)).toBeLessThan(1e-3);
  }

  test('TK6: offers the losses that the service may ask it for', async () => {
    expect(await engine.losses()).toEqual(expect.arrayContaining(['importance_sampling', 'cross_entropy']));
  });

  test('TK8: signed weights of a caller make the step that the loss makes which they are the slopes of', async () => {
    const builtin = await after('importance_sampling', data);
    await using fresh = await engine.open(base.name, undefined);
    const now = await fresh.forward(data);
    const weighed = data.map((datum, d) => ({
      ...datum,
      weights: Array.from(datum.advantages, (advantage, i) => advantage * Math.exp(now[d]![i]! - datum.samplingLogprobs[i]!)),
    }));
    const custom = await after('cross_entropy', weighed);
    expectNear(custom.logprobs, builtin.logprobs);
    expect(Math.abs(builtin.logprobs[0]!.at(-1)! - now[0]!.at(-1)!)).toBeGreaterThan(0.02);
  });

  test('TK3: a model that was unloaded behind our back is lost, and opens again from what was saved', async () => {
    const model: EngineModel = await engine.open(base.name, undefined);
    await model.forwardBackward({ loss: 'ppo', config: {}, data, id: 'a' });
    await model.optimStep(ADAM, 'a');
    const state = await model.saveState('kept');
    const expected = await model.forward(data);
    await unloadedBehind(state.split('/')[2]!);
    await expect(model.forwardBackward({ loss: 'ppo', config: {}, data, id: 'b' })).rejects.toThrow(EngineLost);
    await using again = await engine.open(base.name, state);
    expect(await again.forward(data)).toEqual(expected);
  });

  test('TK4: a save whose answer is lost is taken by the next one', async () => {
    await using model = await engine.open(base.name, undefined);
    const state = await model.saveState('first');
    const id = state.split('/')[2]!;
    await post('save_weights', { model_id: id, path: 'second' });
    const adopted = await model.saveState('second');
    expect(adopted.split('#')[0]).toBe(state.replace('/first', '/second'));
    await using again = await engine.open(base.name, adopted);
    expect(await again.forward(data)).toEqual(await model.forward(data));
  });

  test.runIf(isSlots)('refuses weight decay, which would reach the models of others', async () => {
    await using model = await engine.open(base.name, undefined);
    await model.forwardBackward({ loss: 'ppo', config: {}, data, id: 'a' });
    await expect(model.optimStep({ ...ADAM, weightDecay: 0.1 }, 'a')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});

async function unloadedBehind(id: string): Promise<void> {
  const { request_id: request } = (await post('unload_model', { model_id: id })) as { request_id: string };
  await post('retrieve_future', { request_id: request });
}

async function post(path: string, body: object): Promise<unknown> {
  const headers = {
    'content-type': 'application/json',
    ...(env.HUD_TINKER_API_KEY !== undefined && { 'x-api-key': env.HUD_TINKER_API_KEY }),
  };
  const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return await response.json();
}
