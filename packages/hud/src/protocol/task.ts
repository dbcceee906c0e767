/** One row: an environment, a template of it, and arguments. Data only; `eval/` teaches it to run. */
import { sha1 } from '@noble/hashes/legacy.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { decode, encode } from './codec.ts';
import { HudError } from './errors.ts';
import { assertJson, isPlainObject, pythonJson, type JsonObject } from './json.ts';
import { RuntimeConfig } from './runtime.ts';

/** Per-task overrides of the agent; applied locally as on the platform. */
export const AgentConfig = z.looseObject({
  timeoutSeconds: z.number().positive().nullish(),
  maxSteps: z.int().nullish(),
  systemPrompt: z.string().nullish(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

const rowShape = {
  env: z.string().min(1),
  id: z.string().min(1),
  args: z.record(z.string(), z.unknown()).default({}),
  slug: z.string().min(1).optional(),
  validation: z.array(z.record(z.string(), z.unknown())).nullish(),
  agentConfig: AgentConfig.nullish(),
  columns: z.record(z.string(), z.unknown()).nullish(),
  runtimeConfig: RuntimeConfig.nullish(),
};

const PlainRow = z.object(rowShape);
const VerifierRow = z.object({ ...rowShape, verifier: z.null({ error: 'nested verifier tasks are not supported' }).optional() });

/** The row as files and the platform hold it; unknown keys are ignored on load. */
export const TaskRow = z.object({ ...rowShape, verifier: VerifierRow.nullish() });
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

  /** @throws HudError BAD_TASK when a field is malformed or not JSON, or a verifier has one itself */
  constructor(init: TaskInit, origin?: Task) {
    const { verifier, ...rest } = init;
    const verifierTask = verifier == null ? undefined : isTask(verifier) ? verifier : new Task(verifier);
    if (verifierTask?.verifier !== undefined) {
      throw new HudError('BAD_TASK', `Task ${init.id}: nested verifier tasks are not supported.`);
    }
    const parsed = z.safeParse(PlainRow, withoutUndefined(rest));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new HudError('BAD_TASK', `Task ${String(init.id)} is malformed: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`, {
        cause: parsed.error,
      });
    }
    const row = parsed.data;
    for (const field of ['args', 'validation', 'agentConfig', 'columns', 'runtimeConfig'] as const) {
      assertJson(row[field] ?? null, `Task ${row.id}: ${field}`);
    }
    this.env = row.env;
    this.id = row.id;
    this.args = withoutUndefined(row.args);
    this.validation = row.validation ?? undefined;
    this.agentConfig = row.agentConfig ?? undefined;
    this.columns = row.columns ?? undefined;
    this.runtimeConfig = row.runtimeConfig ?? undefined;
    this.verifier = verifierTask;
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

  /**
   * `id`, or `id-` and 8 hex digits of the SHA-1 of the arguments' canonical text.
   * The same digits as the Python package makes.
   */
  defaultSlug(): string {
    if (Object.keys(this.args).length === 0) return this.id;
    return `${this.id}-${bytesToHex(sha1(utf8ToBytes(pythonJson(this.args, { compact: false })))).slice(0, 8)}`;
  }

  /**
   * A task out of a row in the wire's spelling.
   * @throws HudError BAD_TASK naming the field
   */
  static parse(row: unknown): Task {
    if (isTask(row)) return row;
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
