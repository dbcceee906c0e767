/** A grade as the commands print it: the bare number, so that `> reward.txt` works, or the whole as JSON. */
import { evaluationOf, type Grade } from '../protocol/grade.ts';
import type { Context, Result } from './command.ts';
import { EXIT } from './error-report.ts';
import { literal } from './terminal/literal.ts';

export function gradeResult(grade: Grade, { note }: Context): Result {
  const json = {
    score: grade.reward,
    isError: grade.isError,
    ...(grade.content === undefined ? {} : { content: grade.content }),
    ...(grade.subscores === undefined ? {} : { subscores: evaluationOf(grade).subscores }),
    ...(Object.keys(grade.info).length === 0 ? {} : { info: grade.info }),
  };
  if (!grade.isError) return { json, text: () => [String(grade.reward)] };
  // No number is printed: whoever reads one would take a broken grader for a score.
  note(`Grading reported an error: ${literal(grade.content ?? 'no reason given')}`);
  return { json, exitCode: EXIT.gradeError };
}
