/** A model small enough to try each of its weights, and what the sampler's arithmetic makes of it in double precision. */
import type { Datum } from '../../engine.ts';
import { randomOf } from '../random.ts';
import { logprobOf } from '../sampler/choose.ts';
import { Decoder } from '../sampler/decoder.ts';
import { initialWeights, type ModelShape } from '../shape.ts';
import { openDifferentiator, type Differentiator } from './gradient.ts';
import type { TraineeState } from './trainee.ts';

export const SMALL: ModelShape = { vocabulary: 13, width: 8, layers: 2, heads: 2, hidden: 12, context: 32 };

let opened: Promise<Differentiator> | undefined;

/** One for all tests of a file: its shapes are compiled once. */
export function smallMath(): Promise<Differentiator> {
  return (opened ??= openDifferentiator(SMALL));
}

export function freshState(seed: number, shape: ModelShape = SMALL): TraineeState {
  const weights = initialWeights(shape, seed);
  const moments = { first: new Float32Array(weights.length), second: new Float32Array(weights.length) };
  return { weights, moments, step: 0, stepId: undefined };
}

/** Turns of different lengths, whose sampling policy was near to the one that these weights are. */
export function randomData(count: number, seed: number, near?: Float32Array): Datum[] {
  const random = randomOf(seed);
  const data = Array.from({ length: count }, (): Datum => {
    const length = 5 + Math.floor(random() * 6);
    const tokens = Array.from({ length: length + 1 }, () => Math.floor(random() * SMALL.vocabulary));
    const mask = Array.from({ length }, (_none, at) => (at < 2 ? 0 : 1));
    const advantage = random() * 2 - 1;
    return {
      input: tokens.slice(0, -1),
      targets: tokens.slice(1),
      mask,
      samplingLogprobs: mask.map((isOwn) => (isOwn ? -2.5 : 0)),
      advantages: mask.map((isOwn) => isOwn * advantage),
      weights: mask.map(() => random() * 2 - 1), // prompt positions count too
    };
  });
  if (near === undefined) return data;
  return data.map((datum) => {
    const logprobs = decoderLogprobs(near, datum);
    const samplingLogprobs = datum.mask.map((isOwn, at) => (isOwn ? logprobs[at]! + (random() - 0.5) : 0));
    return { ...datum, samplingLogprobs };
  });
}

/** Of the targets, without jax. */
export function decoderLogprobs(weights: Float32Array | Float64Array, { input, targets }: Datum, shape: ModelShape = SMALL): number[] {
  const decoder = new Decoder(shape, weights);
  const cache = decoder.cache(input.length);
  const logits = decoder.step(Array.from(input, (token, position) => ({ cache, position, token })));
  return Array.from(targets, (target, at) => logprobOf(logits.subarray(at * shape.vocabulary, (at + 1) * shape.vocabulary), target));
}
