/** The result of grading, on the wire (`GradeFrame`) and in a run (`Grade`). */
import * as z from 'zod/mini';
import './english.ts';
import { describeIssues } from './codec.ts';
import { HudError } from './errors.ts';
import { describeValue, isPlainObject, type JsonObject } from './json.ts';

/** One weighted part of a reward; may have parts of its own. `value` lies in [0, 1], weights may be negative. */
export interface SubScore {
  name: string;
  value: number;
  /** @default 1 */
  weight?: number;
  children?: SubScore[] | null;
  info?: JsonObject | null;
}

/** Closed at every level; `metadata` is read as another name of `info`. */
export const SubScore: z.ZodMiniType<SubScore> = z.pipe(
  z.transform((value) => {
    if (!isPlainObject(value) || !('metadata' in value)) return value;
    const { metadata, ...rest } = value;
    return { ...rest, info: rest.info ?? metadata };
  }),
  z.lazy(() =>
    z.strictObject({
      name: z.string(),
      value: z.number().check(z.minimum(0), z.maximum(1)),
      weight: z._default(z.number(), 1),
      children: z.nullish(z.array(SubScore)),
      info: z.nullish(z.record(z.string(), z.unknown())),
    }),
  ),
);

/** What a grader may return or a template yield instead of a bare number. Open: extra keys are kept. */
export const EvaluationResult = z.looseObject({
  reward: z._default(z.number(), 0),
  done: z._default(z.boolean(), true),
  /** For people; becomes the error text when `isError`. */
  content: z.nullish(z.string()),
  info: z._default(z.record(z.string(), z.unknown()), {}),
  /** Grading itself failed: the number means nothing. */
  isError: z._default(z.boolean(), false).register(z.globalRegistry, { wire: 'isError' }),
  subscores: z.nullish(z.array(SubScore)),
});
export type EvaluationResult = z.infer<typeof EvaluationResult>;
export type EvaluationResultInit = z.input<typeof EvaluationResult>;

/** `tasks.grade`'s result, verbatim as it travelled: at least a numeric `score`. */
export type GradeFrame = JsonObject & { score: number };

export interface Grade {
  /** The frame's `score`; 0 while ungraded. */
  reward: number;
  done: boolean;
  content?: string;
  info: JsonObject;
  isError: boolean;
  subscores?: SubScore[];
  /** The frame as it came; empty while ungraded. */
  raw: JsonObject;
}

export const UNGRADED: Grade = Object.freeze({ reward: 0, done: true, info: {}, isError: false, raw: {} });

const SubScores = z.array(SubScore);
const NONE = { success: true, data: undefined } as const;

/**
 * A grade out of the wire's frame.
 * @throws HudError GRADE_INVALID when `score` is missing, boolean, not a number or not finite,
 *   or when subscores are malformed
 */
export function parseGrade(frame: unknown): Grade {
  const score = isPlainObject(frame) ? frame.score : undefined;
  if (!isPlainObject(frame) || typeof score !== 'number' || !Number.isFinite(score)) {
    throw new HudError(
      'GRADE_INVALID',
      `tasks.grade must return a finite numeric 'score', got ${score === undefined ? 'none' : describeValue(score)}.`,
      {
        rpcCode: -32603,
        hint: 'The template should yield a number, or an object with a numeric score.',
        data: isPlainObject(frame) ? { frame } : {},
      },
    );
  }
  const subscores = frame.subscores == null ? NONE : SubScores.safeParse(frame.subscores);
  if (!subscores.success) {
    throw new HudError('GRADE_INVALID', `The grade's subscores are malformed: ${describeIssues(subscores.error.issues)}.`, {
      rpcCode: -32603,
      data: { frame },
      cause: subscores.error,
    });
  }
  return {
    reward: score,
    done: frame.done !== false,
    ...(typeof frame.content === 'string' ? { content: frame.content } : {}),
    info: isPlainObject(frame.info) ? frame.info : {},
    isError: frame.isError === true,
    ...(subscores.data ? { subscores: subscores.data } : {}),
    raw: frame,
  };
}

/** The frame as it is reported and shown: subscores without their `info`. */
export function evaluationOf(grade: Grade): JsonObject {
  if (grade.subscores === undefined) return grade.raw;
  return { ...grade.raw, subscores: grade.subscores.map(summarize) };
}

function summarize(subscore: SubScore): JsonObject {
  return {
    name: subscore.name,
    weight: subscore.weight ?? 1,
    value: subscore.value,
    children: subscore.children?.map(summarize) ?? null,
  };
}
