import { float, type JsonObject } from 'hud/protocol';
import { describe, expect, test } from 'vitest';
import { argsSchema, manifestCheck } from './manifest-check.ts';

const problems = (args: JsonObject, schema: JsonObject): string[] => manifestCheck({ tasks: [{ id: 't', args: schema }] })('t', args);
const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...more });

describe('arguments against a manifest', () => {
  test.each<[string, JsonObject, JsonObject, RegExp[]]>([
    ['fit', { n: 1 }, object({ n: { type: 'integer' } }), []],
    ['fit as a whole float', { n: float(1) }, object({ n: { type: 'integer' } }), []],
    ['fit as a huge integer', { n: 12345678901234567890n }, object({ n: { type: 'number' } }), []],
    ['miss one', {}, object({ n: { type: 'integer' } }, { required: ['n'] }), [/^args\.n: expected/]],
    ['have one too many', { m: 1 }, object({}, { additionalProperties: false }), [/^args: Unrecognized key: "m"\.$/]],
    [
      'are wrong deep inside',
      { a: [{ b: 'x' }] },
      object({ a: { type: 'array', items: object({ b: { type: 'number' } }) } }),
      [/^args\.a\[0\]\.b: expected number/],
    ],
    [
      'follow references',
      { p: { x: 's' } },
      { ...object({ p: { $ref: '#/$defs/P' } }), $defs: { P: object({ x: { type: 'integer' } }) } },
      [/^args\.p\.x: /],
    ],
    ['follow one of several', { n: null }, object({ n: { anyOf: [{ type: 'integer' }, { type: 'null' }] } }), []],
    ['are one of a list', { n: 'c' }, object({ n: { enum: ['a', 'b'] } }), [/^args\.n: /]],
    ['are called like a keyword', { pattern: 1 }, object({ pattern: { type: 'string' } }), [/^args\.pattern: expected string/]],
  ])('%s', (_what, args, schema, expected) => {
    expect(problems(args, schema)).toEqual(expected.map((pattern) => expect.stringMatching(pattern) as string));
  });

  test('an expression that takes for ever is never run', () => {
    const schema = object(
      { s: { type: 'string', pattern: '^(a+)+$' } },
      { patternProperties: { '^(b+)+$': { type: 'string' } }, additionalProperties: false },
    );
    const began = performance.now();
    expect(problems({ s: `${'a'.repeat(40)}!`, [`${'b'.repeat(40)}!`]: 'x' }, schema)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  test('a schema that says nothing, or that can not be read, refuses nothing', () => {
    for (const schema of [undefined, null, {}, { type: 'object', not: { type: 'x' }, if: 7 }]) expect(argsSchema(schema)).toBe(undefined);
  });

  test('a template that is not there is told with those that are', () => {
    expect(manifestCheck({ tasks: [{ id: 'a' }, { id: 'b' }] })('c', {})).toEqual([
      "template 'c' not found in environment '{env}'; it has a, b.",
    ]);
  });
});
