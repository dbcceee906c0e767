/** Any Standard Schema (zod, valibot, arktype, …): check values, and describe them as JSON Schema. */
import { HudError } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';

/** The part of https://standardschema.dev that is used here. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly jsonSchema?: {
      input(options: { target: string }): Record<string, unknown>;
      output(options: { target: string }): Record<string, unknown>;
    };
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const TARGET = { target: 'draft-2020-12' };

/**
 * JSON Schema of an argument object in the manifest's form: always an object with `properties` and
 * `additionalProperties`, `required` only when not empty, a title per property.
 * @throws HudError BAD_ARGUMENT when the schema describes something other than an object
 */
export function argsJsonSchema(schema: StandardSchema | undefined, templateId: string): JsonObject {
  if (schema === undefined) return { type: 'object', properties: {}, additionalProperties: false };
  const raw = jsonSchema(schema);
  if (raw.type !== undefined && raw.type !== 'object') {
    throw new HudError('BAD_ARGUMENT', `Template '${templateId}': args must be an object schema, got ${JSON.stringify(raw.type)}.`, {
      hint: 'Write args: z.object({ … }).',
    });
  }
  const { $schema: _dialect, title: _title, properties, required, additionalProperties, ...rest } = raw;
  const members = Object.entries(isPlainObject(properties) ? properties : {}).map(
    ([name, member]) => [name, isPlainObject(member) ? { title: titleCase(name), ...withoutSafeIntegerBounds(member) } : member] as const,
  );
  return {
    ...rest,
    type: 'object',
    properties: Object.fromEntries(members),
    ...(Array.isArray(required) && required.length > 0 ? { required } : {}),
    additionalProperties: isPlainObject(additionalProperties) || additionalProperties === true,
  };
}

/** JSON Schema of any schema; `{}` (anything) where the schema's library can't say. */
export function jsonSchema(schema: StandardSchema): JsonObject {
  const converter = schema['~standard'].jsonSchema;
  if (converter === undefined) return {};
  const { $schema: _dialect, ...rest } = withoutSafeIntegerBounds(converter.input(TARGET));
  return rest;
}

/** Passes, or lists what is wrong as `path: message`. */
export type Checked<T> = { ok: true; value: T } | { ok: false; problems: string; badKeys: string[] };

export async function check<T>(schema: StandardSchema<unknown, T>, value: unknown): Promise<Checked<T>> {
  return describe(await schema['~standard'].validate(value));
}

/** The same for schemas that check at once; undefined for the few that can't. */
export function checkNow<T>(schema: StandardSchema<unknown, T>, value: unknown): Checked<T> | undefined {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) {
    result.catch(() => {});
    return undefined;
  }
  return describe(result);
}

function describe<T>(result: StandardResult<T>): Checked<T> {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const paths = result.issues.map((issue) => (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)));
  const problems = result.issues.map((issue, i) => [paths[i]?.join('.'), issue.message].filter(Boolean).join(': ')).join('; ');
  return { ok: false, problems, badKeys: paths.map((path) => path[0]).filter((key) => key !== undefined) };
}

/** zod states the range of a double's whole numbers on every integer; it says nothing to a reader. */
function withoutSafeIntegerBounds(schema: JsonObject): JsonObject {
  const { minimum, maximum, ...rest } = schema;
  return {
    ...rest,
    ...(minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum }),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }),
  };
}

function titleCase(name: string): string {
  return name
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .trim()
    .replace(/(^|\s)\S/g, (c) => c.toUpperCase());
}
