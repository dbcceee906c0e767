/**
 * The one place where the wire's `snake_case` meets TypeScript's `camelCase`.
 * A schema describes the TypeScript shape; this file renames exactly the keys that the schema
 * declares, so user data (`args`, `columns`, payloads) passes through untouched.
 *
 * A key whose wire name is not its snake_case form says so: `z.boolean().meta({ wire: 'isError' })`.
 *
 * A declared key in the other side's spelling counts too, unless the right spelling is there as well;
 * read from the wire, closed objects refuse it.
 */
import * as z from 'zod/mini';
import './english.ts';
import { HudError, type ErrorCode } from './errors.ts';
import { Float, isPlainObject, type JsonObject } from './json.ts';

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
export function decode<S extends Schema>(schema: S, wire: unknown, options: { what?: string; code?: ErrorCode } = {}): z.output<S> {
  const result = z.safeParse(schema, renamer(schema)(wire, 'decode'));
  if (result.success) return result.data;
  const issues = describeIssues(result.error.issues, schema);
  throw new HudError(options.code ?? 'PROTOCOL_ERROR', `${options.what ?? 'Value'} is malformed: ${issues}.`, { cause: result.error });
}

/**
 * `args.n: expected number, received string; slug: …`, with the keys as the wire spells them.
 * @param schema tells declared keys from those of user data; without it every key counts as declared
 */
export function describeIssues(issues: readonly z.core.$ZodIssue[], schema?: Schema): string {
  return issues
    .slice(0, 5)
    .map((issue) => {
      const path = wirePath(issue.path, schema);
      const text = issue.message.replace(/^Invalid input: /, '');
      return path === '' ? text : `${path}: ${text}`;
    })
    .join('; ');
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
  const inner = innerOf(schema);
  if (inner !== undefined) return renamer(inner);
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'object':
      return objectRenamer(def.shape, def.catchall?._zod.def.type === 'never');
    case 'array': {
      const element = renamer(def.element);
      return (value, direction) => (Array.isArray(value) ? value.map((item) => element(item, direction)) : value);
    }
    case 'record': {
      const member = renamer(def.valueType);
      if (member === identity) return identity;
      return (value, direction) =>
        isPlainObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, member(item, direction)])) : value;
    }
    case 'union':
      return 'discriminator' in def ? discriminatedRenamer(def.options, String(def.discriminator)) : unionRenamer(def.options);
    case 'number':
      return decodeNumber;
    default:
      return identity;
  }
}

/** A declared number is read from the lossless reader's forms too: a Python peer writes `2.0` where a float is declared. */
function decodeNumber(value: unknown, direction: 'encode' | 'decode'): unknown {
  if (direction === 'encode') return value;
  if (value instanceof Float) return value.value;
  return typeof value === 'bigint' ? Number(value) : value;
}

function objectRenamer(shape: Readonly<Record<string, Schema>>, isClosed: boolean): Rename {
  const members = Object.entries(shape).map(([key, member]) => ({ key, wire: wireName(key, member), rename: renamer(member) }));
  const byKey = { encode: new Map(members.map((m) => [m.key, m])), decode: new Map(members.map((m) => [m.wire, m])) };
  return (value, direction) => {
    if (!isPlainObject(value)) return value;
    const result: JsonObject = {};
    for (const [name, item] of Object.entries(value)) {
      // Assigning `__proto__` would replace the prototype.
      if (item === undefined || name === '__proto__') continue;
      const member = byKey[direction].get(name);
      if (member !== undefined) {
        result[direction === 'encode' ? member.wire : member.key] = member.rename(item, direction);
        continue;
      }
      const misspelled = byKey[direction === 'encode' ? 'decode' : 'encode'].get(name);
      if (misspelled === undefined) result[name] = item;
      // Under a key that the schema refuses, and that says what to write instead.
      else if (isClosed && direction === 'decode') result[`${name}, here spelled ${misspelled.wire}`] = item;
      else if (value[direction === 'encode' ? misspelled.key : misspelled.wire] === undefined) {
        result[name] = misspelled.rename(item, direction);
      }
    }
    return result;
  };
}

