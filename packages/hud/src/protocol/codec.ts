/**
 * The one place where the wire's `snake_case` meets TypeScript's `camelCase`.
 * A schema describes the TypeScript shape; this file renames exactly the keys that the schema
 * declares, so user data (`args`, `columns`, payloads) passes through untouched.
 *
 * A key whose wire name is not its snake_case form says so: `z.boolean().meta({ wire: 'isError' })`.
 */
import { z } from 'zod';
import { HudError, type ErrorCode } from './errors.ts';
import { isPlainObject, type JsonObject } from './json.ts';

type Schema = z.core.$ZodType;
type Rename = (value: unknown, direction: 'encode' | 'decode') => unknown;

/** TypeScript value → wire value. `undefined` members are left out. */
export function encode<S extends Schema>(schema: S, value: z.input<S>): unknown {
  return renamer(schema)(value, 'encode');
}

/**
 * Wire value → checked TypeScript value.
 * @throws HudError with `code` (default PROTOCOL_ERROR), naming the path, what was expected and got
 */
export function decode<S extends Schema>(
  schema: S,
  wire: unknown,
  options: { what?: string; code?: ErrorCode } = {},
): z.output<S> {
  const result = z.safeParse(schema, renamer(schema)(wire, 'decode'));
  if (result.success) return result.data;
  throw new HudError(options.code ?? 'PROTOCOL_ERROR', `${options.what ?? 'Value'} is malformed: ${describeIssues(result.error.issues)}.`, {
    cause: result.error,
  });
}

/** `args.n: expected number, received string; slug: …`, with the keys as the wire spells them. */
export function describeIssues(issues: readonly z.core.$ZodIssue[]): string {
  return issues.slice(0, 5).map((issue) => {
    const path = issue.path.map((part) => (typeof part === 'string' ? snakeCase(part) : `[${String(part)}]`)).join('.');
    const text = issue.message.replace(/^Invalid input: /, '');
    return path === '' ? text : `${path}: ${text}`;
  }).join('; ');
}

export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const cache = new WeakMap<Schema, Rename>();

function renamer(schema: Schema): Rename {
  let rename = cache.get(schema);
  if (rename === undefined) {
    // Entered before it is built, so that a schema may contain itself.
    cache.set(schema, (value, direction) => (rename ?? identity)(value, direction));
    rename = build(schema);
    cache.set(schema, rename);
  }
  return rename;
}

const identity: Rename = (value) => value;

function build(schema: Schema): Rename {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'object':
      return objectRenamer(def.shape);
    case 'array': {
      const element = renamer(def.element);
      return (value, direction) => (Array.isArray(value) ? value.map((item) => element(item, direction)) : value);
    }
    case 'record': {
      const member = renamer(def.valueType);
      return (value, direction) => (isPlainObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, member(item, direction)]))
        : value);
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return renamer(def.innerType);
    case 'lazy':
      return (value, direction) => renamer(def.getter())(value, direction);
    case 'union':
      return unionRenamer(def.options);
    case 'pipe':
      return renamer(def.in);
    default:
      return identity;
  }
}

function objectRenamer(shape: Readonly<Record<string, Schema>>): Rename {
  const members = Object.entries(shape).map(([key, member]) => ({ key, wire: wireName(key, member), rename: renamer(member) }));
  const byKey = { encode: new Map(members.map((m) => [m.key, m])), decode: new Map(members.map((m) => [m.wire, m])) };
  return (value, direction) => {
    if (!isPlainObject(value)) return value;
    const result: JsonObject = {};
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const member = byKey[direction].get(name);
      if (member === undefined) result[name] = item;
      else result[direction === 'encode' ? member.wire : member.key] = member.rename(item, direction);
    }
    return result;
  };
}

/** The first option that accepts the value decides how its keys are renamed. */
function unionRenamer(options: readonly Schema[]): Rename {
  const candidates = options.map((schema) => ({ schema, rename: renamer(schema) }));
  return (value, direction) => {
    if (typeof value !== 'object' || value === null) return value;
    for (const { schema, rename } of candidates) {
      const renamed = rename(value, direction);
      if (z.safeParse(schema, direction === 'encode' ? value : renamed).success) return renamed;
    }
    return value;
  };
}

function wireName(key: string, schema: Schema): string {
  const meta = z.globalRegistry.get(schema) as { wire?: string } | undefined;
  return meta?.wire ?? snakeCase(key);
}
