/**
 * Graders: functions from an answer to a number, to a sub-score, or to several of them as one result.
 * Runs no task and knows no agent.
 * Start with `text.ts` and `combine.ts`; `bash.ts` runs commands, `judge.ts` asks a model.
 * @module
 */
export { EvaluationResult, SubScore } from '../protocol/grade.ts';
export { bashGrader, type BashGraderOptions } from './bash.ts';
export { combine, combineAll, combineAny } from './combine.ts';
export { evaluationResult } from './evaluation.ts';
export { Grader, type GradeOptions, type Score } from './grader.ts';
export { llmJudge, type LlmJudgeOptions } from './judge.ts';
export { numericMatch, type NumericOptions } from './numeric.ts';
export { contains, containsAll, containsAny, exactMatch, f1Score, normalize, type ContainsOptions } from './text.ts';
