import { expect, test } from 'vitest';
import type { JsonObject } from '../protocol/json.ts';
import { dropNulls, strictSchema } from './strict-schema.ts';

/** The closed form of one required property. */
function closed(member: JsonObject, definitions: JsonObject = {}): unknown {
  const { schema, strict } = strictSchema({ type: 'object', properties: { a: member }, required: ['a'], ...definitions });
  return strict ? (schema.properties as JsonObject).a : 'not strict';
}

test.each<[string, JsonObject, unknown]>([
  [
    'keywords of values are removed',
    { type: 'string', minLength: 1, pattern: 'x', format: 'uri', default: 'x', title: 'A', description: 'd' },
    { type: 'string', description: 'd' },
  ],
  [
    'oneOf becomes anyOf',
    { oneOf: [{ type: 'string', maxLength: 3 }, { type: 'null' }] },
    { anyOf: [{ type: 'string' }, { type: 'null' }] },
  ],
  [
    'a single allOf is taken out of its list',
    { allOf: [{ type: 'integer', minimum: 1 }], description: 'd' },
    { type: 'integer', description: 'd' },
  ],
  ["several allOf can't be closed", { allOf: [{ type: 'integer' }, { type: 'number' }] }, 'not strict'],
  [
    'a tuple of one kind is a list of it',
    { type: 'array', prefixItems: [{ type: 'string', minLength: 1 }, { type: 'string' }] },
    { type: 'array', items: { type: 'string' } },
  ],
  [
    'a tuple of mixed kinds is a list of integers',
    { type: 'array', items: [{ type: 'string' }, { type: 'number' }] },
    { type: 'array', items: { type: 'integer' } },
  ],
  ["a map of values can't be closed", { type: 'object', additionalProperties: { type: 'string' } }, 'not strict'],
  ["a value of any kind can't be closed", { description: 'anything' }, 'not strict'],
  [
    'an object that may be null stays so',
    { type: ['object', 'null'], properties: {} },
    { type: ['object', 'null'], properties: {}, required: [], additionalProperties: false },
  ],
])('%s', (_, member, expected) => expect(closed(member)).toEqual(expected));

test.each<[JsonObject, JsonObject]>([
  [{ type: 'string' }, { type: ['string', 'null'] }],
  [{ type: ['string', 'integer'] }, { type: ['string', 'integer', 'null'] }],
  [{ type: ['string', 'null'] }, { type: ['string', 'null'] }],
  [{ type: 'string', enum: ['x'] }, { anyOf: [{ type: 'string', enum: ['x'] }, { type: 'null' }] }],
  [{ type: 'string', const: 'x' }, { anyOf: [{ type: 'string', const: 'x' }, { type: 'null' }] }],
])('what was optional may be null: %o', (member, nullable) => {
  expect(strictSchema({ type: 'object', properties: { a: member } })).toEqual({
    strict: true,
    schema: { type: 'object', properties: { a: nullable }, required: ['a'], additionalProperties: false },
  });
});

test('a tool without a schema takes an empty object', () => {
  expect(strictSchema({})).toEqual({ strict: true, schema: { type: 'object', properties: {}, required: [], additionalProperties: false } });
});

test('a reference alone stays, one with siblings is copied, and one that refers to itself ends', () => {
  const Node = { type: 'object', properties: { next: { $ref: '#/$defs/Node', description: 'the next' } }, required: ['next'] };
  expect(closed({ $ref: '#/$defs/Node' }, { $defs: { Node } })).toEqual({ $ref: '#/$defs/Node' });
  expect(closed({ $ref: '#/$defs/Node', description: 'first' }, { $defs: { Node } })).toEqual({
    type: 'object',
    properties: { next: { $ref: '#/$defs/Node' } },
    required: ['next'],
    additionalProperties: false,
    description: 'first',
  });
  expect(closed({ $ref: '#/$defs/Nothing', description: 'lost' })).toBe('not strict');
});

test("a schema that can't be closed is handed on as it was", () => {
  const schema = { type: 'object', properties: { a: { type: 'object', additionalProperties: { type: 'string' } } } };
  expect(strictSchema(schema)).toEqual({ schema, strict: false });
});

test('nulls of left-out arguments go, at any depth; required ones and those in lists stay', () => {
  const inner = { type: 'object', properties: { b: { type: 'string' }, c: { type: ['string', 'null'] } }, required: ['c'] };
  const schema = {
    type: 'object',
    $defs: { Inner: inner },
    properties: {
      a: inner,
      list: { type: 'array', items: { $ref: '#/$defs/Inner' } },
      maybe: { anyOf: [{ $ref: '#/$defs/Inner' }, { type: 'null' }] },
      z: {},
    },
  };
  expect(dropNulls({ a: { b: null, c: null }, list: [{ b: null, c: 'x' }, null], maybe: { b: null, c: 'y' }, z: null }, schema)).toEqual({
    a: { c: null },
    list: [{ c: 'x' }, null],
    maybe: { c: 'y' },
  });
});

test('a reference that leads to itself drops nothing and ends', () => {
  const schema = {
    type: 'object',
    $defs: { A: { $ref: '#/$defs/B' }, B: { $ref: '#/$defs/A' } },
    properties: { a: { $ref: '#/$defs/A' } },
  };
  expect(dropNulls({ a: { b: 1 } }, schema)).toEqual({ a: { b: 1 } });
});
