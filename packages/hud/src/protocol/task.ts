/** One row: an environment, a template of it, and arguments. Data only; `eval/` teaches it to run. */
import * as z from 'zod/mini';
import './english.ts';
import { decode, encode } from './codec.ts';
import { HudError } from './errors.ts';
import { assertJson, isPlainObject, pythonJson, type JsonObject } from './json.ts';
import { RuntimeConfig } from './runtime.ts';
import { sha1OfAscii } from './sha1.ts';

/** Per-task overrides of the agent; applied locally as on the platform. */
export const AgentConfig = z.looseObject({
  timeoutSeconds: z.nullish(z.number().check(z.positive())),
  maxSteps: z.nullish(z.int()),
  systemPrompt: z.nullish(z.string()),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

const rowShape = {
  env: z.string().check(z.minLength(1)),
  id: z.string().check(z.minLength(1)),
  args: z._default(z.record(z.string(), z.unknown()), {}),
  slug: z.optional(z.string().check(z.minLength(1))),
  validation: z.nullish(z.array(z.record(z.string(), z.unknown()))),
  agentConfig: z.nullish(AgentConfig),
  columns: z.nullish(z.record(z.string(), z.unknown())),
  runtimeConfig: z.nullish(RuntimeConfig),
};

const PlainRow = z.object(rowShape);
const VerifierRow = z.object({ ...rowShape, verifier: z.optional(z.null({ error: 'nested verifier tasks are not supported' })) });

/** The row as files and the platform hold it; unknown keys are ignored on load. */
export const TaskRow = z.object({ ...rowShape, verifier: z.nullish(VerifierRow) });
export type TaskRow = z.input<typeof TaskRow>;

/** What authors pass to make one; `verifier` may be a live {@link Task}. */
export type TaskInit = Omit<TaskRow, 'verifier'> & { verifier?: Task | TaskRow | null };

const BRAND = Symbol.for('hud.task');

/** One concrete, runnable data point. Immutable but for its slug; `with()` makes changed copies. */
export class Task {
  readonly env: string;
  readonly id: string;
  /** As the caller passed them: schema defaults are not filled in, they would change the slug. */
  readonly args: JsonObject;
  readonly validation: JsonObject[] | undefined;
  readonly agentConfig: AgentConfig | undefined;
  readonly columns: JsonObject | undefined;
  readonly runtimeConfig: RuntimeConfig | undefined;
  readonly verifier: Task | undefined;
  /** The task that this one is a changed copy of: both come from the same place. */
  readonly origin: Task | undefined;
  readonly [BRAND] = true;
  #slug: string;
  #source: string | undefined;

  /** @throws HudError BAD_TASK when a field is malformed or not JSON, or a verifier has one itself */
  constructor(init: TaskInit | CheckedRow, origin?: Task) {
    const row = init instanceof CheckedRow ? init : checkedRow(init);
    this.env = row.env;
    this.id = row.id;
    this.args = row.args;
    this.validation = row.validation;
    this.agentConfig = row.agentConfig;
    this.columns = row.columns;
    this.runtimeConfig = row.runtimeConfig;
    this.verifier = row.verifier;
    this.origin = origin;
    this.#slug = row.slug ?? this.defaultSlug();
  }

  /** Stable id for filtering, sync and the record. */
  get slug(): string {
    return this.#slug;
  }

  set slug(value: string) {
    if (typeof value !== 'string' || value === '') throw new HudError('BAD_TASK', 'A slug must be a non-empty string.');
    this.#slug = value;
  }

  /** Absolute path of the file or directory it was read from; undefined for one made in code. No part of its row. */
  get source(): string | undefined {
    return this.#source;
  }

  set source(path: string | undefined) {
    this.#source = path;
  }

  /**
   * `id`, or `id-` and 8 hex digits of the SHA-1 of the arguments' canonical text.
   * The same digits as the Python package makes.
   */
  defaultSlug(): string {
    if (Object.keys(this.args).length === 0) return this.id;
    return `${this.id}-${sha1OfAscii(pythonJson(this.args, { compact: false })).slice(0, 8)}`;
  }

  /**
   * A task out of a row in the wire's spelling.
   * @throws HudError BAD_TASK naming the field
   */
  static parse(row: unknown): Task {
    if (isTask(row)) return row;
    const simple = simpleRow(row);
    if (simple !== undefined) return new Task(simple);
    const what = isPlainObject(row) && typeof row.id === 'string' ? `Task ${row.id}` : 'Task row';
    const parsed = decode(TaskRow, row, { what, code: 'BAD_TASK' });
    return new Task(parsed);
  }

  /** The row in the wire's spelling; unset and null fields are left out, nulls inside data are kept. */
  toJSON(): JsonObject {
    return encode(TaskRow, {
      env: this.env,
      id: this.id,
      args: this.args,
      slug: this.slug,
      validation: this.validation,
      agentConfig: this.agentConfig,
      columns: this.columns,
      runtimeConfig: this.runtimeConfig,
      ...(this.verifier === undefined ? {} : { verifier: decodedRow(this.verifier) }),
    } as z.input<typeof TaskRow>) as JsonObject;
  }

  /** A copy with some fields replaced. A slug that was the default follows the new args. */
  with(changes: Partial<TaskInit>): Task {
    const keepSlug = this.slug !== this.defaultSlug();
    return new Task(
      {
        env: this.env,
        id: this.id,
        args: this.args,
        validation: this.validation,
        agentConfig: this.agentConfig,
        columns: this.columns,
        runtimeConfig: this.runtimeConfig,
        verifier: this.verifier,
        ...(keepSlug ? { slug: this.slug } : {}),
        ...changes,
      },
      this,
    );
  }
}

/** Tasks made by another copy of this package count too. */
export function isTask(value: unknown): value is Task {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/** A row that has been checked; a second look would find nothing. */
class CheckedRow {
  env = '';
  id = '';
  args: JsonObject = {};
  slug: string | undefined;
  validation: JsonObject[] | undefined;
  agentConfig: AgentConfig | undefined;
  columns: JsonObject | undefined;
  runtimeConfig: RuntimeConfig | undefined;
  verifier: Task | undefined;
}

function checkedRow(init: TaskInit): CheckedRow {
  const { verifier, ...rest } = init;
  const verifierTask = verifier == null ? undefined : isTask(verifier) ? verifier : new Task(verifier);
  if (verifierTask?.verifier !== undefined) {
    throw new HudError('BAD_TASK', `Task ${init.id}: nested verifier tasks are not supported.`);
  }
  const row = simpleRow(rest) ?? parsedRow(rest);
  row.verifier = verifierTask;
  return row;
}

function parsedRow(init: Omit<TaskInit, 'verifier'>): CheckedRow {
  const parsed = z.safeParse(PlainRow, withoutUndefined(init));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new HudError('BAD_TASK', `Task ${String(init.id)} is malformed: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`, {
      cause: parsed.error,
    });
  }
  const { args, validation, agentConfig, columns, runtimeConfig, ...rest } = parsed.data;
  for (const [field, value] of Object.entries({ args, validation, agentConfig, columns, runtimeConfig })) {
    assertJson(value ?? null, `Task ${rest.id}: ${field}`);
  }
  return Object.assign(new CheckedRow(), rest, {
    args: withoutUndefined(args),
    validation: validation ?? undefined,
    agentConfig: agentConfig ?? undefined,
    columns: columns ?? undefined,
    runtimeConfig: runtimeConfig ?? undefined,
  });
}

/** What most rows have, in the wire's spelling as in TypeScript's. */
const SIMPLE_FIELDS: ReadonlySet<string> = new Set(['env', 'id', 'args', 'slug', 'columns']);

/**
 * A row of simple fields alone, checked without its schema, which costs ten times as much.
 * @returns undefined for any other row, and for one that the schema must explain
 * @throws HudError BAD_TASK for data that is not JSON
 */
function simpleRow(row: unknown): CheckedRow | undefined {
  if (!isPlainObject(row)) return undefined;
  for (const key of Object.keys(row)) if (!SIMPLE_FIELDS.has(key) && row[key] != null) return undefined;
  const { env, id, args, slug, columns } = row;
  if (typeof env !== 'string' || env === '' || typeof id !== 'string' || id === '') return undefined;
  if (slug !== undefined && (typeof slug !== 'string' || slug === '')) return undefined;
  if ((args !== undefined && !isSimpleRecord(args)) || (columns != null && !isSimpleRecord(columns))) return undefined;
  const checked = new CheckedRow();
  checked.env = env;
  checked.id = id;
  checked.slug = slug;
  if (args !== undefined) {
    assertJson(args, `Task ${id}: args`);
    checked.args = copyOf(args);
  }
  if (columns != null) {
    assertJson(columns, `Task ${id}: columns`);
    checked.columns = { ...columns };
  }
  return checked;
}

function isSimpleRecord(value: unknown): value is JsonObject {
  return isPlainObject(value) && !Object.hasOwn(value, '__proto__') && Object.getOwnPropertySymbols(value).length === 0;
}

/** The caller's object stays the caller's. */
function copyOf(args: JsonObject): JsonObject {
  const copy = { ...args };
  for (const key of Object.keys(copy)) if (copy[key] === undefined) return withoutUndefined(copy);
  return copy;
}

function decodedRow(task: Task): TaskRow {
  return {
    env: task.env,
    id: task.id,
    args: task.args,
    slug: task.slug,
    validation: task.validation,
    agentConfig: task.agentConfig,
    columns: task.columns,
    runtimeConfig: task.runtimeConfig,
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
