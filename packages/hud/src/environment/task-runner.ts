/** One suspended template: run it to its prompt, later resume it with the answer, always close it. */
import { withDeadline, withSignal, type Host } from '../host/host.ts';
import { HudError, messageOf, placeIn } from '../protocol/errors.ts';
import { EvaluationResult, type GradeFrame } from '../protocol/grade.ts';
import { isPlainObject, parseJson, stringifyJson, type JsonObject } from '../protocol/json.ts';
import { RPC, type StartFrame } from '../protocol/messages.ts';
import type { Environment } from './environment.ts';
import { check } from './schema.ts';
import { unknownNames, type Template, type TypedContext } from './template.ts';

export interface RunnerOptions {
  environment: Environment;
  template: Template;
  sessionId: string;
  host: Host;
  /** Arguments that fail their schema are errors. `false` passes them through, as the Python package does. @default true */
  strictArgs?: boolean;
}

/** Longest wait for a template's clean-up; a template that ignores its signal is left behind. */
const CLOSE_MS = 5_000;

/** One for all: a regular end needs no stack of its own. */
const OVER = new HudError('CANCELLED', 'the task is over', { rpcCode: RPC.serverError });

export class TaskRunner {
  readonly #options: RunnerOptions;
  readonly #abort = new AbortController();
  readonly #published: Record<string, JsonObject> = {};
  readonly #context: TypedContext<unknown>;
  #generator: AsyncGenerator<unknown, unknown, unknown> | undefined;
  #args: JsonObject = {};
  #closed: Promise<void> | undefined;
  #isOver = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#context = {
      signal: this.#abort.signal,
      sessionId: options.sessionId,
      answer: (answer) => answer,
      publishBinding: (capability, data) => {
        this.#published[capability] = data;
      },
    };
  }

  get sessionId(): string {
    return this.#options.sessionId;
  }

  get taskId(): string {
    return this.#options.template.id;
  }

  /**
   * Binds the arguments and runs to the first yield. Whatever fails, the task is closed.
   * @throws HudError naming the task
   */
  async start(args: JsonObject): Promise<StartFrame> {
    try {
      this.#args = await bindArgs(this.#options, args);
      this.#abort.signal.throwIfAborted();
      this.#generator = this.#options.template.run(this.#args, this.#context);
      const first = await this.#resume();
      if (first.done === true) throw this.#failed('ended before yielding a prompt');
      return this.#promptFrame(first.value);
    } catch (error) {
      await this.close();
      throw this.#asFailure(error);
    }
  }

  /** Resumes with the answer and takes the grade. The task is closed before this returns, whatever comes. */
  async grade(params: JsonObject): Promise<GradeFrame> {
    try {
      if (this.#generator === undefined) throw this.#failed('was never started');
      const second = await this.#resume(await this.#answer(params));
      this.#isOver = true;
      return gradeFrame(second.value, second.done === true, this.taskId);
    } catch (error) {
      throw this.#asFailure(error);
    } finally {
      await this.close();
    }
  }

  /** Runs the template's reference solution for this task's arguments. */
  async solve(): Promise<unknown> {
    const { solution } = this.#options.template.options;
    if (solution === undefined) {
      throw new HudError('TEMPLATE_NOT_FOUND', `Task '${this.taskId}' has no reference solution.`, {
        rpcCode: RPC.serverError,
        hint: `Give the template a 'solution' to run the agent 'oracle' on it.`,
      });
    }
    try {
      return await withSignal(Promise.resolve(solution(this.#args as never, this.#context)), this.#abort.signal);
    } catch (error) {
      throw this.#asFailure(error);
    }
  }

  /** Closes the generator so that its `finally` blocks run, then runs the environment's task-end hooks. Once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#abort.abort(this.#isOver ? OVER : new HudError('CANCELLED', `task '${this.taskId}' was cancelled`, { rpcCode: RPC.serverError }));
    const { environment, host, sessionId } = this.#options;
    try {
      // A generator that waits inside itself only queues the return, hence the signal and the bound.
      const closing = this.#generator?.return(undefined) ?? Promise.resolve();
      await withDeadline(host, closing as Promise<unknown>, CLOSE_MS, () => new Error(`its clean-up took longer than ${CLOSE_MS} ms`));
    } catch (error) {
      environment.warn(`task '${this.taskId}' did not clean up: ${messageOf(error)}`);
    }
    await environment.taskEnded({ id: this.taskId, sessionId });
  }

  /** A template that waits for ever and ignores its signal must not hold its caller when the task is closed. */
  async #resume(answer?: unknown): Promise<IteratorResult<unknown, unknown>> {
    const generator = this.#generator as AsyncGenerator<unknown, unknown, unknown>;
    return await withSignal(generator.next(answer), this.#abort.signal);
  }

  #promptFrame(value: unknown): StartFrame {
    const frame: StartFrame = isPlainObject(value) && 'prompt' in value ? { ...value } : { prompt: value ?? null };
    if (Object.keys(this.#published).length > 0) frame.bindings = { ...frame.bindings, ...this.#published };
    stringifyJson(frame); // a prompt that can't be written must fail here, where the task is still closed
    return frame;
  }

  async #answer(params: JsonObject): Promise<unknown> {
    const { returns } = this.#options.template.options;
    if (returns === undefined) return params.answer ?? null;
    const answer = params.answer ?? '';
    const raw = typeof answer === 'string' ? answer : stringifyJson(answer);
    const candidate = typeof answer === 'string' ? tryJson(answer) : { value: answer };
    const checked = candidate === undefined ? undefined : await check(returns, candidate.value);
    return { content: checked?.ok ? checked.value : answer, raw };
  }

  #failed(what: string): HudError {
    return new HudError('TEMPLATE_FAILED', `task '${this.taskId}' ${what}`, { rpcCode: RPC.serverError });
  }

  #asFailure(error: unknown): HudError {
    if (error instanceof HudError) return error;
    const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
    const place = placeIn(error);
    const message = `task '${this.taskId}' failed: ${name}${messageOf(error)}${place === undefined ? '' : ` (at ${place})`}`;
    return new HudError('TEMPLATE_FAILED', message, { rpcCode: RPC.serverError, cause: error });
  }
}

/**
 * Names first, then values: a value that fails and is a string is tried once more as JSON text,
 * because stored rows may hold structured arguments that way.
 */
async function bindArgs({ template, strictArgs }: RunnerOptions, args: JsonObject): Promise<JsonObject> {
  const unknown = unknownNames(template, args);
  const required = (template.argsSchema.required ?? []) as string[];
  const missing = required.filter((name) => !Object.hasOwn(args, name));
  if (unknown.length > 0 || missing.length > 0) {
    const names = unknown.length > 0 ? unknown : Object.keys(args).toSorted();
    const reason = unknown.length > 0 ? `it has no argument ${unknown.join(', ')}` : `missing ${missing.join(', ')}`;
    throw new HudError('BAD_ARGUMENT', `task '${template.id}': bad args [${names.map((n) => `'${n}'`).join(', ')}]: ${reason}`, {
      rpcCode: RPC.serverError,
    });
  }
  const schema = template.options.args;
  if (schema === undefined) return args;
  const asGiven = await check(schema, args);
  if (asGiven.ok) return asGiven.value;
  const reread = Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      const parsed = asGiven.badKeys.includes(name) && typeof value === 'string' ? tryJson(value) : undefined;
      return [name, parsed === undefined ? value : parsed.value];
    }),
  );
  const asJson = await check(schema, reread);
  if (asJson.ok) return asJson.value;
  if (strictArgs === false) return args;
  throw new HudError('BAD_ARGUMENT', `task '${template.id}': bad args: ${asJson.problems}`, { rpcCode: RPC.invalidParams });
}

