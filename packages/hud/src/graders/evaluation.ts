/** An author's evaluation result, completed and looked over: what is odd about it is said inside it. */
import { z } from 'zod';
import { describeIssues } from '../protocol/codec.ts';
import { HudError } from '../protocol/errors.ts';
import { EvaluationResult, SubScore, type EvaluationResultInit } from '../protocol/grade.ts';

/** How far weights and sums may be off before it is worth a warning. */
const TOLERANCE = 0.01;

/**
 * Fills the defaults. A number alone becomes a result with that reward.
 * Doubled names, positive weights that do not sum to 1 and sub-scores that do not add up to the reward
 * are told in `info.warnings`, one sentence each; they change no number.
 * @throws HudError GRADE_INVALID when a field is malformed or a number is not finite
 */
export function evaluationResult(init: EvaluationResultInit | number): EvaluationResult {
  const parsed = EvaluationResult.safeParse(typeof init === 'number' ? { reward: init } : init);
  if (!parsed.success) throw malformed('This evaluation result', parsed.error.issues);
  return withWarnings(parsed.data, warningsOf(parsed.data));
}

/**
 * One sub-score, checked and with its weight filled in.
 * @throws HudError GRADE_INVALID naming it, when its value is outside [0, 1] or a field is unknown or malformed
 */
export function checkedSubScore(subscore: unknown): SubScore & { weight: number } {
  const parsed = SubScore.safeParse(subscore);
  if (parsed.success) return { ...parsed.data, weight: parsed.data.weight ?? 1 };
  const name = (subscore as { name?: unknown } | null | undefined)?.name;
  throw malformed(typeof name === 'string' ? `Sub-score '${name}'` : 'A sub-score', parsed.error.issues);
}

/** The same result with sentences added to `info.warnings`; without any, unchanged. */
export function withWarnings(result: EvaluationResult, warnings: readonly string[]): EvaluationResult {
  if (warnings.length === 0) return result;
  const earlier = Array.isArray(result.info.warnings) ? result.info.warnings : [];
  return { ...result, info: { ...result.info, warnings: [...earlier, ...warnings] } };
}

/** @returns nothing when the sum is close enough to 1 */
export function weightWarnings(positiveSum: number): string[] {
  if (Math.abs(positiveSum - 1) <= TOLERANCE) return [];
  return [`The positive weights sum to ${positiveSum.toFixed(4)}, not 1.`];
}

function warningsOf({ reward, subscores }: EvaluationResult): string[] {
  if (subscores === undefined || subscores === null || subscores.length === 0) return [];
  const names = subscores.map(({ name }) => name);
  const doubled = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
  const weighted = subscores.map(({ value, weight = 1 }) => ({ value, weight }));
  const positiveSum = weighted.reduce((sum, { weight }) => sum + Math.max(0, weight), 0);
  const total = weighted.reduce((sum, { value, weight }) => sum + value * weight, 0);
  return [
    ...doubled.map((name) => `More than one sub-score is named '${name}'.`),
    ...weightWarnings(positiveSum),
    ...(Math.abs(total - reward) <= TOLERANCE
      ? []
      : [`The sub-scores add up to ${total.toFixed(4)}, but the reward is ${reward.toFixed(4)}.`]),
  ];
}

function malformed(what: string, issues: readonly z.core.$ZodIssue[]): HudError {
  return new HudError('GRADE_INVALID', `${what} is malformed: ${describeIssues(issues)}.`, {
    hint: 'A value lies in [0, 1] and a weight is a finite number; details go into info.',
  });
}
