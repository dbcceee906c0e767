/** Classes of runs without a verdict, as flags name them. */
import { RUN_CLASSES, type FaultClass } from '../../protocol/errors.ts';
import { nearest } from '../../protocol/nearest.ts';
import { UsageError } from '../usage-error.ts';

export const FAULT_CLASSES: readonly FaultClass[] = RUN_CLASSES.filter((kind) => kind !== 'graded');

/** Faults of what a run stands on; the agent, its limits and the grader had no part in them. */
export const INFRASTRUCTURE: readonly FaultClass[] = ['boot', 'provider', 'sandbox'];

/** What a process may try again by itself: one that was interrupted stops. */
export const RETRIABLE: readonly FaultClass[] = FAULT_CLASSES.filter((kind) => kind !== 'cancelled');

/**
 * @param counts runs of each class that there are, told along with a refusal
 * @throws UsageError for `graded`, and for what is no class
 */
export function checkClasses(
  words: readonly string[],
  flag: string,
  valid: readonly FaultClass[],
  counts?: ReadonlyMap<string, number>,
): FaultClass[] {
  const known = valid.map((kind) => (counts === undefined ? kind : `${kind} (${counts.get(kind) ?? 0})`)).join(', ');
  return words.map((word) => {
    const found = valid.find((kind) => kind === word);
    if (found !== undefined) return found;
    if (word === 'graded') {
      throw new UsageError(`${flag} can't name graded: a run with a verdict is never run again.`, { hint: `Classes: ${known}.` });
    }
    const near = nearest(word, valid);
    const guess = near === undefined ? '' : `Did you mean '${near}'?\n`;
    throw new UsageError(`${flag} can't name '${word}'.`, { hint: `${guess}Classes: ${known}.` });
  });
}
