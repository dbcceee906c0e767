import { describe, expect, test } from 'vitest';
import { Float, parseJson } from './json.ts';
import { Task, isTask, type TaskInit } from './task.ts';

const loop: Record<string, unknown> = {};
loop.self = [loop];

const slugOf = (id: string, args: Record<string, unknown>): string => new Task({ env: 'e', id, args }).slug;

describe('the default slug', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['count', { word: 'strawberry', letter: 'r' }, 'count-759529a8'],
    ['solve', { b: 2, a: 1 }, 'solve-1744f53e'],
    ['t', { x: 1 }, 't-c8b0bcdb'],
    ['t', { x: new Float(1) }, 't-eeff7c66'],
    ['t', { s: 'é', n: null, b: true }, 't-b9c2f6fc'],
    ['t', { e: '😀' }, 't-258c555a'],
    ['t', { n: { b: [1, 2], a: {} } }, 't-a8912b43'],
    ['t', { f: new Float(1e16), g: 1e-7, h: 0.1, i: new Float(1e22) }, 't-3fdd6ac0'],
    ['t', { '😀': 1, '\uFFEE': 2 }, 't-8b38f74b'],
    ['t', { p: '\u007f\u2028/' }, 't-713d3c02'],
    ['t', { messages: [] }, 't-13c24cb4'],
    ['t', { n: 12345678901234567890n }, 't-5acb6c2c'],
    ['t', { n: -9007199254740993n, m: 9007199254740991 }, 't-bab0b31d'],
    ['t', { z: NaN, i: Infinity }, 't-d298f4b4'],
    ['t', { x: -0 }, 't-7e5e8791'],
    ['t', { b: new Float(1e16), a: 123456789012345680, c: new Float(1e15), d: 5e-324 }, 't-7d291d47'],
    ['t', {}, 't'],
    ['t', { gone: undefined }, 't'],
    ['t', { x: 1, gone: undefined }, 't-c8b0bcdb'],
  ])('%s %o → %s', (id, args, slug) => expect(slugOf(id, args)).toBe(slug));

  test.each([
    ['{"x":1}', 't-c8b0bcdb'],
    ['{"x":1.0}', 't-eeff7c66'],
    ['{"n":12345678901234567890}', 't-5acb6c2c'],
    ['{"f":1e16,"g":1e-7,"h":0.1,"i":1e22}', 't-3fdd6ac0'],
    ['{"x":-0.0}', 't-7e5e8791'],
    ['{"z":NaN,"i":Infinity}', 't-d298f4b4'],
  ])('of a row read from a file, with args %s, is %s', (args, slug) => {
    expect(Task.parse(parseJson(`{"env":"e","id":"t","args":${args}}`, { lossless: true })).slug).toBe(slug);
  });

  test('is not that of schema defaults: only what was passed counts', () => {
    expect(slugOf('t', { x: undefined })).not.toBe(slugOf('t', { x: null }));
  });
});

