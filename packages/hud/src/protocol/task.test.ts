import { describe, expect, test } from 'vitest';
import { Float, parseJson } from './json.ts';
import { mergeRuntimeConfig } from './runtime.ts';
import { diffTasks, taskSignature } from './sync.ts';
import { Task, isTask, type TaskInit } from './task.ts';

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
    ['t', {}, 't'],
    ['t', { gone: undefined }, 't'],
  ])('%s %o → %s', (id, args, slug) => expect(slugOf(id, args)).toBe(slug));
});

describe('a task', () => {
  test.each<[object, string]>([
    [{ env: '', id: 'a' }, 'env'], [{ env: 'e', id: '' }, 'id'], [{ env: 'e', id: 'a', slug: '' }, 'slug'], [{ env: 'e', id: 'a', args: [1] }, 'args'],
    [{ env: 'e', id: 'a', args: { d: new Date() } }, 'Date'],
    [{ env: 'e', id: 'a', runtimeConfig: { image: 'x', compose: { document: 'c' } } }, 'exclude'],
    [{ env: 'e', id: 'a', verifier: { env: 'e', id: 'v', verifier: { env: 'e', id: 'w' } } }, 'nested verifier'],
  ])('%o is refused', (init, word) => expect(() => new Task(init as TaskInit)).toThrow(word));

  test('rows are in the wire\'s spelling both ways, data untouched, unset and null apart', () => {
    const row = {
      env: 'e', id: 'a', args: { camelCase: 1, snake_case: null, deep: { someKey: [{ otherKey: 1 }] } }, slug: 's', validation: [{ someKey: 1 }],
      agent_config: { timeout_seconds: 5, max_steps: 3, custom_key: 1 }, columns: { someColumn: null },
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

  test('its slug can be set, not emptied; copies follow their args unless the slug was chosen', () => {
    const task = new Task({ env: 'e', id: 'a', args: { n: 1 } });
    expect(task.with({ args: { n: 2 } }).slug).toBe(slugOf('a', { n: 2 }));
    task.slug = 'mine';
    expect(task.with({ args: { n: 2 } }).slug).toBe('mine');
    expect(() => (task.slug = '')).toThrow('non-empty');
  });
});

describe('runtime configuration', () => {
  test.each([
    [{ imagee: 'x' }, 'imagee'], [{ resources: { cpu: 0 } }, 'cpu'], [{ resources: { gpu: { count: 0 } } }, 'count'],
    [{ resources: { tpu: { type: 'v5', topology: '2y2' } } }, 'topology'], [{ limits: { run_timeout_s: 1.5 } }, 'run_timeout_s'],
  ])('%o is refused', (config, word) => {
    expect(() => Task.parse({ env: 'e', id: 'a', runtime_config: config })).toThrow(word);
  });

  test('merging is shallow, by set keys, and image and compose push each other out', () => {
    const base = { image: 'a', resources: { cpu: 2, memoryMb: 100 }, limits: { runTimeoutS: 5 } };
    expect(mergeRuntimeConfig(base, { resources: { cpu: 1 } })).toEqual({ ...base, resources: { cpu: 1 } });
    expect(mergeRuntimeConfig(base, { limits: null })).toEqual({ ...base, limits: null });
    expect(mergeRuntimeConfig(base, { compose: { document: 'c.yaml' } })).toEqual({ resources: base.resources, limits: base.limits, compose: { document: 'c.yaml' } });
    expect(mergeRuntimeConfig({ compose: { document: 'c' } }, { image: 'b' })).toEqual({ image: 'b' });
    expect(mergeRuntimeConfig(undefined, base)).toBe(base);
  });
});

describe('sync', () => {
  const row = (more: object = {}): Task => new Task({ env: 'e', id: 'solve', args: { n: 1 }, slug: 's', ...more });

  test('the signature leaves out environment, id and slug, keeps nulls inside data, and prints floats as floats', () => {
    expect(taskSignature(row({ columns: { d: 'easy' } }))).toBe('solve|{"args":{"n":1},"columns":{"d":"easy"}}');
    expect(taskSignature(row({ args: { a: null }, runtimeConfig: { image: null, resources: { cpu: 2 } } })))
      .toBe('solve|{"args":{"a":null},"runtime_config":{"image":null,"resources":{"cpu":2.0}}}');
    expect(taskSignature(row({ args: {} }))).toBe('solve|{"args":{}}');
    expect(taskSignature(row({ args: { x: NaN } }))).toBe('solve|{"args":{"x":null}}');
    expect(taskSignature(row({ verifier: { env: 'v', id: 'w' } }))).toBe('solve|{"args":{"n":1},"verifier":{"args":{},"env":"v","id":"w","slug":"w"}}');
  });

  test('rows are created, updated, left and never deleted', () => {
    const plan = diffTasks(
      { name: 'local', tasks: [row({ slug: 'new' }), row({ slug: 'same' }), row({ slug: 'moved' }), row({ slug: 'changed' })] },
      { name: 'remote', tasks: [row({ slug: 'same' }), row({ slug: 'moved', env: 'other' }), row({ slug: 'changed', args: { n: 2 } }), row({ slug: 'extra' })] },
    );
    const slugs = (tasks: Task[]): string[] => tasks.map((task) => task.slug);
    expect([slugs(plan.toCreate), slugs(plan.toUpdate), slugs(plan.unchanged), slugs(plan.remoteOnly), slugs(plan.toApply)])
      .toEqual([['new'], ['moved', 'changed'], ['same'], ['extra'], ['new', 'moved', 'changed']]);
    expect(plan.tasksetName).toBe('remote');
    expect(plan.summary()).toBe('1 to create, 2 to update, 1 unchanged, 1 remote only');
  });
});
