/** Several sub-scores as one: a weighted sum, the best of them, or the worst. */
import { HudError } from '../protocol/errors.ts';
import type { EvaluationResult, SubScore } from '../protocol/grade.ts';
import { checkedSubScore, evaluationResult, weightWarnings, withWarnings } from './evaluation.ts';

/**
 * Waits for all items together and adds them up: positive weights are scaled to sum to 1, negative ones
 * are penalties and stay as they are. The reward is not clamped, so penalties may take it below 0.
 * Order is kept; doubled names get `-1`, `-2`…; both that and weights that had to be scaled are told
 * in `info.warnings`.
 * @throws HudError GRADE_INVALID without any positive weight or for a malformed sub-score, else what the first failing item threw
 */
export async function combine(...items: (SubScore | PromiseLike<SubScore>)[]): Promise<EvaluationResult> {
  const given = (await Promise.all(items.map((item) => Promise.resolve(item)))).map(checkedSubScore);
  const positiveSum = given.reduce((sum, { weight }) => sum + Math.max(0, weight), 0);
  if (positiveSum <= 0) {
    throw new HudError('GRADE_INVALID', `combine() got ${given.length} sub-scores and none of them has a positive weight.`, {
      hint: 'Give at least one sub-score a weight above 0; negative weights are penalties on top.',
    });
  }
  const names = uniqueNames(given.map(({ name }) => name));
  const subscores = given.map((item, index) => ({
    ...item,
    name: names[index] as string,
    weight: item.weight > 0 ? item.weight / positiveSum : item.weight,
  }));
  // Divided once at the end: scaled weights that were added up would make 0.9999999999999998 of a full score.
  const earned = given.reduce((sum, { value, weight }) => sum + (weight > 0 ? value * weight : 0), 0);
  const penalty = given.reduce((sum, { value, weight }) => sum + (weight < 0 ? value * weight : 0), 0);
  const result = evaluationResult({ reward: earned / positiveSum + penalty, subscores });
  return withWarnings(result, [...renameWarnings(given, names), ...scaleWarnings(positiveSum)]);
}

/**
 * Passes as far as the best of its parts does: the value is their maximum, and they stay as `children`.
 * @throws HudError GRADE_INVALID without parts, or for a malformed one
 */
export function combineAny(weight: number, subscores: readonly SubScore[], name = 'any'): SubScore {
  return parent({ name, weight, subscores, pick: Math.max });
}

/**
 * Passes as far as the worst of its parts does: the value is their minimum, and they stay as `children`.
 * @throws HudError GRADE_INVALID without parts, or for a malformed one
 */
export function combineAll(weight: number, subscores: readonly SubScore[], name = 'all'): SubScore {
  return parent({ name, weight, subscores, pick: Math.min });
}

/**
 * Names that occur once stay. Every bearer of a doubled name gets the next free of `-1`, `-2`…,
 * where free means that nobody was given that name.
 */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const lastSuffix = new Map<string, number>();
  return names.map((name) => {
    if (names.indexOf(name) === names.lastIndexOf(name)) return name;
    let suffix = (lastSuffix.get(name) ?? 0) + 1;
    while (taken.has(`${name}-${suffix}`)) suffix += 1;
    lastSuffix.set(name, suffix);
    return `${name}-${suffix}`;
  });
}

interface ParentOptions {
  name: string;
  weight: number;
  subscores: readonly SubScore[];
  pick: (...values: number[]) => number;
}

function parent({ name, weight, subscores, pick }: ParentOptions): SubScore {
  if (subscores.length === 0) {
    throw new HudError('GRADE_INVALID', `Sub-score '${name}' was to be made of parts, and there are none.`, {
      hint: 'Pass at least one sub-score.',
    });
  }
  const parts = subscores.map(checkedSubScore);
  const names = uniqueNames(parts.map((part) => part.name));
  const children = parts.map((part, index) => ({ ...part, name: names[index] as string }));
  return checkedSubScore({ name, value: pick(...parts.map(({ value }) => value)), weight, children });
}

function renameWarnings(given: readonly SubScore[], names: readonly string[]): string[] {
  const renamed = Map.groupBy(
    names.filter((name, index) => name !== given[index]?.name),
    (name) => name.slice(0, name.lastIndexOf('-')),
  );
  return [...renamed].map(([name, now]) => `${now.length} sub-scores were named '${name}' and are now ${now.join(', ')}.`);
}

function scaleWarnings(positiveSum: number): string[] {
  return weightWarnings(positiveSum).map((warning) => `${warning} They were scaled, so they count differently from what was written.`);
}
