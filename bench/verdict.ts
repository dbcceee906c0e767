/** Blocks → estimates → whether the goal was met. */
import type { Goal, Measure } from './contract.ts';
import type { Block, Sample } from './contest.ts';
import { isVoid } from './fence.ts';
import { estimateMedian, estimateRatio, logRatio, median, type Estimate } from './statistics.ts';

/** `void`: the machine was too busy to say; the estimates are over all blocks then, and prove nothing. */
export type Verdict = 'met' | 'missed' | 'void' | 'no goal' | 'not measured';

export interface MeasureResult {
  figure: string;
  unit: string;
  ours: Estimate | undefined;
  reference: Estimate | undefined;
  /** ours : reference. */
  ratio: Estimate | undefined;
  /** Of the Python package; `ratio` is ours : original, in the same blocks. */
  original: { median: number; ratio: number | undefined } | undefined;
  goal: Goal | undefined;
  verdict: Verdict;
}

export function resultOf(measure: Measure, blocks: readonly Block[], random: () => number): MeasureResult {
  const discarded = blocks.filter((block) => !block.fence.isClean).length;
  const isSpoiled = isVoid(discarded, blocks.length);
  const counted = isSpoiled ? blocks : blocks.filter((block) => block.fence.isClean);
  const perBlock = counted.map(({ samples }) => ({
    ours: figuresOf(samples, 'A', measure.figure),
    reference: figuresOf(samples, 'B', measure.figure),
    original: figuresOf(samples, 'original', measure.figure),
  }));
  const ratios = perBlock.map(({ ours, reference }) => logRatio(ours, reference)).filter((value) => value !== undefined);
  const means = (side: 'ours' | 'reference'): number[] =>
    perBlock
      .map((block) => block[side])
      .filter(isFilled)
      .map(mean);
  const result = {
    figure: measure.figure,
    unit: measure.unit,
    ours: estimateMedian(means('ours'), random),
    reference: estimateMedian(means('reference'), random),
    ratio: estimateRatio(ratios, random),
    original: originalOf(perBlock),
    goal: measure.goal,
  };
  return { ...result, verdict: verdictOf(measure.goal, result, isSpoiled) };
}

function verdictOf(
  goal: Goal | undefined,
  result: { ours: Estimate | undefined; ratio: Estimate | undefined },
  isSpoiled: boolean,
): Verdict {
  const estimate = goal?.of === 'ratio' ? result.ratio : result.ours;
  if (estimate === undefined) return 'not measured';
  if (goal === undefined) return 'no goal';
  return isSpoiled ? 'void' : isMet(goal, estimate) ? 'met' : 'missed';
}

/** The unlucky end of the interval counts. */
export function isMet(goal: Goal, { interval: [low, high] }: Estimate): boolean {
  return goal.bound === 'atLeast' ? low >= goal.value : high <= goal.value;
}

function originalOf(blocks: readonly { ours: number[]; original: number[] }[]): MeasureResult['original'] {
  const both = blocks.filter(({ original }) => original.length > 0);
  if (both.length === 0) return undefined;
  const ratios = both.map(({ ours, original }) => logRatio(ours, original)).filter((value) => value !== undefined);
  return {
    median: median(both.map(({ original }) => mean(original))),
    ratio: ratios.length === 0 ? undefined : Math.exp(median(ratios)),
  };
}

function figuresOf(samples: readonly Sample[], side: Sample['side'], figure: string): number[] {
  return samples
    .filter((sample) => sample.side === side)
    .map((sample) => sample.figures[figure])
    .filter((value) => value !== undefined);
}

function isFilled(values: number[]): boolean {
  return values.length > 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