describe('a task', () => {
  test.each<[object, string]>([
    [{ env: '', id: 'a' }, 'env'],
    [{ env: 'e', id: '' }, 'id'],
    [{ env: 'e', id: 'a', slug: '' }, 'slug'],
    [{ env: 'e', id: 'a', args: [1] }, 'args'],
    [{ env: 'e', id: 'a', args: { d: new Date() } }, 'args.d is a Date'],
    [{ env: 'e', id: 'a', slug: 's', args: { d: [{ e: new Map() }] } }, 'args.d[0].e is a Map'],
    [{ env: 'e', id: 'a', slug: 's', args: { d: () => 1 } }, 'args.d is function'],
    [{ env: 'e', id: 'a', slug: 's', args: { d: [undefined] } }, 'args.d[0] is undefined'],
    [{ env: 'e', id: 'a', columns: { d: new Date() } }, 'columns.d is a Date'],
    [{ env: 'e', id: 'a', validation: [{ d: Symbol('x') }] }, 'validation[0].d is symbol'],
    [{ env: 'e', id: 'a', agentConfig: { custom: new Set() } }, 'agentConfig.custom is a Set'],
    [{ env: 'e', id: 'a', args: loop }, 'args is circular'],
    [{ env: 'e', id: 'a', slug: null }, 'slug'],
    [{ env: { name: 'e' }, id: 'a' }, 'env'],
    [{ env: 'e', id: 'a', validation: {} }, 'validation'],
    [{ env: 'e', id: 'a', agentConfig: { timeoutSeconds: 0 } }, 'agentConfig.timeoutSeconds'],
    [{ env: 'e', id: 'a', runtimeConfig: { image: 'x', compose: { document: 'c' } } }, 'exclude'],
    [{ env: 'e', id: 'a', verifier: { env: 'e', id: 'v', verifier: { env: 'e', id: 'w' } } }, 'nested verifier'],
  ])('%o is refused', (init, word) => expect(() => new Task(init as TaskInit)).toThrow(word));

  test("rows are in the wire's spelling both ways, data untouched, unset and null apart", () => {
    const row = {
      env: 'e',
      id: 'a',
      args: { camelCase: 1, snake_case: null, deep: { someKey: [{ otherKey: 1 }] } },
      slug: 's',
      validation: [{ someKey: 1 }],
      agent_config: { timeout_seconds: 5, max_steps: 3, custom_key: 1 },
      columns: { someColumn: null },
      runtime_config: { image: 'i', resources: { cpu: 1, memory_mb: 512, gpu: { type: null, count: 2 } }, limits: null },
      verifier: { env: 'v', id: 'check', args: {}, slug: 'check' },
    };
    const task = Task.parse({ ...row, unknown: 'ignored' });
    expect(task.toJSON()).toEqual(row);
    expect(task.agentConfig).toMatchObject({ timeoutSeconds: 5, maxSteps: 3 });
    expect(task.runtimeConfig?.resources?.memoryMb).toBe(512);
    expect(isTask(task.verifier)).toBe(true);
    expect(Task.parse(parseJson(JSON.stringify(task))).toJSON()).toEqual(row);
  });

  test.each<[unknown, string]>([
    [{ id: 'a' }, 'Task a is malformed: env'],
    [{ env: 'e' }, 'Task row is malformed: id'],
    [{ env: 'e', id: 'a', slug: null }, 'slug'],
    [{ env: 'e', id: 'a', args: null }, 'args'],
    [{ env: 'e', id: 'a', runtime_config: { imagee: 'x' } }, 'imagee'],
    [[], 'expected object'],
    [null, 'expected object'],
    ['text', 'expected object'],
    [{ env: 'e', id: 'a', verifier: { env: 'e', id: 'v', verifier: { env: 'e', id: 'w' } } }, 'nested verifier tasks are not supported'],
    [{ env: 'e', id: 'a', verifier: 'v' }, 'verifier'],
  ])('the row %o is refused by name', (row, word) => {
    expect(() => Task.parse(row)).toThrow(
      expect.objectContaining({ code: 'BAD_TASK', message: expect.stringContaining(word) as unknown }) as Error,
    );
  });

  test('takes the floats that a Python peer writes where numbers are declared', () => {
    const text =
      '{"env":"e","id":"a","args":{"x":1.0},"agent_config":{"timeout_seconds":30.0},"runtime_config":{"resources":{"cpu":2.0,"memory_mb":512.0}}}';
    const task = Task.parse(parseJson(text, { lossless: true }));
    expect(task.agentConfig?.timeoutSeconds).toBe(30);
    expect(task.runtimeConfig?.resources).toEqual({ cpu: 2, memoryMb: 512 });
    expect(task.args.x).toBeInstanceOf(Float);
  });

  test('is its own row, and one of another copy of this package is a task too', () => {
    const task = new Task({ env: 'e', id: 'a' });
    expect(Task.parse(task)).toBe(task);
    expect(isTask({ [Symbol.for('hud.task')]: true })).toBe(true);
    expect([isTask(null), isTask({}), isTask('a')]).toEqual([false, false, false]);
  });

  test('has a verifier that is a task, given live or as a row', () => {
    const verifier = new Task({ env: 'v', id: 'check', args: { n: 1 } });
    expect(new Task({ env: 'e', id: 'a', verifier }).verifier).toBe(verifier);
    const asRow = new Task({ env: 'e', id: 'a', verifier: { env: 'v', id: 'check', args: { n: 1 } } });
    expect(asRow.toJSON()).toEqual(new Task({ env: 'e', id: 'a', verifier }).toJSON());
    expect(asRow.verifier?.slug).toBe(verifier.slug);
    expect(() => new Task({ env: 'e', id: 'b', verifier: asRow })).toThrow('nested verifier');
  });

  test('leaves out fields that are null or unset', () => {
    expect(new Task({ env: 'e', id: 'a', columns: null, validation: null, agentConfig: undefined, verifier: null }).toJSON()).toEqual({
      env: 'e',
      id: 'a',
      args: {},
      slug: 'a',
    });
  });

  test('its slug can be set, not emptied; copies follow their args unless the slug was chosen', () => {
    const task = new Task({ env: 'e', id: 'a', args: { n: 1 } });
    expect(task.with({ args: { n: 2 } }).slug).toBe(slugOf('a', { n: 2 }));
    task.slug = 'mine';
    expect(task.with({ args: { n: 2 } }).slug).toBe('mine');
    expect(() => (task.slug = '')).toThrow('non-empty');
  });
});
