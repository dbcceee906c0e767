import { describe, expect, test } from 'vitest';
import { dashedUuid, isPathComponent, normalizeEnvironmentName, normalizeTraceId, uuid5 } from './ids.ts';

describe('the trace id', () => {
  test.each([
    ['03DD2A73-D3DF-4D10-A54A-E3D87C2D530D', '03dd2a73d3df4d10a54ae3d87c2d530d'],
    ['run-1', 'a1512d2b077d52699e52b7122739c297'],
    ['a1512d2b-077d-5269-9e52-b7122739c297', 'a1512d2b077d52699e52b7122739c297'],
    ['trace-abc', '31a65bb204e051bda8313fba21321461'],
    ['abc', '8121658521d75715a73a68c4c57dd2e3'],
  ])('of %s is %s', (id, hex) => expect(normalizeTraceId(id)).toBe(hex));

  // What Python's integer parser also takes: underscores and blanks.
  test.each([`${'a'.repeat(31)}g`, `${'a'.repeat(15)}_${'a'.repeat(16)}`, ` ${'a'.repeat(30)} `, 'a'.repeat(31), 'a'.repeat(33), ''])(
    'of %j, which is not 32 hexadecimal digits, is a hash of the name',
    (id) => {
      expect(normalizeTraceId(id)).toBe(uuid5(`hud.task_run:${id}`));
      expect(normalizeTraceId(id)).toMatch(/^[0-9a-f]{12}5[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    },
  );

  test('is its own trace id', () => {
    for (const id of ['run-1', '', 'é']) expect(normalizeTraceId(normalizeTraceId(id))).toBe(normalizeTraceId(id));
  });

  test('of a seeded episode of a vectorised simulator is the same at every run', () => {
    expect(uuid5('hud.vec:job1:0:0:7')).toBe('e532fef198955b7c9c9b75e5e93772dd');
  });

  test('is a dashed UUID in links', () => {
    expect(dashedUuid('03dd2a73d3df4d10a54ae3d87c2d530d')).toBe('03dd2a73-d3df-4d10-a54a-e3d87c2d530d');
    expect(normalizeTraceId(dashedUuid(uuid5('x')))).toBe(uuid5('x'));
  });
});

test.each([
  ['My Env_1', 'my-env-1'],
  ['a.b/c', 'abc'],
  ['__', 'environment'],
  ['', 'environment'],
  ['-a--b-', 'a-b'],
  ['a _b', 'a-b'],
  ['é.è', 'environment'],
  ['ok-1', 'ok-1'],
])('the environment name of %j is %s', (name, normalized) => expect(normalizeEnvironmentName(name)).toBe(normalized));

test.each([
  ['sess-1f0c9a2b', true],
  ['...', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['a/b', false],
  ['a\\b', false],
  ['a\0', false],
])('%j names one file: %s', (id, isOne) => expect(isPathComponent(id)).toBe(isOne));
