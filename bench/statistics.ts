/** Medians of ratios with intervals that need no assumption about noise. */

export interface Estimate {
  median: number;
  /** 95 %, by percentile bootstrap of the median. */
  interval: [low: number, high: number];
}

const RESAMPLES = 2_000;

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] as number;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** @returns undefined for no values */
export function estimateMedian(values: readonly number[], random: () => number): Estimate | undefined {
  if (values.length === 0) return undefined;
  const medians: number[] = [];
  for (let i = 0; i < RESAMPLES; i += 1) {
    medians.push(median(values.map(() => values[Math.floor(random() * values.length)] as number)));
  }
  medians.sort((a, b) => a - b);
  const at = (p: number): number => medians[Math.round(p * (RESAMPLES - 1))] as number;
  return { median: median(values), interval: [at(0.025), at(0.975)] };
}

/**
 * Median of the blocks' ratios, taken in logarithms so that twice as fast and half as fast weigh the same.
 * @param logRatios one per block: mean log of ours minus mean log of the reference
 */
export function estimateRatio(logRatios: readonly number[], random: () => number): Estimate | undefined {
  const estimate = estimateMedian(logRatios, random);
  if (estimate === undefined) return undefined;
  const [low, high] = estimate.interval;
  return { median: Math.exp(estimate.median), interval: [Math.exp(low), Math.exp(high)] };
}

/**
 * log of (geometric mean of ours / geometric mean of reference).
 * @returns undefined where a value is not above 0, which has no ratio
 */
export function logRatio(ours: readonly number[], reference: readonly number[]): number | undefined {
  if (ours.length === 0 || reference.length === 0) return undefined;
  if (![...ours, ...reference].every((value) => value > 0 && Number.isFinite(value))) return undefined;
  const meanLog = (values: readonly number[]): number => values.reduce((sum, value) => sum + Math.log(value), 0) / values.length;
  return meanLog(ours) - meanLog(reference);
}
