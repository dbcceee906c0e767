/** Picks the next token of a reply. */

export interface Choice {
  token: number;
  /** At temperature 1, before any cut. */
  logprob: number;
}

export interface ChoiceRules {
  /** 0: the likeliest, the first of equals. */
  temperature: number;
  /** The likeliest tokens that have this much of the probability together. @default 1 */
  topP?: number | undefined;
  /** That many of the likeliest tokens. @default all */
  topK?: number | undefined;
}

/** @param random a number in [0, 1) */
export function choose(logits: Float64Array, { temperature, topP = 1, topK = Infinity }: ChoiceRules, random: number): Choice {
  const token = temperature === 0 ? likeliest(logits) : draw(sharesOf(logits, temperature), { topP, topK }, random);
  return { token, logprob: logprobOf(logits, token) };
}

export function logprobOf(logits: Float64Array, token: number): number {
  const largest = logits[likeliest(logits)]!;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  return logits[token]! - largest - Math.log(total);
}

function likeliest(logits: Float64Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token += 1) if (logits[token]! > logits[best]!) best = token;
  return best;
}

/** Not normalized. */
function sharesOf(logits: Float64Array, temperature: number): Float64Array {
  const largest = logits[likeliest(logits)]!;
  return logits.map((logit) => Math.exp((logit - largest) / temperature));
}

interface Cut {
  topP: number;
  topK: number;
}

function draw(shares: Float64Array, cut: Cut, random: number): number {
  const isCut = cut.topP < 1 || cut.topK < shares.length;
  const { order, kept } = isCut ? nucleus(shares, cut) : { order: shares.keys(), kept: sum(shares) };
  let left = random * kept;
  let last = 0;
  for (const token of order) {
    left -= shares[token]!;
    if (left < 0) return token;
    last = token;
  }
  return last; // rounding
}

/** The likeliest tokens: `topK` at most, and of these as many as have `topP` of what they have together. */
function nucleus(shares: Float64Array, { topP, topK }: Cut): { order: number[]; kept: number } {
  const order = Array.from(shares.keys())
    .sort((a, b) => shares[b]! - shares[a]! || a - b)
    .slice(0, topK);
  const all = order.length === shares.length ? sum(shares) : sum(order.map((token) => shares[token]!));
  const enough = topP * all;
  let kept = 0;
  let count = 0;
  while (count < order.length && kept < enough) kept += shares[order[count++]!]!;
  return { order: order.slice(0, count), kept };
}

function sum(values: Float64Array | readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
