/** How a run ended of which only OpenTelemetry tells. */
import type { OtlpSpan } from './wire.ts';

type Finish = {
  class: 'graded' | 'agent' | 'grader';
  status: 'completed' | 'error';
  steps: number;
  endedAt: number;
  reward?: number;
  grade?: Record<string, unknown>;
  error?: { code: string; message: string };
};

/** @param root the outermost span; its event `gen_ai.evaluation.result` is the grade. @param now milliseconds since 1970 */
export function endOf(root: OtlpSpan, now: number): Finish {
  const endedAt = root.endTimeUnixNano === 0n ? now : Number(root.endTimeUnixNano / 1_000_000n);
  const isError = root.statusCode === 2;
  const base = { status: isError ? ('error' as const) : ('completed' as const), steps: 0, endedAt };
  const evaluation = root.events.findLast(({ name }) => name === 'gen_ai.evaluation.result')?.attributes;
  const score = evaluation?.['gen_ai.evaluation.score.value'];
  if (typeof score === 'number' && Number.isFinite(score)) {
    const content = evaluation?.['gen_ai.evaluation.explanation'];
    return { ...base, class: 'graded', reward: score, grade: { score, done: true, ...(typeof content === 'string' ? { content } : {}) } };
  }
  if (isError)
    return {
      ...base,
      class: 'agent',
      error: { code: 'AGENT_FAILED', message: root.statusMessage ?? 'The outermost span ended with an error.' },
    };
  return {
    ...base,
    class: 'grader',
    error: { code: 'GRADE_INVALID', message: 'Nobody graded it: no event gen_ai.evaluation.result came with its outermost span.' },
  };
}
