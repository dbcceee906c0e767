import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { datumOf } from '../datum.fixtures.ts';
import { EngineLost, type AdamParams, type Datum, type Pass, type SampleRequest } from '../engine.ts';
import { openLocalEngine, type LocalEngine } from './local-engine.ts';
import { tokenizer } from './tokenizer.ts';

const BASE = 'tiny-chat';
const ADAM: AdamParams = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 };

let directory: string;
let engine: LocalEngine;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hud-engine-'));
  engine = openLocalEngine({ directory });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const promptOf = (content: string): number[] => tokenizer.render([{ role: 'user', content }]);

function request(changes: Partial<SampleRequest> = {}): SampleRequest {
  return {
    base: BASE,
    weights: undefined,
    prompt: promptOf('Pick one: 4 7 2'),
    maxTokens: 12,
    temperature: 1,
    stop: tokenizer.stop,
    seed: 1,
    ...changes,
  };
}

const pass = (data: readonly Datum[], id: string): Pass => ({ loss: 'importance_sampling', config: {}, data, id });

async function turns(count: number, weights?: string): Promise<Datum[]> {
  const sampled = await Promise.all(
    Array.from({ length: count }, (_none, seed) => engine.sample(request({ weights, seed, maxTokens: 8, stop: [] }))),
  );
  return sampled.map(({ tokens, logprobs }, index) => datumOf(request().prompt, tokens, logprobs, index % 2 === 0 ? 1 : -1));
}

