/** What engines learn from, in their tests. */
import type { Datum } from './engine.ts';

/** A prompt and the tokens that followed it, as a model learns from them. */
export function datumOf(prompt: readonly number[], tokens: readonly number[], logprobs: readonly number[], advantage: number): Datum {
  const full = [...prompt, ...tokens];
  const before = prompt.slice(1).map(() => 0);
  return {
    input: full.slice(0, -1),
    targets: full.slice(1),
    mask: [...before, ...tokens.map(() => 1)],
    samplingLogprobs: [...before, ...logprobs],
    advantages: [...before, ...tokens.map(() => advantage)],
    weights: [...before, ...tokens.map(() => 1)],
  };
}
