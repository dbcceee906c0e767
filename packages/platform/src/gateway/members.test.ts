import { describe, expect, test } from 'vitest';
import { findMembers, isTrue, numberMember, replaceMember, stringMember } from './members.ts';

const WANTED = new Set(['model', 'stream', 'n']);

function read(text: string): Record<string, string> {
  const body = Buffer.from(text);
  return Object.fromEntries([...findMembers(body, WANTED)].map(([name, { start, end }]) => [name, body.toString('utf8', start, end)]));
}

describe('findMembers', () => {
  test.each([
    ['{}', {}],
    ['  { } ', {}],
    ['{"model":"a"}', { model: '"a"' }],
    ['{"messages":[{"model":"inner","stream":true}],"model":"outer"}', { model: '"outer"' }],
    ['{"x":{"model":"inner"},"n": -1.5e3 ,"stream" : true}', { n: '-1.5e3', stream: 'true' }],
    ['{"x":"}\\"{,]","model":"m"}', { model: '"m"' }],
    ['{"x":"\\\\","model":"m"}', { model: '"m"' }],
    [`{"x":"${'y'.repeat(200)}\\\\\\"","model":"m"}`, { model: '"m"' }],
    [`{"x":"${'y'.repeat(47)}\\"${'z'.repeat(60)}","model":"m"}`, { model: '"m"' }],
    ['{"mod\\u0065l":"escaped"}', { model: '"escaped"' }],
    ['{"x":"日本 \u2028","model":"ü"}', { model: '"ü"' }],
    ['{"model":{"id":"m"}}', { model: '{"id":"m"}' }],
    ['{"model":"a"} trailing', { model: '"a"' }],
  ])('of %s', (text, members) => expect(read(text)).toEqual(members));

  test.each([
    '',
    'null',
    '[1]',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":"',
    '{"a":"b\\',
    '{"a":[1}',
    '{a:1}',
    '{"model":"\\x"',
    '\ufeff{}',
    '{"a":1,}',
  ])('refuses %s, which is no object that ends', (text) =>
    expect(() => read(text)).toThrow(expect.objectContaining({ status: 400 }) as Error),
  );

  test('refuses a wanted name that comes twice, since servers differ in which of the two counts', () => {
    expect(() => read('{"model":"cheap","model":"dear"}')).toThrow("says 'model' twice");
    expect(() => read('{"model":"cheap","mode\\u006c":"dear"}')).toThrow("says 'model' twice");
    expect(read('{"x":1,"x":2,"model":"m"}')).toEqual({ model: '"m"' });
  });

  test('finds what JSON.parse finds, wherever the pieces of long strings end', () => {
    for (let length = 0; length < 120; length += 1) {
      const value = { pad: `${'p'.repeat(length)}\\"\n${'q'.repeat(length % 7)}`, model: `m"${length}`, tail: { model: 'no' } };
      const body = Buffer.from(JSON.stringify(value));
      expect(stringMember(body, findMembers(body, WANTED).get('model'))).toBe(value.model);
    }
  });
});

test('values are read by their kind', () => {
  const body = Buffer.from('{"model":"a\\u0062","stream":true,"n":3}');
  const members = findMembers(body, WANTED);
  expect(stringMember(body, members.get('model'))).toBe('ab');
  expect(stringMember(body, members.get('n'))).toBeUndefined();
  expect(numberMember(body, members.get('n'))).toBe(3);
  expect(numberMember(body, members.get('model'))).toBeUndefined();
  expect([isTrue(body, members.get('stream')), isTrue(body, members.get('n')), isTrue(body, undefined)]).toEqual([true, false, false]);
});

test('replacing a value leaves every other byte', () => {
  const body = Buffer.from('{ "a" : 1.0, "model" :\t"old" , "b":"\\u00e9" }');
  const span = findMembers(body, WANTED).get('model');
  expect(span && replaceMember(body, span, 'new "one"').toString()).toBe('{ "a" : 1.0, "model" :\t"new \\"one\\"" , "b":"\\u00e9" }');
});
