/** The base of graders that are worth a class: they have a name and say what they were asked to judge. */
import { HudError } from '../protocol/errors.ts';
import type { SubScore } from '../protocol/grade.ts';
import type { JsonObject } from '../protocol/json.ts';
import { checkedSubScore } from './evaluation.ts';
import { parameterRecord } from './parameters.ts';

/** A number in [0, 1], the same with details, or a whole sub-score. */
export type Score = number | readonly [value: number, info: JsonObject] | SubScore;

export interface GradeOptions {
  /** Negative for a penalty. @default 1 */
  weight?: number;
  /** @default the grader's own name */
  name?: string;
}

/**
 * Subclasses compute, `grade` packs. `P` are the parameters to compute from; `weight` and `name` are
 * taken by `grade`, so no parameter may be called that.
 *
 *     class WordCount extends Grader<{ text: string; limit: number }> {
 *       readonly name = 'WordCount';
 *       computeScore({ text, limit }: { text: string; limit: number }): Score {
 *         const words = text.split(' ').length;
 *         return [words <= limit ? 1 : 0, { words }];
 *       }
 *     }
 *     await new WordCount().grade({ text: answer, limit: 100, weight: 0.5 });
 */
export abstract class Grader<P extends object> {
  abstract readonly name: string;

  abstract computeScore(parameters: P): Score | Promise<Score>;

  /**
   * The score as a sub-score with this name and weight, whatever it said itself, and the parameters in `info._parameters`.
   * @throws HudError GRADE_INVALID when the score is no number in [0, 1]; else what `computeScore` throws
   */
  async grade(options: P & GradeOptions): Promise<SubScore> {
    const { weight, name, ...parameters } = options;
    const score = subScoreOf(await this.computeScore(parameters as unknown as P), this.name);
    return stamp(score, { name: name ?? this.name, weight: weight ?? 1, parameters });
  }
}

/** The same sub-score under this name and weight, with the parameters beside its details. */
export function stamp(subscore: SubScore, as: { name: string; weight: number; parameters: object }): SubScore {
  return checkedSubScore({
    ...subscore,
    name: as.name,
    weight: as.weight,
    info: { ...subscore.info, _parameters: parameterRecord(as.parameters) },
  });
}

function subScoreOf(score: Score, name: string): SubScore {
  if (typeof score === 'number') return { name, value: score };
  if (isPair(score)) return { name, value: score[0], info: score[1] };
  if (typeof score === 'object' && score !== null) return score;
  throw new HudError('GRADE_INVALID', `Grader '${name}' computed ${String(score)}, which is no score.`, {
    hint: 'computeScore returns a number, [number, info] or a sub-score.',
  });
}

function isPair(score: Score): score is readonly [number, JsonObject] {
  return Array.isArray(score);
}