/** The option that the discriminator names, without trying the others. */
function discriminatedRenamer(options: readonly Schema[], discriminator: string): Rename {
  const wire = snakeCase(discriminator);
  const byValue = new Map<unknown, Rename>();
  for (const option of options) {
    for (const value of option._zod.propValues?.[discriminator] ?? []) byValue.set(value, renamer(option));
  }
  return (value, direction) => {
    if (!isPlainObject(value)) return value;
    return (byValue.get(value[direction === 'encode' ? discriminator : wire]) ?? identity)(value, direction);
  };
}

/** The first option that accepts the value decides how its keys are renamed. */
function unionRenamer(options: readonly Schema[]): Rename {
  const candidates = options.filter(mayBeObject).map((schema) => ({ schema, rename: renamer(schema) }));
  const [only] = candidates;
  return (value, direction) => {
    if (typeof value !== 'object' || value === null) return value;
    if (only !== undefined && candidates.length === 1) return only.rename(value, direction);
    for (const { schema, rename } of candidates) {
      const renamed = rename(value, direction);
      if (z.safeParse(schema, direction === 'encode' ? value : renamed).success) return renamed;
    }
    return value;
  };
}

const PRIMITIVE: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'null', 'undefined', 'literal', 'enum', 'bigint']);

/** Of the others, one that nothing has to be chosen from need not be tried. */
function mayBeObject(schema: Schema): boolean {
  return !PRIMITIVE.has(schema._zod.def.type);
}

/** What a wrapping schema wraps; undefined for one that wraps nothing. */
function innerOf(schema: Schema): Schema | undefined {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return def.innerType;
    case 'lazy':
      return (schema as z.core.$ZodLazy)._zod.innerType;
    case 'pipe':
      return def.in;
    default:
      return undefined;
  }
}

/** A path of issues in the wire's spelling: declared keys are renamed, those of user data are not. */
function wirePath(path: readonly PropertyKey[], schema: Schema | undefined): string {
  let places: Schema[] = schema === undefined ? [] : [schema];
  return path
    .map((part) => {
      const name =
        typeof part !== 'string' ? `[${String(part)}]` : schema === undefined ? snakeCase(part) : (declaredName(places, part) ?? part);
      places = places.flatMap((place) => below(place, part));
      return name;
    })
    .join('.')
    .replaceAll('.[', '[');
}

function declaredName(places: readonly Schema[], key: string): string | undefined {
  for (const place of places.flatMap(unwrapped)) {
    const def = (place as z.core.$ZodTypes)._zod.def;
    if (def.type === 'object' && Object.hasOwn(def.shape, key)) return wireName(key, def.shape[key] as Schema);
  }
  return undefined;
}

/** The schemas that hold for the member `part` of a value of `schema`. */
function below(schema: Schema, part: PropertyKey): Schema[] {
  return unwrapped(schema).flatMap((place): Schema[] => {
    const def = (place as z.core.$ZodTypes)._zod.def;
    if (def.type === 'array') return [def.element];
    if (def.type === 'record') return [def.valueType];
    return def.type === 'object' && typeof part === 'string' && Object.hasOwn(def.shape, part) ? [def.shape[part] as Schema] : [];
  });
}

/** The schema without its wrappers; all options of a union. */
function unwrapped(schema: Schema): Schema[] {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'union') return def.options.flatMap(unwrapped);
  const inner = innerOf(schema);
  return inner === undefined ? [schema] : unwrapped(inner);
}

function wireName(key: string, schema: Schema): string {
  const meta = z.globalRegistry.get(schema) as { wire?: string } | undefined;
  return meta?.wire ?? snakeCase(key);
}
