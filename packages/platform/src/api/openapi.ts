/** The routes as an OpenAPI 3.1 document. */
import { api, snakeCase } from 'hud/protocol';
import { z } from 'zod';

type JsonSchema = Record<string, unknown>;

export function openApiDocument(routes: readonly api.RouteSpec[], { version, url }: { version: string; url: string }): JsonSchema {
  const paths: Record<string, JsonSchema> = {};
  for (const route of routes) {
    const item = (paths[route.path] ??= {});
    item[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'HUD platform', version },
    servers: [{ url }],
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    paths,
  };
}

function operation(route: api.RouteSpec): JsonSchema {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const query = route.query === undefined ? {} : wireSchema(route.query, 'input');
  const required = new Set(query.required as string[] | undefined);
  return {
    summary: route.summary,
    operationId: `${route.method.toLowerCase()} ${route.path}`.replace(/[^a-z0-9]+/gi, '_').replace(/_$/, ''),
    ...(route.access === 'anyone' ? { security: [] } : { security: [{ key: [] }], 'x-scope': route.access }),
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries((query.properties ?? {}) as Record<string, JsonSchema>).map(([name, schema]) => ({
        name,
        in: 'query',
        required: required.has(name),
        schema,
      })),
    ],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body, route.isForm === true) }),
    responses: {
      200:
        route.reply === undefined
          ? { description: 'See the summary' }
          : { description: 'Done', content: { 'application/json': { schema: wireSchema(route.reply, 'output') } } },
      default: { description: 'Refused', content: { 'application/json': { schema: REFUSAL } } },
    },
  };
}

/** Nothing at all counts as `{}`. */
function requestBody(body: z.ZodType, isForm: boolean): JsonSchema {
  const schema = wireSchema(body, 'input');
  return {
    required: Array.isArray(schema.required) && schema.required.length > 0,
    content: { 'application/json': { schema }, ...(isForm && { 'application/x-www-form-urlencoded': { schema } }) },
  };
}

const REFUSAL = { type: 'object', properties: { detail: { type: 'string' } }, required: ['detail'] };

/** With the keys as the wire spells them, by the rule of the codec. */
function wireSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type !== 'object' || jsonSchema.properties === undefined) return;
      const shape = (def as z.core.$ZodObjectDef).shape;
      const wire = (key: string): string =>
        (z.globalRegistry.get(shape[key] as z.core.$ZodType) as { wire?: string } | undefined)?.wire ?? snakeCase(key);
      jsonSchema.properties = Object.fromEntries(Object.entries(jsonSchema.properties).map(([key, value]) => [wire(key), value]));
      if (jsonSchema.required !== undefined) jsonSchema.required = jsonSchema.required.map(wire);
    },
  }) as JsonSchema;
}
