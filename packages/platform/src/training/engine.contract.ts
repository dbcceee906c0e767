/** What every engine does, as one suite: `describeEngine('local', openIt)`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { datumOf } from './datum.fixtures.ts';
import type { AdamParams, BaseModel, Datum, EngineModel, Pass, SampleRequest, Tokenizer, TrainEngine } from './engine.ts';

const ADAM: AdamParams = { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 };
const pass = (data: readonly Datum[], id: string): Pass => ({ loss: 'importance_sampling', config: {}, data, id });

/** What an engine on another machine may not do, through no fault of ours. */
export interface Lacks {
  /** Saved weights stay where they are. */
  removal?: boolean;
  /** Tokens that the model does not have end it, instead of being refused. */
  tokenCheck?: boolean;
}

export function describeEngine(name: string, make: () => Promise<TrainEngine>, lacks: Lacks = {}): void {
  describe(`the ${name} engine`, () => {
    let engine: TrainEngine;
    let base: BaseModel;
    let tokenizer: Tokenizer;

    beforeAll(async () => {
      engine = await make();
      [base] = (await engine.bases()) as [BaseModel];
      tokenizer = await base.tokenizer();
    });

    afterAll(async () => {
      await engine[Symbol.asyncDispose]();
    });

    const request = (seed: number, more: Partial<SampleRequest> = {}): SampleRequest => ({
      base: base.name,
      weights: undefined,
      prompt: tokenizer.render([{ role: 'user', content: 'Hi' }]),
      maxTokens: 6,
      temperature: 1,
      stop: [],
      seed,
      ...more,
    });

    async function turns(count: number, weights?: string): Promise<Datum[]> {
      const all = Array.from({ length: count }, async (_none, i) => {
        const { tokens, logprobs } = await engine.sample(request(i + 1, { weights }));
        return datumOf(request(0).prompt, tokens, logprobs, i % 2 === 0 ? 1 : -1);
      });
      return await Promise.all(all);
    }

    /** Of a model that was trained in one way, and of one that was trained in another. */
    async function same(data: readonly Datum[], one: EngineModel, other: EngineModel): Promise<void> {
      expect(await one.forward(data)).toEqual(await other.forward(data));
    }

    function near(all: readonly Float32Array[], data: readonly Datum[]): void {
      for (const [d, { mask, samplingLogprobs }] of data.entries())
        for (const [i, is] of mask.entries()) if (is === 1) expect(Math.abs(all[d]![i]! - samplingLogprobs[i]!)).toBeLessThan(1e-4);
    }

    test('samples with the log-probabilities of its trainer, before and after a step', async () => {
      await using model = await engine.open(base.name, undefined);
      const before = await turns(4);
      const { logprobs, metrics } = await model.forwardBackward(pass(before, 'one'));
      near(logprobs, before);
      expect(Number.isFinite(metrics['loss:sum'])).toBe(true);
      await model.optimStep(ADAM, 'one');
      const after = await turns(4, await model.saveSampler('after'));
      near(await model.forward(after), after);
      expect(await model.forward(before)).not.toEqual(logprobs);
    });

    test('adds a pass once and steps once for one id, whatever is asked again', async () => {
      const data = await turns(4);
      await using once = await engine.open(base.name, undefined);
      await using twice = await engine.open(base.name, undefined);
      for (const [model, times] of [
        [once, 1],
        [twice, 2],
      ] as const) {
        for (let i = 0; i < times; i += 1) await model.forwardBackward(pass(data, 'a'));
        await model.forwardBackward(pass(data.slice(2), 'b'));
        for (let i = 0; i < times; i += 1) await model.optimStep(ADAM, 'a');
      }
      await same(data, once, twice);
    });

    test('goes on from saved weights as if nothing had been between, and knows the step that made them', async () => {
      const data = await turns(4);
      await using through = await engine.open(base.name, undefined);
      await through.forwardBackward(pass(data, 'a'));
      await through.optimStep(ADAM, 'a');
      const state = await through.saveState('half-way');
      expect(await through.saveState('half-way')).toBe(state);
      await using again = await engine.open(base.name, state);
      await again.optimStep({ ...ADAM, learningRate: 1 }, 'a'); // the reply was lost
      for (const model of [through, again]) {
        await model.forwardBackward(pass(data.slice(1), 'b'));
        await model.optimStep(ADAM, 'b');
      }
      await same(data, through, again);
      await expect(through.saveState('half-way')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    });

    test('samples from earlier weights as they were, and leaves those in training as they are', async () => {
      await using model = await engine.open(base.name, undefined);
      const data = await turns(4);
      await model.forwardBackward(pass(data, 'a'));
      await model.optimStep(ADAM, 'a');
      const early = await model.saveSampler('early');
      const first = await turns(2, early);
      await model.forwardBackward(pass(data.slice(1), 'b'));
      await model.optimStep(ADAM, 'b');
      const before = await model.forward(data);
      const again = await turns(2, early);
      expect(again.map(({ targets }) => targets)).toEqual(first.map(({ targets }) => targets));
      near(
        again.map(({ samplingLogprobs }) => Float32Array.from(samplingLogprobs)),
        first,
      );
      expect(await model.forward(data)).toEqual(before);
      const late = await turns(2, await model.saveSampler('late'));
      near(await model.forward(late), late);
    });

    test('forgets a gradient that is dropped, and the ids of its passes', async () => {
      const data = await turns(4);
      await using plain = await engine.open(base.name, undefined);
      await using dropped = await engine.open(base.name, undefined);
      for (const id of ['a', 'b']) {
        await dropped.forwardBackward(pass(data.slice(2), id));
        await dropped.dropGradient();
      }
      for (const model of [plain, dropped]) {
        await model.forwardBackward(pass(data, 'a'));
        await model.optimStep(ADAM, 'a');
      }
      await same(data, plain, dropped);
    });

    test('adds nothing of a pass that it refuses', async () => {
      const data = await turns(4);
      await using plain = await engine.open(base.name, undefined);
      await using refusing = await engine.open(base.name, undefined);
      const wrong = [
        { ...data[0]!, advantages: data[0]!.advantages.map(() => NaN) },
        { ...data[0]!, weights: [1] },
        ...(lacks.tokenCheck === true ? [] : [{ ...data[0]!, targets: data[0]!.targets.map(() => 1_000_000) }]),
      ];
      for (const [i, datum] of wrong.entries())
        await expect(refusing.forwardBackward(pass([data[1]!, datum], `wrong-${i}`))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
      for (const model of [plain, refusing]) {
        await model.forwardBackward(pass(data, 'a'));
        await model.optimStep(ADAM, 'a');
      }
      await same(data, plain, refusing);
    });

    test.skipIf(lacks.removal)('removes saved weights, once and again, and no others', async () => {
      const data = await turns(2);
      await using model = await engine.open(base.name, undefined);
      await model.forwardBackward(pass(data, 'a'));
      await model.optimStep(ADAM, 'a');
      const [state, spare, sampler] = [await model.saveState('stays'), await model.saveState('goes'), await model.saveSampler('goes-too')];
      for (const path of [spare, sampler, spare, sampler]) expect(await engine.remove(path)).toBe(true);
      await expect(engine.open(base.name, spare)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
      await expect(engine.sample(request(1, { weights: sampler }))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
      await using again = await engine.open(base.name, state);
      await same(data, model, again);
    });

    test('streams what it samples, and ends at a stop of several tokens', async () => {
      const whole = await engine.sample(request(3));
      const streamed: number[] = [];
      for await (const { token } of engine.stream(request(3))) streamed.push(token);
      expect(streamed).toEqual(whole.tokens);
      const stop = whole.tokens.slice(2, 4);
      const ended = await engine.sample(request(3, { stop: [stop] }));
      expect(ended).toMatchObject({ stopReason: 'stop', tokens: whole.tokens.slice(0, ended.tokens.length) });
      expect(ended.tokens.slice(-2)).toEqual(stop);
      await expect(engine.sample(request(1, { base: 'gpt' }))).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    });
  });
}
