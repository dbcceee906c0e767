import { isDeepStrictEqual } from 'node:util';
import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import * as capability from './capability.ts';
import { decode, encode, snakeCase } from './codec.ts';
import * as grade from './grade.ts';
import { Float, parseJson, stringifyJson, type JsonObject } from './json.ts';
import * as messages from './messages.ts';
import * as record from './record.ts';
import * as runtime from './runtime.ts';
import * as task from './task.ts';
import * as trace from './trace.ts';

const SCHEMAS = Object.entries<unknown>({ ...capability, ...grade, ...messages, ...record, ...runtime, ...task, ...trace }).filter(
  (entry): entry is [string, z.ZodType] => entry[1] instanceof z.core.$ZodType,
);

/** Data with keys of every spelling; without -0, which JSON text does not keep. */
const key = fc.oneof(
  fc.constantFrom('camelKey', 'snake_key', 'sessionId', 'session_id', 'isError', 'is_error', 'constructor', 'toString'),
  fc.string(),
);
const data: Arbitrary<unknown> = fc
  .letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(key, tie('node'), { maxKeys: 3 }),
    ),
  }))
  .node.map((value) => JSON.parse(JSON.stringify(value)) as unknown);

/** Values that `schema` accepts, with undeclared keys where it is open. */
function arbitraryOf(schema: z.core.$ZodType, depth = 0): Arbitrary<unknown> {
  const def = (schema as unknown as z.core.$ZodTypes)._zod.def;
  const of = (inner: z.core.$ZodType): Arbitrary<unknown> => arbitraryOf(inner, depth + 1);
  switch (def.type) {
    case 'string':
      return textOf(def);
    case 'number':
      return accepted(
        schema,
        fc.oneof(
          fc.nat(1_000_000).map((n) => n + 1),
          fc.double({ min: 0, max: 1, noNaN: true }).map((n) => n + 0),
          fc.constant(65_536),
        ),
      );
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'literal':
      return fc.constantFrom(...def.values);
    case 'enum':
      return fc.constantFrom(...Object.values(def.entries));
    case 'unknown':
      return data;
    case 'array':
      return fc.array(of(def.element), { maxLength: depth > 4 ? 0 : 3 });
    case 'record':
      return fc.dictionary(
        key.filter((k) => k !== '__proto__'),
        of(def.valueType),
        { maxKeys: 3, noNullPrototype: true },
      );
    case 'optional':
    case 'default':
      return fc.option(of(def.innerType), { nil: undefined });
    case 'nullable':
      return fc.option(of(def.innerType), { nil: null });
    case 'union':
      return fc.oneof(...def.options.map(of));
    case 'lazy':
      return fc.constant(undefined).chain(() => of(def.getter()));
    case 'pipe':
      return of(def.in._zod.def.type === 'transform' ? def.out : def.in);
    case 'object':
      return accepted(schema, objectOf(def, of));
    default:
      throw new Error(`No values for ${def.type} yet.`);
  }
}

function objectOf(def: z.core.$ZodObjectDef, of: (inner: z.core.$ZodType) => Arbitrary<unknown>): Arbitrary<unknown> {
  const declared = fc.record(Object.fromEntries(Object.entries(def.shape).map(([name, member]) => [name, of(member)])), {
    noNullPrototype: true,
  });
  if (def.catchall?._zod.def.type !== 'unknown') return declared;
  const taken = new Set(Object.keys(def.shape).flatMap((name) => [name, snakeCase(name), '__proto__']));
  const extra = fc.dictionary(
    key.filter((k) => !taken.has(k)),
    data,
    { maxKeys: 3, noNullPrototype: true },
  );
  return fc.tuple(extra, declared).map(([more, members]) => ({ ...more, ...members }));
}

/** Bounded, as a schema that takes none of the values would be searched for ever. */
function accepted(schema: z.core.$ZodType, values: Arbitrary<unknown>): Arbitrary<unknown> {
  let refusals = 0;
  return values.filter((value) => {
    const { success, error } = z.safeParse(schema, value);
    refusals = success ? 0 : refusals + 1;
    if (refusals > 1_000) throw new Error(`No value was accepted: ${error?.message ?? ''}`);
    return success;
  });
}

