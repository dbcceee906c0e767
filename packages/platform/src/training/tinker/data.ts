/** Data as the Tinker API takes them, in requests of a size that it takes, and what it answers. */
import { setImmediate as turn } from 'node:timers/promises';
import { HudError } from 'hud/protocol';
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import { EngineLost, type Datum, type Loss, type Pass } from '../engine.ts';
import { firstNot, sumOf, type Numbers } from '../numbers.ts';
import type { ServerKind } from './servers.ts';

/** Some data of a pass, as a part of a request's body. */
export interface Chunk {
  json: string;
  data: readonly Datum[];
}

/** A loss that stands for another: the same gradient by what the server can compute. */
export interface Stated {
  loss: Loss;
  config: Readonly<Record<string, number>>;
  /** By name, of one datum. */
  inputs: (datum: Datum, index: number) => Record<string, Numbers>;
}

const [MOST_DATA, MOST_BYTES] = [1024, 5_000_000];
/** JSON made between two turns of the event loop, in characters. */
const SLICE = 500_000;
const LISTS = ['targets', 'mask', 'samplingLogprobs', 'advantages', 'weights'] as const;

export const PassOutput = z.object({
  loss_fn_outputs: z.array(z.object({ logprobs: z.object({ data: z.custom<unknown[]>(Array.isArray) }) })),
  metrics: z.record(z.string(), z.unknown()).nullish(),
});
export type PassOutput = z.output<typeof PassOutput>;

/** Log-probabilities are computed on the way to any loss; this one has no gradient. */
export const NO_LOSS: Stated = { loss: 'cross_entropy', config: {}, inputs: ({ targets }) => ({ weights: Array.from(targets, () => 0) }) };

/**
 * @param current log-probabilities under the weights as they are, for a server that means; it divides by the sum of weights, which
 * may be 0 or less when they have signs. Importance sampling from the policy itself has the gradient of a cross entropy
 */
export function stated({ loss, config }: Pick<Pass, 'loss' | 'config'>, server: ServerKind, current: readonly Float32Array[]): Stated {
  const isMean = server.reduction === 'mean';
  if (loss !== 'cross_entropy') return { loss, config, inputs: (datum) => policyInputs(datum, server) };
  if (!isMean) return { loss, config: {}, inputs: ({ weights }) => ({ weights }) };
  return {
    loss: 'importance_sampling',
    config: {},
    inputs: ({ weights }, index) => ({
      logprobs: Array.from(current[index] ?? []),
      advantages: Array.from(weights, (weight) => weight * weights.length), // undoes the division by as many ones
      weights: Array.from(weights, () => 1),
    }),
  };
}

function policyInputs({ mask, samplingLogprobs, advantages }: Datum, server: ServerKind): Record<string, Numbers> {
  const written = sumOf(mask);
  const scaled = server.reduction === 'mean' ? Array.from(advantages, (advantage) => advantage * written) : advantages;
  return { logprobs: samplingLogprobs, advantages: scaled, ...(server.weighsPolicyLosses && { weights: mask }) };
}

/** Each at most 1,024 data and 5 MB; a datum that is longer is alone. */
export async function chunksOf(data: readonly Datum[], { loss, config, inputs }: Stated): Promise<Chunk[]> {
  const settings = Object.keys(config).length === 0 ? {} : { loss_fn_config: config };
  const head = JSON.stringify({ loss_fn: loss, ...settings }).slice(0, -1);
  const chunks: { parts: string[]; data: Datum[]; size: number }[] = [];
  let made = 0;
  for (const [index, datum] of data.entries()) {
    const json = datumJson(datum, inputs(datum, index));
    const last = chunks.at(-1);
    if (last === undefined || last.parts.length === MOST_DATA || last.size + json.length > MOST_BYTES)
      chunks.push({ parts: [json], data: [datum], size: json.length });
    else {
      last.parts.push(json);
      last.data.push(datum);
      last.size += json.length;
    }
    made += json.length;
    if (made > SLICE) {
      made = 0;
      await turn();
    }
  }
  return chunks.map(({ parts, data: own }) => ({ json: `${head},"data":[${parts.join(',')}]}`, data: own }));
}

function datumJson({ input, targets }: Datum, inputs: Record<string, Numbers>): string {
  const floats = Object.entries(inputs).map(([name, data]) => [name, { data: [...data], dtype: 'float32', shape: [data.length] }]);
  return JSON.stringify({
    model_input: { chunks: [{ type: 'encoded_text', tokens: [...input] }] },
    loss_fn_inputs: { target_tokens: { data: [...targets], dtype: 'int64', shape: [targets.length] }, ...Object.fromEntries(floats) },
  });
}

/** @throws HudError BAD_ARGUMENT for what would not arrive as it is */
export function checkData(data: readonly Datum[], contextLength: number): void {
  if (data.length === 0) refuse('There are no data.');
  for (const [index, datum] of data.entries()) {
    const { length } = datum.input;
    if (length === 0 || length > contextLength) refuse(`data[${index}].input has ${length} tokens; the model reads 1 to ${contextLength}.`);
    const uneven = LISTS.find((list) => datum[list].length !== length);
    if (uneven !== undefined) refuse(`data[${index}].${uneven} has ${datum[uneven].length} entries, data[${index}].input has ${length}.`);
    for (const list of ['input', 'targets'] as const) {
      const at = firstNot(datum[list], (token) => Number.isSafeInteger(token) && token >= 0);
      if (at !== -1) refuse(`data[${index}].${list}[${at}] is ${datum[list][at]}, which is no token.`);
    }
    for (const list of LISTS) {
      const at = firstNot(datum[list], Number.isFinite);
      if (at !== -1) refuse(`data[${index}].${list}[${at}] is ${datum[list][at]}; it must be a finite number.`);
    }
  }
}

/** @throws EngineLost when they are no finite numbers: neither is the gradient then */
export function logprobsOf({ loss_fn_outputs: outputs }: PassOutput, data: readonly Datum[]): Float32Array[] {
  if (outputs.length !== data.length)
    throw new Fault(503, `The training engine answers ${data.length} data with the log-probabilities of ${outputs.length}.`);
  return outputs.map(({ logprobs: { data: values } }, index) => {
    const { length } = data[index]?.targets ?? [];
    if (values.length !== length)
      throw new Fault(503, `The training engine answers ${length} tokens with ${values.length} log-probabilities.`);
    if (!values.every((value): value is number => typeof value === 'number' && Number.isFinite(value)))
      throw new EngineLost(`The log-probabilities of data[${index}] are no finite numbers any more.`);
    return Float32Array.from(values);
  });
}

function refuse(what: string): never {
  throw new HudError('BAD_ARGUMENT', what);
}
