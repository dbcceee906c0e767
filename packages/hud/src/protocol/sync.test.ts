import { describe, expect, test } from 'vitest';
import { Float, parseJson, stringifyJson } from './json.ts';
import { diffTasks, taskSignature } from './sync.ts';
import { Task, type TaskInit } from './task.ts';

const row = (more: Partial<TaskInit> = {}): Task => new Task({ env: 'e', id: 'solve', args: { n: 1 }, slug: 's', ...more });

describe('the signature', () => {
  test.each<[string, Partial<TaskInit>, string]>([
    ['is the id and the row without environment, id and slug', { columns: { d: 'easy' } }, 'solve|{"args":{"n":1},"columns":{"d":"easy"}}'],
    ['always has args', { args: {} }, 'solve|{"args":{}}'],
    [
      'has no fields that are null',
      { args: {}, columns: null, agentConfig: null, runtimeConfig: null, validation: null, verifier: null },
      'solve|{"args":{}}',
    ],
    ['keeps nulls inside data', { args: { a: null }, columns: { b: null } }, 'solve|{"args":{"a":null},"columns":{"b":null}}'],
    [
      'keeps explicit nulls of the runtime',
      { runtimeConfig: { image: null, limits: { runTimeoutS: null } } },
      'solve|{"args":{"n":1},"runtime_config":{"image":null,"limits":{"run_timeout_s":null}}}',
    ],
    [
      'prints declared floats as floats',
      { runtimeConfig: { resources: { cpu: 2, memoryMb: 512 } } },
      'solve|{"args":{"n":1},"runtime_config":{"resources":{"cpu":2.0,"memory_mb":512}}}',
    ],
    ['keeps the float of an argument', { args: { x: new Float(1), y: 0.5 } }, 'solve|{"args":{"x":1.0,"y":0.5}}'],
    ['has null for numbers that JSON does not have', { args: { x: [NaN, { y: -Infinity }] } }, 'solve|{"args":{"x":[null,{"y":null}]}}'],
    ['sorts by code point, in ASCII only', { args: { '😀': 1, '\uFFEE': 'é' } }, 'solve|{"args":{"\\uffee":"\\u00e9","\\ud83d\\ude00":1}}'],
    [
      'spells keys as the wire does, but for data',
      { agentConfig: { maxSteps: 3, customKey: 1 } },
      'solve|{"agent_config":{"customKey":1,"max_steps":3},"args":{"n":1}}',
    ],
    [
      'keeps environment, id and slug of a verifier',
      { verifier: { env: 'v', id: 'w', runtimeConfig: { resources: { cpu: 1 } } } },
      'solve|{"args":{"n":1},"verifier":{"args":{},"env":"v","id":"w","runtime_config":{"resources":{"cpu":1.0}},"slug":"w"}}',
    ],
    ['keeps big integers', { args: { n: 12345678901234567890n } }, 'solve|{"args":{"n":12345678901234567890}}'],
  ])('%s', (_what, more, signature) => expect(taskSignature(row(more))).toBe(signature));

  test('is the same before and after a file', () => {
    const task = row({
      args: { x: new Float(1), y: 1, big: 2n ** 70n, none: null },
      runtimeConfig: { resources: { cpu: 2 } },
      agentConfig: { timeoutSeconds: 30 },
    });
    const read = Task.parse(parseJson(stringifyJson(task), { lossless: true }));
    expect(taskSignature(read)).toBe(taskSignature(task));
  });

  test('does not depend on environment or slug', () => {
    expect(taskSignature(row({ env: 'other', slug: 't' }))).toBe(taskSignature(row()));
  });
});

describe('a plan', () => {
  const slugs = (tasks: Task[]): string[] => tasks.map((task) => task.slug);

  test('creates, updates, leaves and never deletes', () => {
    const plan = diffTasks(
      { name: 'local', tasks: [row({ slug: 'new' }), row({ slug: 'same' }), row({ slug: 'moved' }), row({ slug: 'changed' })] },
      {
        name: 'remote',
        tasks: [
          row({ slug: 'same' }),
          row({ slug: 'moved', env: 'other' }),
          row({ slug: 'changed', args: { n: 2 } }),
          row({ slug: 'extra' }),
        ],
      },
    );
    expect([slugs(plan.toCreate), slugs(plan.toUpdate), slugs(plan.unchanged), slugs(plan.remoteOnly), slugs(plan.toApply)]).toEqual([
      ['new'],
      ['moved', 'changed'],
      ['same'],
      ['extra'],
      ['new', 'moved', 'changed'],
    ]);
    expect(plan.tasksetName).toBe('remote');
    expect(plan.summary()).toBe('1 to create, 2 to update, 1 unchanged, 1 remote only');
  });

  test('notices another template and another type of number', () => {
    const remote = [row({ slug: 'a' }), row({ slug: 'b', args: { n: 1 } })];
    const plan = diffTasks(
      { name: 'l', tasks: [row({ slug: 'a', id: 'other' }), row({ slug: 'b', args: { n: new Float(1) } })] },
      { name: 'r', tasks: remote },
    );
    expect(slugs(plan.toUpdate)).toEqual(['a', 'b']);
  });

  test('creates everything, under the local name, where there is no remote taskset', () => {
    const plan = diffTasks({ name: 'local', tasks: new Set([row()]) }, undefined);
    expect([plan.tasksetName, slugs(plan.toApply), plan.remoteOnly]).toEqual(['local', ['s'], []]);
  });

  test('matches a remote row once', () => {
    const plan = diffTasks({ name: 'l', tasks: [row(), row()] }, { name: 'r', tasks: [row()] });
    expect([plan.unchanged.length, plan.toCreate.length]).toEqual([1, 1]);
  });
});
