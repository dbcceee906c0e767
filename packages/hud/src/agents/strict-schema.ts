/**
 * JSON Schema in the closed form that strict function calling takes: every object closed, every
 * property required, no keyword that it does not know. What was optional may be null instead.
 */
import { isPlainObject, type JsonObject } from '../protocol/json.ts';

const REMOVED = new Set([
  '$schema', '$id', '$comment', 'title', 'examples', 'deprecated', 'minLength', 'maxLength', 'pattern', 'format',
  'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'patternProperties', 'unevaluatedProperties',
  'propertyNames', 'minProperties', 'maxProperties', 'minItems', 'maxItems', 'uniqueItems', 'unevaluatedItems', 'contains',
  'minContains', 'maxContains', 'if', 'then', 'else', 'dependentRequired', 'dependentSchemas', 'not', 'readOnly', 'writeOnly',
  'contentMediaType', 'contentEncoding', 'default',
]);

class Unstrict extends Error {}

export interface StrictSchema {
  schema: JsonObject;
  /** False: the schema has no closed form and is passed on as it was. */
  strict: boolean;
}

export function strictSchema(schema: JsonObject): StrictSchema {
  try {
    const definitions = { ...asObject(schema.$defs), ...asObject(schema.definitions) };
    return { schema: close(schema, definitions), strict: true };
  } catch (error) {
    if (error instanceof Unstrict) return { schema, strict: false };
    throw error;
  }
}

/** Nulls stand for optional arguments that the model left out; the tool never sees them. */
export function dropNulls(args: JsonObject, schema: JsonObject): JsonObject {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.fromEntries(Object.entries(args).filter(([name, value]) => value !== null || required.includes(name)));
}

function close(schema: JsonObject, definitions: JsonObject): JsonObject {
  const ref = schema.$ref;
  const hasSiblings = typeof ref === 'string' && Object.keys(schema).length > 1;
  if (hasSiblings) {
    const { $ref: _ref, ...siblings } = schema;
    return close({ ...asObject(definitions[ref.split('/').at(-1) ?? '']), ...siblings }, definitions);
  }
  const { allOf } = schema;
  if (Array.isArray(allOf)) {
    if (allOf.length !== 1) throw new Unstrict();
    const { allOf: _all, ...rest } = schema;
    return close({ ...asObject(allOf[0]), ...rest }, definitions);
  }
  const closed: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (REMOVED.has(key)) continue;
    if (key === 'oneOf' || key === 'anyOf') closed.anyOf = (value as unknown[]).map((option) => close(asObject(option), definitions));
    else if (key === 'items') closed.items = Array.isArray(value) ? tupleItems(value) : close(asObject(value), definitions);
    else if (key === 'prefixItems') closed.items = tupleItems(value as unknown[]);
    else if (key === '$defs' || key === 'definitions') closed[key] = mapValues(asObject(value), (member) => close(asObject(member), definitions));
    else if (key !== 'properties' && key !== 'required' && key !== 'additionalProperties') closed[key] = value;
  }
  if (schema.type !== 'object' && schema.properties === undefined) return closed;
  return { ...closed, ...closedObject(schema, definitions) };
}

function closedObject(schema: JsonObject, definitions: JsonObject): JsonObject {
  if (isPlainObject(schema.additionalProperties) && Object.keys(schema.additionalProperties).length > 0) throw new Unstrict();
  const properties = asObject(schema.properties);
  const required = Array.isArray(schema.required) ? schema.required : [];
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(properties).map(([name, member]) => {
      const closed = close(asObject(member), definitions);
      return [name, required.includes(name) ? closed : nullable(closed)];
    })),
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

function nullable(schema: JsonObject): JsonObject {
  if (typeof schema.type === 'string' && schema.enum === undefined) return { ...schema, type: [schema.type, 'null'] };
  if (Array.isArray(schema.type) && schema.type.includes('null')) return schema;
  return { anyOf: [schema, { type: 'null' }] };
}

/** Lists of fixed places become lists of one kind; mixed kinds are read as numbers. */
function tupleItems(items: readonly unknown[]): JsonObject {
  const types = new Set(items.map((item) => asObject(item).type));
  return types.size === 1 ? asObject(items[0]) : { type: 'integer' };
}

function mapValues(value: JsonObject, map: (member: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, map(member)]));
}

function asObject(value: unknown): JsonObject {
  return isPlainObject(value) ? value : {};
}
