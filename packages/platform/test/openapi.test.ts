import { expect, test } from 'vitest';
import { beginPlatform } from './tenant.ts';

type Json = Record<string, unknown>;
interface Operation {
  operationId: string;
  summary: string;
  parameters: { name: string; in: string; required: boolean; schema: Json }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
}

/** Of user data and of peers whose own spelling it is. */
const SPELLED_SO = ['isError', 'mimeType', 'structuredContent', 'traceId', 'spanId'];
const TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'];

test('/openapi.json is OpenAPI 3.1: every operation with its parameters, body and replies, in the spelling of the wire', async () => {
  await using platform = await beginPlatform();
  const { status, body } = await platform.request('/openapi.json');
  expect([status, body.openapi]).toEqual([200, '3.1.0']);
  expect(body.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
  const operations = Object.entries(body.paths as Record<string, Record<string, Operation>>).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation })),
  );
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, method, operationId, summary, parameters, requestBody, responses } of operations) {
    const name = `${method} ${path}`;
    expect(['get', 'post', 'put', 'patch', 'delete'], name).toContain(method);
    expect(operationId, name).toMatch(/^\w+$/);
    expect(summary.length, name).toBeGreaterThan(5);
    const inPath = parameters.filter((one) => one.in === 'path');
    expect(
      inPath.map((one) => one.name),
      name,
    ).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, one]) => one));
    expect(
      inPath.every(({ required }) => required),
      name,
    ).toBe(true);
    expect(Object.keys(responses), name).toEqual(['200', 'default']);
    for (const { description } of Object.values(responses)) expect(description, name).not.toBe('');
    if (method === 'get') expect(requestBody, name).toBeUndefined();
    const contents = [requestBody, ...Object.values(responses)].flatMap((one) => Object.values(one?.content ?? {}));
    for (const { schema } of [...contents, ...parameters]) {
      expect(problems(schema, body), name).toEqual([]);
      expect(JSON.stringify(schema), name).not.toContain('undefined');
    }
    for (const one of parameters) expect(one.name, name).toMatch(/^[a-z0-9_]+$/);
  }
});

/** What is no JSON Schema, or not in the spelling of the wire. */
function problems(schema: unknown, document: Json, at = '$'): string[] {
  if (typeof schema === 'boolean') return [];
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return [`${at} is no schema`];
  const { type, properties = {}, required = [], items, anyOf, oneOf, allOf, additionalProperties, $ref } = schema as Json;
  const found: string[] = [];
  if (type !== undefined && ![type].flat().every((one) => TYPES.includes(one as string))) found.push(`${at} has the type ${String(type)}`);
  if (typeof $ref === 'string' && resolve($ref, document, schema) === undefined) found.push(`${at} refers to nothing: ${$ref}`);
  for (const name of required as string[]) if (!(name in (properties as object))) found.push(`${at}.${name} is required and not described`);
  for (const [name, member] of Object.entries(properties as Json)) {
    if (/[A-Z]/.test(name) && !SPELLED_SO.includes(name)) found.push(`${at}.${name} is not in the spelling of the wire`);
    found.push(...problems(member, document, `${at}.${name}`));
  }
  for (const inner of [items, additionalProperties].filter((one) => one !== undefined)) found.push(...problems(inner, document, `${at}[]`));
  for (const inner of [anyOf, oneOf, allOf].flatMap((one) => (one as unknown[] | undefined) ?? []))
    found.push(...problems(inner, document, `${at}|`));
  return found;
}

function resolve(ref: string, document: Json, own: object): unknown {
  return ref
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .reduce<unknown>((value, part) => (value as Json | undefined)?.[part], ref.includes('$defs') ? own : document);
}

test('a required parameter and a required body are told as such; a form may come where it does', async () => {
  await using platform = await beginPlatform();
  const { paths } = (await platform.request('/openapi.json')).body as { paths: Record<string, Record<string, Operation>> };
  expect(paths['/v2/budgets']?.delete?.parameters.filter(({ required }) => required).map(({ name }) => name)).toContain('scope');
  expect(paths['/v2/teams']?.post?.requestBody?.required).toBe(true);
  expect(paths['/v2/trace/{id}/enter']?.post?.requestBody?.required).toBe(false);
  expect(Object.keys(paths['/auth/device/token']?.post?.requestBody?.content ?? {})).toEqual([
    'application/json',
    'application/x-www-form-urlencoded',
  ]);
});

test('a method that a path does not take is told with those that it takes', async () => {
  await using platform = await beginPlatform();
  for (const [method, path, allow] of [
    ['DELETE', '/v2/jobs', 'GET, HEAD'],
    ['POST', '/v2/jobs/abcd', 'GET, HEAD'],
    ['PATCH', '/v2/budgets', 'DELETE, GET, HEAD, PUT'],
  ] as const) {
    const { status, headers, body } = await platform.request(path, { method });
    expect([status, headers.get('allow'), body]).toEqual([405, allow, { detail: `${path} does not take ${method}, only ${allow}.` }]);
  }
  expect((await platform.request('/v2/nowhere')).status).toBe(404);
});
