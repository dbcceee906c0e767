/** Grades by asking a model, one criterion at a time. */
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import type { SubScore } from '../protocol/grade.ts';
import { ask, findEndpoint, type ChatEndpoint } from './chat.ts';
import { stamp, type GradeOptions } from './grader.ts';
import { answerText } from './text.ts';
import { JUDGE_PROMPT, judgeQuestion, readVerdict, rubricValue, type Criterion, type Verdict } from './verdict.ts';

export interface LlmJudgeOptions extends GradeOptions {
  answer: unknown;
  /** A text counts with weight 1; a negative weight is an error to avoid. */
  criteria: readonly (string | readonly [text: string, weight: number])[];
  /** What the answer answers. @default none */
  question?: string;
  /** As the endpoint calls it. @default 'claude-haiku-4-5' */
  model?: string;
  /** An OpenAI-compatible endpoint, without `/chat/completions`. @default see {@link findEndpoint} */
  baseUrl?: string;
  /** With `baseUrl` and without this, no key is sent. */
  apiKey?: string;
  /** Criteria asked about at once. @default 8 */
  concurrency?: number;
  /** Seconds for one criterion, all tries included. @default 300 */
  timeoutSeconds?: number;
  /** Ends all requests; the call then throws the signal's reason. A template passes its `ctx.signal`. */
  signal?: AbortSignal;
}

/** As the Python package calls it, so that grades of both can be compared. */
const NAME = 'LLMJudgeGrader';
const DEFAULT_MODEL = 'claude-haiku-4-5';
const MAX_TOKENS = 1024;
const MAX_ASKS = 2;

/**
 * The share of the criteria's weight that the answer earns, in [0, 1]. Each criterion is one call of the
 * model and one child with the model's reason in its `info`. Without a criterion that weighs anything
 * the value is 0, `info.error` says so, and no model is asked.
 * @throws HudError GRADE_FAILED when the model can't be reached or gives no verdict, which is never a 0;
 *   MODEL_KEY_MISSING, BAD_ARGUMENT; or the signal's reason
 */
export async function llmJudge(options: LlmJudgeOptions): Promise<SubScore> {
  const model = options.model ?? DEFAULT_MODEL;
  const criteria = options.criteria.map(criterionOf);
  const { answer, question, concurrency = 8, timeoutSeconds = 300 } = options;
  requirePositive({ concurrency, timeoutSeconds });
  const as = {
    name: options.name ?? NAME,
    weight: options.weight ?? 1,
    parameters: { answer, criteria: options.criteria, question, model: options.model },
  };
  if (criteria.every(({ weight }) => weight === 0)) {
    const error = criteria.length === 0 ? 'no criteria provided' : 'every criterion has weight 0';
    return stamp({ name: NAME, value: 0, info: { error } }, as);
  }
  const endpoint = findEndpoint(options);
  const asked = { endpoint, model, answer: answerText(answer), question: question ?? '', timeoutMs: timeoutSeconds * 1000 };
  const verdicts = await inParallel(criteria, { limit: concurrency, signal: options.signal }, async (criterion, signal) => ({
    ...criterion,
    ...(await judge(criterion, { ...asked, signal })),
  }));
  const children = verdicts.map(({ text, weight, isMet, reason }) => ({ name: text, value: isMet ? 1 : 0, weight, info: { reason } }));
  return stamp({ name: NAME, value: rubricValue(verdicts), children, info: { model } }, as);
}

interface Asked {
  endpoint: ChatEndpoint;
  model: string;
  answer: string;
  question: string;
  timeoutMs: number;
  signal: AbortSignal;
}

/** A reply without a verdict may be chance, so it is asked for once more. */
async function judge(criterion: Criterion, { endpoint, model, timeoutMs, signal, ...about }: Asked): Promise<Verdict> {
  const user = judgeQuestion(criterion, about);
  const deadline = nodeHost.monotonic() + timeoutMs;
  let reply = '';
  for (let asks = 0; asks < MAX_ASKS; asks++) {
    reply = await ask(endpoint, { model, system: JUDGE_PROMPT, user, maxTokens: MAX_TOKENS }, { deadline, signal });
    const verdict = readVerdict(reply);
    if (verdict !== undefined) return verdict;
  }
  throw new HudError('GRADE_FAILED', `The judge's model ${model} gave no verdict on "${criterion.text}" in ${MAX_ASKS} replies.`, {
    hint: "Its last reply is in the error's data; another model, or a criterion that can be decided, may help.",
    data: { reply: reply.slice(0, 500) },
  });
}

/** Results in the order of the items. The first failure ends the other calls. */
async function inParallel<T, R>(
  items: readonly T[],
  { limit, signal }: { limit: number; signal: AbortSignal | undefined },
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const results: R[] = [];
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await work(item, both);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
    return results;
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

function criterionOf(given: string | readonly [string, number]): Criterion {
  const [text, weight] = typeof given === 'string' ? [given, 1] : given;
  if (Number.isFinite(weight)) return { text, weight };
  throw new HudError('BAD_ARGUMENT', `llmJudge's criterion "${text}" has the weight ${weight}; a finite number was expected.`);
}

function requirePositive(limits: Record<string, number>): void {
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new HudError('BAD_ARGUMENT', `llmJudge's ${name} must be a number above 0, got ${value}.`);
  }
}