/**
 * The second yield (or the generator's return value) as the frame that travels.
 * @throws HudError GRADE_INVALID for anything that is no grade
 */
export function gradeFrame(value: unknown, isReturn: boolean, taskId: string): GradeFrame {
  if (typeof value === 'number' || typeof value === 'boolean') return { score: finite(Number(value), taskId) };
  if (value === undefined && isReturn) {
    const content = 'template ended without a grade';
    return evaluationFrame({ reward: 0, isError: true, content, info: { warning: content } });
  }
  if (!isPlainObject(value)) throw invalid(taskId, `must yield a number or an object with a numeric 'score', got ${describe(value)}`);
  if (isEvaluation(value)) return evaluationFrame(value, taskId);
  const { score } = value;
  if (typeof score !== 'number' && typeof score !== 'boolean') {
    throw invalid(
      taskId,
      `yielded an object without a numeric 'score'; its keys are ${Object.keys(value).toSorted().join(', ') || 'none'} (yield a number, or add one)`,
    );
  }
  return { ...value, score: finite(Number(score), taskId) };
}

/** A reward beside at least one more field of an evaluation result; `{ reward: 1 }` alone is a misspelt score. */
function isEvaluation(value: JsonObject): boolean {
  const fields = ['done', 'content', 'info', 'isError', 'subscores'];
  return typeof value.reward === 'number' && value.score === undefined && fields.some((field) => field in value);
}

function evaluationFrame(value: JsonObject, taskId = ''): GradeFrame {
  const parsed = EvaluationResult.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(taskId, `yielded a malformed evaluation result: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { reward, content, subscores, ...rest } = parsed.data;
  return { score: finite(reward, taskId), ...rest, content: content ?? null, subscores: subscores?.map(wireSubScore) ?? null };
}

/** All five keys, always: a strict reader refuses others and misses none. */
function wireSubScore(node: NonNullable<EvaluationResult['subscores']>[number]): JsonObject {
  return {
    name: node.name,
    weight: node.weight ?? 1,
    value: node.value,
    children: node.children?.map(wireSubScore) ?? null,
    info: node.info ?? null,
  };
}

function finite(score: number, taskId: string): number {
  if (Number.isFinite(score)) return score;
  throw invalid(taskId, `yielded ${score} as its grade; a finite number was expected (yield a number such as 0 or 1)`);
}

function invalid(taskId: string, what: string): HudError {
  return new HudError('GRADE_INVALID', `task '${taskId}' ${what}.`, {
    rpcCode: RPC.serverError,
    hint: 'A template may yield a number, { score }, or an evaluation result with a reward.',
  });
}

function describe(value: unknown): string {
  return typeof value === 'string'
    ? `the string ${JSON.stringify(value.slice(0, 60))}`
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : typeof value;
}

function tryJson(text: string): { value: unknown } | undefined {
  try {
    return { value: parseJson(text) };
  } catch {
    return undefined; // not JSON: the caller keeps the text
  }
}
