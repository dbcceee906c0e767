/** Holds a task against what its environment says of itself. */
import { isPlainObject, stringifyJson, type JsonObject, type api } from 'hud/protocol';
import { z } from 'zod';

/** @returns what is wrong, a sentence each, with `{env}` for the environment's name; none when the task can run */
export type ManifestCheck = (template: string, args: JsonObject) => string[];

export function manifestCheck(manifest: api.registry.Manifest): ManifestCheck {
  const templates = new Map(manifest.tasks.map((task) => [task.id, task]));
  const schemas = new Map<string, z.ZodType | undefined>();
  return (template, args) => {
    const entry = templates.get(template);
    if (entry === undefined) return [`template '${template}' not found in environment '{env}'; it has ${listed([...templates.keys()])}.`];
    if (!schemas.has(template)) schemas.set(template, argsSchema(entry.args));
    const result = schemas.get(template)?.safeParse(JSON.parse(stringifyJson(args)));
    return result === undefined || result.success ? [] : result.error.issues.map((issue) => issueLine(issue));
  };
}

/** @returns undefined for a schema that says nothing, or that uses what can't be checked here */
export function argsSchema(schema: JsonObject | null | undefined): z.ZodType | undefined {
  if (schema == null || Object.keys(schema).length === 0) return undefined;
  try {
    return z.fromJSONSchema(withoutPatterns(schema) as JsonObject);
  } catch {
    return undefined; // a keyword that only the environment itself can judge
  }
}

/** Members whose values are schemas by name: those names are no keywords. */
const MAPS = ['properties', '$defs', 'definitions', 'dependentSchemas'];
/** Members whose values are data. */
const DATA = ['default', 'const', 'enum', 'examples', 'required'];

/** Regular expressions of strangers never run here: one of them could hold up everybody. The environment itself knows. */
function withoutPatterns(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutPatterns);
  if (!isPlainObject(schema)) return schema;
  const { pattern: _pattern, patternProperties, ...rest } = schema;
  if (patternProperties !== undefined) delete rest.additionalProperties;
  return Object.fromEntries(
    Object.entries(rest).map(([key, value]) => {
      if (DATA.includes(key)) return [key, value];
      if (!MAPS.includes(key) || !isPlainObject(value)) return [key, withoutPatterns(value)];
      return [key, Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutPatterns(member)]))];
    }),
  );
}

function issueLine({ path, message }: { path: PropertyKey[]; message: string }): string {
  const text = message.replace(/^Invalid input: /, '');
  return `args${path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')}: ${text}.`;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ');
}