function textOf(def: z.core.$ZodStringDef): Arbitrary<string> {
  const patterns = (def.checks ?? []).flatMap((check) => ('pattern' in check._zod.def ? [check._zod.def.pattern as RegExp] : []));
  return patterns[0] === undefined ? fc.string({ minLength: 1 }) : fc.stringMatching(patterns[0]);
}

describe('every shape of the wire', () => {
  test('is in the list', () => {
    expect(SCHEMAS.map(([name]) => name)).toEqual(
      expect.arrayContaining(['TaskRow', 'RuntimeConfig', 'Step', 'Span', 'HelloResult', 'RunRecord', 'Lease', 'EvaluationResult']),
    );
    expect(SCHEMAS.length).toBeGreaterThan(35);
  });

  test.each(SCHEMAS)('%s comes back from the wire as it was sent, user data untouched', (_name, schema) => {
    fc.assert(
      fc.property(arbitraryOf(schema), (value) => {
        const text = stringifyJson(encode(schema, value));
        const back = decode(schema, parseJson(text));
        const expected = schema.parse(value);
        // Undefined members do not exist on the wire.
        if (isDeepStrictEqual(withoutUndefined(back), withoutUndefined(expected))) return;
        expect({ text, back }).toEqual({ text, back: expected });
      }),
      { numRuns: 60 },
    );
  });

  test.each(SCHEMAS)('%s has no camelCase key on the wire but those that say so', (_name, schema) => {
    const written = ['isError', 'mimeType', 'structuredContent'];
    fc.assert(
      fc.property(arbitraryOf(schema), (value) => {
        const wire = encode(schema, value);
        const declared =
          (schema as unknown as z.core.$ZodTypes)._zod.def.type === 'object' ? Object.keys((schema as z.ZodObject).shape) : [];
        for (const name of declared.filter((k) => /[A-Z]/.test(k) && !written.includes(k)))
          expect(Object.keys(wire as object)).not.toContain(name);
      }),
      { numRuns: 20 },
    );
  });
});

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([k, item]) => [k, withoutUndefined(item)]),
  );
}

describe('names', () => {
  const shape = z.looseObject({
    someKey: z.int(),
    isError: z.boolean().meta({ wire: 'isError' }),
    args: z.record(z.string(), z.unknown()),
    list: z.array(z.object({ innerKey: z.string() })).optional(),
  });

  test('that the schema declares are renamed, and no others', () => {
    const value = {
      someKey: 1,
      isError: true,
      args: { camelCase: { snake_case: 1 } },
      list: [{ innerKey: 'x' }],
      extraKey: 1,
      extra_key: 2,
    };
    const wire = {
      some_key: 1,
      isError: true,
      args: { camelCase: { snake_case: 1 } },
      list: [{ inner_key: 'x' }],
      extraKey: 1,
      extra_key: 2,
    };
    expect(encode(shape, value)).toEqual(wire);
    expect(decode(shape, wire)).toEqual(value);
  });

  test('in the other spelling count, but the right one wins, whatever the order', () => {
    const rest = { isError: false, args: {} };
    expect(decode(shape, { ...rest, someKey: 1 })).toMatchObject({ someKey: 1 });
    expect(decode(shape, { ...rest, someKey: 1, some_key: 2 })).toEqual({ ...rest, someKey: 2 });
    expect(decode(shape, { ...rest, some_key: 2, someKey: 1 })).toEqual({ ...rest, someKey: 2 });
    expect(encode(shape, { ...rest, someKey: 2, some_key: 1 })).toEqual({ ...rest, some_key: 2 });
  });

  test('in the other spelling are refused by closed objects, which say what to write', () => {
    const closed = z.strictObject({ memoryMb: z.int().optional() });
    expect(() => decode(closed, { memoryMb: 1 })).toThrow('Unrecognized key: "memoryMb, here spelled memory_mb"');
    expect(() => decode(closed, { memory: 1 })).toThrow('Unrecognized key: "memory"');
  });

  test('never reach the prototype', () => {
    const wire = JSON.parse('{"some_key":1,"isError":false,"args":{},"__proto__":{"list":[],"polluted":true}}') as unknown;
    const value = decode(shape, wire);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value.list).toBeUndefined();
    expect('polluted' in value).toBe(false);
  });
});

