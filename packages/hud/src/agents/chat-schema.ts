/** Schemas of functions, cut down to what every compatible server takes. */
import { isPlainObject, type JsonObject } from '../protocol/json.ts';

const KEPT = new Set(['type', 'description', 'enum', 'required', 'default', 'minimum', 'maximum', 'minItems', 'maxItems']);

/** The few keywords that every compatible server takes. */
export function plainSchema(schema: JsonObject): JsonObject {
  const options = [schema.anyOf, schema.oneOf].find(Array.isArray) as JsonObject[] | undefined;
  const chosen = options?.find((option) => option.type !== 'null');
  const source = chosen === undefined ? schema : { ...schema, ...chosen };
  const plain: JsonObject = Object.fromEntries(Object.entries(source).filter(([key]) => KEPT.has(key)));
  if (isPlainObject(source.properties)) {
    plain.properties = Object.fromEntries(
      Object.entries(source.properties).map(([name, member]) => [name, isPlainObject(member) ? plainSchema(member) : {}]),
    );
  }
  const items = source.prefixItems ?? source.items;
  const item: unknown = Array.isArray(items) ? items[0] : items;
  if (isPlainObject(item)) plain.items = plainSchema(item);
  return plain;
}
