/** Numbers of passes, put together: what is called a sum adds up, the rest are means, least and greatest values. */
import { Breath } from './breath.ts';
import type { Datum, Loss, PassResult } from './engine.ts';
import type { Trajectory } from './inputs.ts';

export type Metrics = Record<string, number>;

export interface Weighed {
  metrics: Metrics;
  /** In means. */
  datums: number;
}

const SUM = /:sum$|^num_(tokens|trajectories)$/;
const MAX = /[:_]max$/;
const MIN = /[:_]min$/;

/** Over all parts; a value that only some have is the mean of those. Not finite ones are left out. */
export function combine(parts: readonly Weighed[]): Metrics {
  const names = [...new Set(parts.flatMap(({ metrics }) => Object.keys(metrics)))];
  const all: Metrics = {};
  for (const name of names) {
    const own = parts.flatMap(({ metrics: { [name]: value }, datums }) => (value === undefined ? [] : [{ value, datums }]));
    const value = combined(name, own);
    if (Number.isFinite(value)) all[name] = value;
  }
  return all;
}

function combined(name: string, own: readonly { value: number; datums: number }[]): number {
  const values = own.map(({ value }) => value);
  if (SUM.test(name)) return values.reduce((sum, value) => sum + value, 0);
  if (MAX.test(name)) return Math.max(...values);
  if (MIN.test(name)) return Math.min(...values);
  const weight = own.reduce((sum, { datums }) => sum + datums, 0);
  if (weight === 0) return values.reduce((sum, value) => sum + value, 0) / values.length;
  return own.reduce((sum, { value, datums }) => sum + value * datums, 0) / weight;
}

/** Of the batch as it came. */
export function batchMetrics(trajectories: readonly Trajectory[]): Metrics {
  const rewards = trajectories.map(({ reward }) => reward);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  const masks = trajectories.flatMap(({ turns }) => turns.flatMap(({ mask, samplingLogprobs }) => [{ mask, samplingLogprobs }]));
  let tokens = 0;
  let logprobs = 0;
  for (const { mask, samplingLogprobs } of masks) {
    for (let i = 0; i < mask.length; i += 1) {
      tokens += mask[i]!;
      logprobs += mask[i]! * samplingLogprobs[i]!;
    }
  }
  return {
    reward_mean: mean,
    reward_std: Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length),
    reward_min: least(rewards),
    reward_max: -least(rewards.map((reward) => -reward)),
    num_tokens: tokens,
    num_trajectories: trajectories.length,
    // Minus the mean log-probability of what was sampled estimates the entropy per token without a bias, at temperature 1.
    ...(tokens > 0 && { sampling_logprob_mean: logprobs / tokens, entropy_sampled: 0 - logprobs / tokens }),
  };
}

/** `Math.min` takes only so many arguments. */
function least(values: readonly number[]): number {
  return values.reduce((low, value) => Math.min(low, value), Infinity);
}

/** Of one pass through the engine: its own numbers, and how far the model has gone from the policy that sampled. */
export async function passMetrics(
  { logprobs, metrics }: PassResult,
  data: readonly Datum[],
  loss: Loss,
  config: Metrics,
): Promise<Weighed> {
  const isPolicy = loss !== 'cross_entropy';
  const { clip_low_threshold: low = 0, clip_high_threshold: high = Infinity } = config;
  const bounds = { low: Math.log(low), high: Math.log(high) };
  const all: Distance = { tokens: 0, distance: 0, clipped: 0 };
  const breath = new Breath();
  for (const [d, datum] of data.entries()) {
    if (isPolicy) addDistance(all, datum, logprobs[d]!, bounds);
    await breath.taken();
  }
  const { tokens, distance, clipped } = all;
  return {
    datums: data.length,
    metrics: {
      'loss:sum': 0,
      ...metrics,
      ...(isPolicy && tokens > 0 && { kl_sample_train: distance / tokens }),
      ...('clip_low_threshold' in config && tokens > 0 && { clip_fraction: clipped / tokens }),
    },
  };
}

/** Between the policy that sampled and the weights as they are, summed over tokens. */
interface Distance {
  tokens: number;
  distance: number;
  /** Tokens whose ratio is outside of the bounds. */
  clipped: number;
}

/** @param bounds of the logarithm of the ratio */
function addDistance(
  all: Distance,
  { mask, samplingLogprobs }: Datum,
  logprobs: Float32Array,
  bounds: { low: number; high: number },
): void {
  let [tokens, distance, clipped] = [0, 0, 0];
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i] === 0) continue;
    const change = logprobs[i]! - samplingLogprobs[i]!;
    tokens += 1;
    distance -= change;
    if (change < bounds.low || change > bounds.high) clipped += 1;
  }
  all.tokens += tokens;
  all.distance += distance;
  all.clipped += clipped;
}
