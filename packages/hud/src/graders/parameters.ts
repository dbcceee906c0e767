/** What a grader was asked to judge, as it is kept in `info._parameters` so that a verdict can be understood later. */
import { Float, isPlainObject, type JsonObject } from '../protocol/json.ts';

/** A grade is one frame on the wire and may quote the whole answer, so long texts are kept by their start. */
const MAX_CHARS = 2_000;

/** JSON values only: what JSON does not have becomes text, members that are `undefined` are left out, long texts are cut. */
export function parameterRecord(parameters: object): JsonObject {
  return recordOf(parameters, []) as JsonObject;
}

function recordOf(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'string') return cut(value);
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (value instanceof Float) return value;
  if (typeof value !== 'object') return cut(String(value));
  if (above.includes(value)) return '[circular]';
  const inside = [...above, value];
  if (Array.isArray(value)) return value.map((item) => recordOf(item, inside));
  if (isPlainObject(value) || above.length === 0) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(members.map(([key, member]) => [key, recordOf(member, inside)]));
  }
  return cut(String(value));
}

function cut(text: string): string {
  if (text.length <= MAX_CHARS) return text;
  return `${text.slice(0, MAX_CHARS).toWellFormed()} [... ${text.length - MAX_CHARS} characters cut ...]`;
}
