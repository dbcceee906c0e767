/**
 * JSON Schema in the closed form that strict function calling takes: every object closed, every
 * property required, no keyword that it does not know. What was optional may be null instead.
 */
import { isPlainObject, type JsonObject } from '../protocol/json.ts';

const REMOVED = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'examples',
  'deprecated',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'patternProperties',
  'unevaluatedProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
  'minItems',
  'maxItems',
  'uniqueItems',
  'unevaluatedItems',
  'contains',
  'minContains',
  'maxContains',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'not',
  'readOnly',
  'writeOnly',
  'contentMediaType',
  'contentEncoding',
  'default',
]);
/** Written anew by `closedObject`. */
const REWRITTEN = new Set(['properties', 'required', 'additionalProperties']);
/** A schema with none of these says nothing of its values, which the strict form does not know. */
const TELLING = ['type', 'enum', 'const', 'anyOf', '$ref', 'properties'];

class Unstrict extends Error {}

export interface StrictSchema {
  schema: JsonObject;
  /** False: the schema has no closed form and is passed on as it was. */
  strict: boolean;
}

/** @param schema of a tool's arguments; `{}` is a tool without any */
export function strictSchema(schema: JsonObject): StrictSchema {
  try {
    const definitions = { ...asObject(schema.$defs), ...asObject(schema.definitions) };
    const root = Object.keys(schema).length === 0 ? { type: 'object' } : schema;
    return { schema: close(root, { definitions, inlined: new Set() }), strict: true };
  } catch (error) {
    if (error instanceof Unstrict) return { schema, strict: false };
    throw error;
  }
}

/**
 * Nulls stand for optional arguments that the model left out, at any depth; the tool never sees them.
 * @param schema as it was before it became strict
 */
export function dropNulls(args: JsonObject, schema: JsonObject): JsonObject {
  return asObject(withoutNulls(args, schema, { ...asObject(schema.$defs), ...asObject(schema.definitions) }));
}

function withoutNulls(value: unknown, schema: JsonObject, definitions: JsonObject): unknown {
  const known = resolved(schema, definitions);
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, asObject(known.items), definitions));
  if (!isPlainObject(value)) return value;
  const required = Array.isArray(known.required) ? known.required : [];
  const properties = asObject(known.properties);
  const given = Object.entries(value).filter(([name, member]) => member !== null || required.includes(name));
  return Object.fromEntries(given.map(([name, member]) => [name, withoutNulls(member, asObject(properties[name]), definitions)]));
}

/** Behind references, and behind the choice between one kind and null. */
function resolved(schema: JsonObject, definitions: JsonObject, seen: readonly string[] = []): JsonObject {
  const { $ref: ref, ...siblings } = schema;
  if (typeof ref === 'string') {
    return seen.includes(ref) ? siblings : resolved({ ...asObject(definitions[nameIn(ref)]), ...siblings }, definitions, [...seen, ref]);
  }
  const single: unknown = Array.isArray(schema.allOf) && schema.allOf.length === 1 ? schema.allOf[0] : undefined;
  const options = [schema.anyOf, schema.oneOf].find(Array.isArray)?.filter((option) => asObject(option).type !== 'null') ?? [];
  const only = single ?? (options.length === 1 ? options[0] : undefined);
  return only === undefined ? schema : resolved(asObject(only), definitions, seen);
}

interface Context {
  definitions: JsonObject;
  /** References that this place was copied from: copying one again would never end. */
  inlined: ReadonlySet<string>;
}

function close(schema: JsonObject, context: Context): JsonObject {
  const { $ref: ref, allOf, ...rest } = schema;
  if (typeof ref === 'string' && Object.keys(schema).length > 1)
    return closeReference(ref, { ...rest, ...(allOf === undefined ? {} : { allOf }) }, context);
  if (Array.isArray(allOf)) {
    if (allOf.length !== 1) throw new Unstrict();
    return close({ ...asObject(allOf[0]), ...rest }, context);
  }
  const closed: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!REMOVED.has(key) && !REWRITTEN.has(key)) Object.assign(closed, closedKeyword(key, value, context));
  }
  if (isObjectSchema(schema)) return { ...closed, ...closedObject(schema, context) };
  if (!TELLING.some((key) => key in closed)) throw new Unstrict();
  return closed;
}

/** A reference can't have siblings: what it refers to is copied beside them. */
function closeReference(ref: string, siblings: JsonObject, { definitions, inlined }: Context): JsonObject {
  if (inlined.has(ref)) return { $ref: ref };
  return close({ ...asObject(definitions[nameIn(ref)]), ...siblings }, { definitions, inlined: new Set([...inlined, ref]) });
}

function closedKeyword(key: string, value: unknown, context: Context): JsonObject {
  switch (key) {
    case 'oneOf':
    case 'anyOf':
      return { anyOf: (value as unknown[]).map((option) => close(asObject(option), context)) };
    case 'items':
      return { items: Array.isArray(value) ? tupleItems(value, context) : close(asObject(value), context) };
    case 'prefixItems':
      return { items: tupleItems(value as unknown[], context) };
    case '$defs':
    case 'definitions':
      return { [key]: mapValues(asObject(value), (member) => close(asObject(member), context)) };
    default:
      return { [key]: value };
  }
}

function isObjectSchema({ type, properties }: JsonObject): boolean {
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || properties !== undefined;
}

function closedObject(schema: JsonObject, context: Context): JsonObject {
  if (isPlainObject(schema.additionalProperties) && Object.keys(schema.additionalProperties).length > 0) throw new Unstrict();
  const properties = asObject(schema.properties);
  const required = Array.isArray(schema.required) ? schema.required : [];
  return {
    type: Array.isArray(schema.type) ? schema.type : 'object',
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, member]) => {
        const closed = close(asObject(member), context);
        return [name, required.includes(name) ? closed : nullable(closed)];
      }),
    ),
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

function nullable(schema: JsonObject): JsonObject {
  if (schema.enum !== undefined || schema.const !== undefined) return { anyOf: [schema, { type: 'null' }] };
  if (typeof schema.type === 'string') return { ...schema, type: [schema.type, 'null'] };
  if (Array.isArray(schema.type))
    return schema.type.includes('null') ? schema : { ...schema, type: [...(schema.type as string[]), 'null'] };
  return { anyOf: [schema, { type: 'null' }] };
}

/** Lists of fixed places become lists of one kind; mixed kinds are read as numbers. */
function tupleItems(items: readonly unknown[], context: Context): JsonObject {
  const types = new Set(items.map((item) => asObject(item).type));
  return types.size === 1 ? close(asObject(items[0]), context) : { type: 'integer' };
}

/** `#/$defs/Node` → `Node` */
function nameIn(ref: string): string {
  return ref.split('/').at(-1) ?? '';
}

function mapValues(value: JsonObject, map: (member: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, map(member)]));
}

function asObject(value: unknown): JsonObject {
  return isPlainObject(value) ? value : {};
}