describe('numbers', () => {
  const shape = z.object({ ratio: z.number(), count: z.int(), args: z.record(z.string(), z.unknown()) });

  test('of the lossless reader are plain where the schema declares a number, and marked in user data', () => {
    const wire = parseJson('{"ratio":2.0,"count":3.0,"args":{"x":2.0}}', { lossless: true });
    expect(decode(shape, wire)).toEqual({ ratio: 2, count: 3, args: { x: new Float(2) } });
    expect(
      decode(shape, parseJson('{"ratio":100000000000000000000,"count":1,"args":{"x":100000000000000000000}}', { lossless: true })),
    ).toEqual({ ratio: 1e20, count: 1, args: { x: 100000000000000000000n } });
  });

  test('that no integer holds exactly are refused where an integer is declared', () => {
    expect(() => decode(shape, { ratio: 1, count: 2n ** 64n, args: {} })).toThrow('count');
    expect(() => decode(shape, { ratio: 1, count: 1.5, args: {} })).toThrow('count');
  });
});

describe('unions', () => {
  test('are renamed as the option that accepts the value', () => {
    const shape = z.object({
      root: z.union([z.string(), z.strictObject({ composePath: z.string() }), z.array(z.object({ anotherKey: z.int() }))]),
    });
    for (const [root, wire] of [
      ['x', 'x'],
      [{ composePath: 'x' }, { compose_path: 'x' }],
      [[{ anotherKey: 1 }], [{ another_key: 1 }]],
    ] as const) {
      expect(encode(shape, { root } as z.input<typeof shape>)).toEqual({ root: wire });
      expect(decode(shape, { root: wire })).toEqual({ root });
    }
  });

  test('with a discriminator that no option knows are refused', () => {
    expect(() => decode(trace.Step, { source: 'other', tool_calls: [] })).toThrow('source');
    expect(() => decode(trace.Step, 'text')).toThrow('expected object');
  });

  test('may contain themselves', () => {
    interface Node {
      ownName: string;
      subNodes: Node[];
    }
    const Node: z.ZodType<Node> = z.lazy(() => z.object({ ownName: z.string(), subNodes: z.array(Node) }));
    const tree = { ownName: 'a', subNodes: [{ ownName: 'b', subNodes: [] }] };
    expect(encode(Node, tree)).toEqual({ own_name: 'a', sub_nodes: [{ own_name: 'b', sub_nodes: [] }] });
    expect(decode(Node, encode(Node, tree))).toEqual(tree);
  });
});

describe('an error', () => {
  test.each<[z.core.$ZodType, JsonObject, string]>([
    [
      task.TaskRow,
      { env: 'e', id: 'a', agent_config: { max_steps: 'x' } },
      'The row is malformed: agent_config.max_steps: expected number, received string.',
    ],
    [
      task.TaskRow,
      { env: 'e', id: 'a', verifier: { env: 'e', id: 'v', runtime_config: { resources: { memory_mb: 0 } } } },
      'verifier.runtime_config.resources.memory_mb:',
    ],
    [
      trace.ToolStep,
      { source: 'tool', call: { id: 'c', name: 'n', arguments: {} }, result: { isError: 'x' } },
      'result.isError: expected boolean',
    ],
    [z.record(z.string(), z.object({ innerKey: z.int() })), { userKey: { inner_key: 'x' } }, 'userKey.inner_key: expected number'],
    [z.object({ rows: z.array(z.object({ someKey: z.int() })) }), { rows: [{ some_key: 1 }, {}] }, 'rows[1].some_key: expected number'],
  ])('names the path as the wire spells it (%#)', (schema, wire, message) => {
    expect(() => decode(schema, wire, { what: 'The row', code: 'BAD_TASK' })).toThrow(
      expect.objectContaining({ code: 'BAD_TASK', message: expect.stringContaining(message) as unknown }) as Error,
    );
  });

  test('names five places at most', () => {
    const shape = z.object(Object.fromEntries('abcdefgh'.split('').map((name) => [name, z.int()])));
    expect(() => decode(shape, {})).toThrow(/a: .*; b: .*; c: .*; d: .*; e: [^;]*\.$/);
  });
});