describe('the sampler', () => {
  test('has the log-probabilities of the trainer, before and after a step', async () => {
    await using model = await engine.open(BASE, undefined);
    const compare = async (data: readonly Datum[]): Promise<void> => {
      for (const [index, logprobs] of (await model.forward(data)).entries())
        for (const [at, logprob] of logprobs.entries())
          if (data[index]!.mask[at] === 1) expect(Math.abs(logprob - data[index]!.samplingLogprobs[at]!)).toBeLessThan(1e-4);
    };
    const before = await turns(6);
    await compare(before);
    await model.forwardBackward(pass(before, 'parity'));
    await model.optimStep({ ...ADAM, learningRate: 0.01 }, 'parity');
    const after = await turns(6, await model.saveSampler('parity'));
    await compare(after);
    expect(after).not.toEqual(before);
  });

  test('writes the same reply in company as alone', async () => {
    const requests = Array.from({ length: 24 }, (_none, seed) =>
      request({
        seed,
        prompt: promptOf(`Which one? ${seed % 5} ${seed % 3}`),
        temperature: 0.5 + (seed % 4) / 3,
        topP: seed % 2 === 0 ? 1 : 0.9,
        maxTokens: 4 + (seed % 9),
        stop: [],
      }),
    );
    const together = await Promise.all(requests.map((each) => engine.sample(each)));
    await using fresh = openLocalEngine({ directory }); // which has read no prompt before
    for (const [index, each] of requests.entries()) expect(await fresh.sample(each)).toEqual(together[index]);
    expect(new Set(together.map(({ tokens }) => tokens.join())).size).toBeGreaterThan(12);
  });

  test('streams what it samples, and ends at a stop or at the last token', async () => {
    const asked = request({ temperature: 0, prompt: promptOf('Hello!') });
    const whole = await engine.sample(asked);
    expect(whole.stopReason).toBe('stop');
    expect(whole.tokens.slice(-1)).toEqual(tokenizer.stop[0]);
    const streamed: number[] = [];
    for await (const { token } of engine.stream(asked)) streamed.push(token);
    expect(streamed).toEqual(whole.tokens);
    expect(await engine.sample({ ...asked, maxTokens: 2 })).toMatchObject({ tokens: whole.tokens.slice(0, 2), stopReason: 'length' });
    expect(await engine.sample({ ...asked, stop: [whole.tokens.slice(1, 3)] })).toMatchObject({
      tokens: whole.tokens.slice(0, 3),
      stopReason: 'stop',
    });
  });

  test('ends a reply where the context ends, and refuses what does not fit', async () => {
    const { contextLength } = (await engine.bases())[0]!;
    const prompt = Array.from({ length: contextLength - 3 }, () => 20);
    expect(await engine.sample(request({ prompt, maxTokens: 50, stop: [] }))).toMatchObject({
      tokens: { length: 3 },
      stopReason: 'length',
    });
    await expect(engine.sample(request({ prompt: [...prompt, 20, 20, 20] }))).rejects.toThrow(`The prompt has ${contextLength} tokens`);
    await expect(engine.sample(request({ prompt: [4000] }))).rejects.toThrow('prompt[0] is 4000, which is no token of this model.');
    await expect(engine.sample(request({ base: 'gpt' }))).rejects.toThrow('There is no base model "gpt" to train.');
    await expect(engine.sample(request({ weights: 'none' }))).rejects.toThrow('There are no saved weights "none".');
  });

  test('takes up others when a reply is given up', async () => {
    const endless = Array.from({ length: 64 }, (_none, seed) => ({
      abort: new AbortController(),
      asked: request({ seed, maxTokens: 200, stop: [] }),
    }));
    const replies = endless.map(({ abort, asked }) => engine.sample(asked, abort.signal));
    const late = engine.sample(request({ maxTokens: 1 }));
    const outcomes = Promise.allSettled(replies);
    for (const { abort } of endless) abort.abort(new Error('given up'));
    expect((await late).tokens).toHaveLength(1);
    expect((await outcomes).every((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message === 'given up')).toBe(
      true,
    );
    for await (const { token } of engine.stream(request())) {
      expect(token).toBeGreaterThan(0);
      break; // leaving the loop gives it up too
    }
  });

  test('keeps the weights a reply began with while others are promoted', async () => {
    await using model = await engine.open(BASE, undefined);
    const alone = await engine.sample(request({ maxTokens: 150, stop: [] }));
    const long = engine.sample(request({ maxTokens: 150, stop: [] }));
    await model.forwardBackward(pass(await turns(4), 'promotion'));
    await model.optimStep({ ...ADAM, learningRate: 0.05 }, 'promotion');
    const weights = await model.saveSampler('promotion');
    const promoted = await engine.sample(request({ maxTokens: 150, stop: [], weights }));
    expect(await long).toEqual(alone);
    expect(promoted.logprobs[0]).not.toBe(alone.logprobs[0]);
  });
});

describe('saved weights', () => {
  test('go on as if nothing had been between, optimizer included', async () => {
    const data = await turns(4);
    const run = async (isInterrupted: boolean): Promise<Uint8Array> => {
      const name = isInterrupted ? 'interrupted' : 'through';
      let model = await engine.open(BASE, undefined);
      await model.forwardBackward(pass(data, 'a'));
      await model.optimStep(ADAM, 'a');
      if (isInterrupted) {
        const state = await model.saveState('half-way');
        await model[Symbol.asyncDispose]();
        model = await engine.open(BASE, state);
        await model.optimStep({ ...ADAM, learningRate: 1 }, 'a'); // the reply was lost: the same id again
      }
      await model.forwardBackward(pass(data.slice(1), 'b'));
      await model.optimStep(ADAM, 'b');
      await model.saveState(name);
      await model[Symbol.asyncDispose]();
      return readFile(join(directory, `${name}.weights`));
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('of a name that exists are taken when they are of the same step, and refused otherwise', async () => {
    await using model = await engine.open(BASE, undefined);
    const path = await model.saveState('twice');
    expect(await model.saveState('twice')).toBe(path);
    await model.forwardBackward(pass(await turns(2), 'x'));
    await model.optimStep(ADAM, 'x');
    await expect(model.saveState('twice')).rejects.toThrow('There are weights "twice" already, of step 0; these are of step 1.');
    await expect(model.saveState('../outside')).rejects.toThrow('"../outside" can not be the name of saved weights.');
    expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('that are damaged are refused, and written again by who has them', async () => {
    await using model = await engine.open(BASE, undefined);
    const name = await model.saveSampler('damaged');
    const path = join(directory, `${name}.weights`);
    const bytes = await readFile(path);
    for (const at of [3, 60, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      await writeFile(path, changed);
      await expect(engine.open(BASE, name)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    }
    await writeFile(path, bytes.subarray(0, 1000));
    await expect(engine.sample(request({ weights: name }))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await model.saveSampler('damaged');
    expect(await readFile(path)).toEqual(bytes);
    await expect(engine.open(BASE, name)).rejects.toThrow('training can not go on from them');
  });
});

test('what a dead thread had is lost, and said to be; the next call begins another', async () => {
  await using mortal = openLocalEngine({ directory });
  const model = await mortal.open(BASE, undefined);
  const state = await model.saveState('before-the-end');
  const data = await turns(8);
  const results = Promise.allSettled([model.forwardBackward(pass(data, 'lost')), mortal.sample(request({ maxTokens: 200, stop: [] }))]);
  await mortal.kill();
  for (const result of await results) expect(result).toMatchObject({ status: 'rejected', reason: { name: 'EngineLost' } });
  await expect(model.dropGradient()).rejects.toThrow(EngineLost);
  await model[Symbol.asyncDispose]();
  await using again = await mortal.open(BASE, state);
  expect(await again.forward(data)).toHaveLength(8);
  expect((await mortal.sample(request())).tokens.length).toBeGreaterThan(0);
});
