/** What an author writes to make tasks: schemas, a generator that prompts and grades, a factory that mints rows. */
import { HudError } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { Task, type TaskInit } from '../protocol/task.ts';
import type { TaskEntry } from '../protocol/messages.ts';
import { argsJsonSchema, checkNow, jsonSchema, type StandardSchema } from './schema.ts';

/** What a template with `returns` receives: the parsed answer, and the text it came from. */
export interface Answer<T = unknown> {
  /** Of the declared type, or the raw string where it did not parse. */
  content: T | string;
  raw: string;
}

export interface TemplateContext {
  /** Fires when the task is cancelled or the environment stops; pass it on to whatever may take long. */
  readonly signal: AbortSignal;
  readonly sessionId: string;
  /** Hands the agent per-episode data of a capability together with the prompt. Call before the first yield. */
  publishBinding(capability: string, data: JsonObject): void;
}

/** The context of a template with `returns`. */
export interface TypedContext<T> extends TemplateContext {
  /** The same answer with its declared type, which `yield` itself can't tell: `answer(yield 'How many?')`. */
  answer(answer: Answer): Answer<T>;
}

/**
 * Yields a prompt, receives the answer, yields (or returns) a grade. Code after the second yield runs
 * only in `finally` blocks. Without `returns` the answer is what the agent sent: text, or null when it
 * produced none. A verifier's answer is an object: write `const frame: unknown = yield …` there.
 */
export type TemplateFunction<Args, Context, A> = (args: Args, context: Context) => AsyncGenerator<unknown, unknown, A>;

/** What a template without `args` takes. */
export type NoArgs = Record<string, never>;

export interface TemplateOptions<Input = unknown, Args = unknown, Returns = undefined> {
  /** Unique within the environment. @default the generator function's name */
  id?: string;
  description?: string;
  /** Schema of the arguments, an object. Without one the template takes none. */
  args?: StandardSchema<Input, Args>;
  /** Schema of the answer; the template then receives `{ content, raw }`. */
  returns?: Returns;
  /** Schema of the kind of input the agent is given. */
  input?: StandardSchema;
  /**
   * A reference solution, run inside the environment by the agent `oracle`; its result is the answer.
   * A task whose solution does not earn the full reward is broken.
   */
  solution?(args: Args, context: TemplateContext): unknown;
}

/** A registered template, with its types erased. */
export interface Template {
  readonly id: string;
  readonly options: TemplateOptions<unknown, never, StandardSchema | undefined>;
  /** JSON Schema of the arguments. */
  readonly argsSchema: JsonObject;
  readonly run: (args: JsonObject, context: TypedContext<unknown>) => AsyncGenerator<unknown, unknown, unknown>;
}

/** Calling it mints a task, which is not run. */
export interface TemplateFactory<Args = JsonObject> {
  /** @throws HudError BAD_ARGUMENT naming the argument, before anything runs */
  (args?: Args): Task;
  readonly id: string;
  readonly description: string;
}

const ASYNC_GENERATOR = Object.getPrototypeOf(async function* () {}) as object;

/** @throws HudError BAD_ARGUMENT when `fn` is no async generator, or there is nothing to name it by */
export function makeTemplate(options: Template['options'], fn: TemplateFunction<never, never, never>): Template {
  const id = options.id ?? fn.name;
  if (id === '') throw new HudError('BAD_ARGUMENT', 'A template needs an id, or a named generator function.');
  if (Object.getPrototypeOf(fn) !== ASYNC_GENERATOR) {
    throw new HudError('BAD_ARGUMENT', `Template '${id}' is not an async generator.`, { hint: 'Write async function* (args) { … }.' });
  }
  return { id, options, argsSchema: argsJsonSchema(options.args, id), run: fn as unknown as Template['run'] };
}

/** The row of `tasks.list`. */
export function templateEntry(template: Template): TaskEntry {
  const { description, input, returns } = template.options;
  return {
    id: template.id,
    description: description ?? '',
    args: template.argsSchema,
    ...(input === undefined ? {} : { input: jsonSchema(input) }),
    ...(returns === undefined ? {} : { returns: jsonSchema(returns) }),
  };
}

/** The caller's own object becomes the row's args: defaults that a schema fills in would change the slug. */
export function mintTask(environment: string, template: Template, args: JsonObject = {}): Task {
  if (!isPlainObject(args)) throw new HudError('BAD_ARGUMENT', `${template.id}() takes one object of arguments.`);
  const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
  const unknown = unknownNames(template, given);
  if (unknown.length > 0)
    throw new HudError('BAD_ARGUMENT', `${template.id}() has no argument ${unknown.map((name) => `'${name}'`).join(', ')}.`);
  const checked = template.options.args === undefined ? undefined : checkNow(template.options.args, given);
  if (checked?.ok === false) throw new HudError('BAD_ARGUMENT', `${template.id}(): ${checked.problems}.`);
  return new Task({ env: environment, id: template.id, args: given } satisfies TaskInit);
}

/** Argument names that the schema does not have; none when it is open. */
export function unknownNames(template: Template, args: JsonObject): string[] {
  if (template.argsSchema.additionalProperties === true) return [];
  const known = template.argsSchema.properties as JsonObject;
  return Object.keys(args)
    .filter((name) => !Object.hasOwn(known, name))
    .toSorted();
}
