import { expect, test } from 'vitest';
import { resolveModel } from './catalogue.ts';
import { plainSchema } from './chat-schema.ts';
import { parseSettings } from '../host/settings.ts';
import { dropNulls, strictSchema } from './strict-schema.ts';
import { toolName } from './tools/mcp.ts';

test.each([
  ['add', 'add'],
  ['a.b', 'a_b_2e7336dc'],
  ['tools__get weather', 'tools__get_weather_a5e561d2'],
  ['__x__', 'x_a917b03b'],
  ['日本', 'tool_cf2abf0c'],
  ['x'.repeat(70), `${'x'.repeat(55)}_c71bd109`],
])('the tool %s is called %s', (original, name) => expect(toolName(original)).toBe(name));

test.each([
  ['claude', { type: 'claude' }],
  ['openai-compatible', { type: 'openai_compatible' }],
  ['nop', { type: 'nop' }],
  ['claude-sonnet-4-6', { type: 'claude', model: 'claude-sonnet-4-6' }],
  ['gpt-5.6', { type: 'openai', model: 'gpt-5.6' }],
  ['o4-mini', { type: 'openai', model: 'o4-mini' }],
  ['gemini-3-pro-preview', { type: 'gemini', model: 'gemini-3-pro-preview' }],
  ['Kimi-K2.6', { type: 'openai_compatible', model: 'moonshotai/kimi-k2.6' }],
  ['minimax-m3', { type: 'openai_compatible', model: 'MiniMax-M3' }],
  ['qwen/qwen-9', { type: 'openai_compatible', model: 'qwen/qwen-9' }],
])('%s is driven by %o', async (name, resolved) => expect(await resolveModel(name)).toEqual(resolved));

test('an unknown name is refused with near ones', async () => {
  await expect(resolveModel('clade')).rejects.toMatchObject({
    code: 'AGENT_UNKNOWN',
    message: expect.stringContaining('Did you mean claude') as string,
  });
});

test('settings are read by their rules', () => {
  const settings = parseSettings('# comment\nA=1 # tail\n\nB="x # y" z\nC=\'q\'\n D = spaced \nnothing\n=x\nE=a=b');
  expect(Object.fromEntries(settings)).toEqual({ A: '1', B: 'x # y', C: 'q', D: 'spaced', E: 'a=b' });
});

test('a strict schema is closed, requires everything, and lets what was optional be null', () => {
  const { schema, strict } = strictSchema({
    type: 'object',
    title: 'T',
    required: ['a'],
    properties: {
      a: { type: 'string', minLength: 1, default: 'x' },
      b: { type: 'integer' },
      c: { enum: ['x', 'y'] },
      d: { type: 'array', items: [{ type: 'number' }, { type: 'string' }] },
      e: { oneOf: [{ type: 'string' }, { type: 'null' }] },
      f: { allOf: [{ type: 'object', properties: { g: { type: 'string', pattern: 'x' } } }] },
    },
  });
  expect(strict).toBe(true);
  expect(schema).toEqual({
    type: 'object',
    required: ['a', 'b', 'c', 'd', 'e', 'f'],
    additionalProperties: false,
    properties: {
      a: { type: 'string' },
      b: { type: ['integer', 'null'] },
      c: { anyOf: [{ enum: ['x', 'y'] }, { type: 'null' }] },
      d: { type: ['array', 'null'], items: { type: 'integer' } },
      e: { anyOf: [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, { type: 'null' }] },
      f: { type: ['object', 'null'], properties: { g: { type: ['string', 'null'] } }, required: ['g'], additionalProperties: false },
    },
  });
  expect(strictSchema({ type: 'object', additionalProperties: { type: 'string' } })).toMatchObject({ strict: false });
  expect(strictSchema({ type: 'object', additionalProperties: true })).toEqual({
    strict: true,
    schema: { type: 'object', properties: {}, required: [], additionalProperties: false },
  });
  expect(dropNulls({ a: null, b: null, c: 1 }, { required: ['a'] })).toEqual({ a: null, c: 1 });
});

test('a plain schema keeps what every compatible server knows', () => {
  expect(
    plainSchema({
      type: 'object',
      $schema: 'x',
      additionalProperties: false,
      properties: {
        a: { anyOf: [{ type: 'null' }, { type: 'string', format: 'uri' }], title: 'A' },
        b: { type: 'array', prefixItems: [{ type: 'number' }] },
      },
      required: ['a'],
    }),
  ).toEqual({ type: 'object', required: ['a'], properties: { a: { type: 'string' }, b: { type: 'array', items: { type: 'number' } } } });
});
