import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caller, testPlatform, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

const row = (name: string, args: object = {}, more: object = {}): object => ({
  name,
  env: { name: 'letters' },
  task_id: 'count',
  args,
  ...more,
});

async function upload(taskset: string, tasks: unknown[], call = on.call): Promise<{ status: number; json: never; text: string }> {
  return (await call('POST', '/v2/tasks/upload', { taskset_name: taskset, tasks })) as never;
}

describe('tasksets', () => {
  test('S1: a name that nobody gave is absent', async () => {
    const { status, json } = await on.call('GET', '/v2/tasksets/by-name/My%20Demo');
    expect({ status, json }).toEqual({ status: 404, json: { detail: "There is no taskset 'My Demo'." } });
  });

  test('S2, S3: an upload creates the taskset, the same again changes nothing', async () => {
    const first = await upload('two', [row('a'), row('b', { word: 'x' })]);
    expect(first).toMatchObject({ status: 200, json: { tasks_created: 2, tasks_updated: 0, version: 1, unverified: ['letters'] } });
    const { taskset_id: id } = first.json as { taskset_id: string };
    expect(id).toMatch(/^[0-9a-f]{8}-/);
    expect(await upload('two', [row('a'), row('b', { word: 'x' })])).toMatchObject({
      json: { taskset_id: id, tasks_created: 0, tasks_updated: 0, version: 1 },
    });
    const { json } = await on.call('GET', `/v2/tasksets/${id}/export`);
    expect(json).toMatchObject({
      name: 'two',
      tasks: [
        { name: 'a', env: 'letters', scenario: 'count', args: {} },
        { name: 'b', args: { word: 'x' } },
      ],
    });
  });

  test.each(['a/b c', 'ü%20?&#', '日本', 'export', '100%', 'a%2Fb'])('the name %j is found by itself', async (name) => {
    const { json } = await upload(name, [row('a')]);
    expect(await on.call('GET', `/v2/tasksets/by-name/${encodeURIComponent(name)}`)).toMatchObject({
      status: 200,
      json: { taskset_id: (json as { taskset_id: string }).taskset_id, name },
    });
  });

  test('S4, S5: numbers, nulls and keys leave as they came', async () => {
    const args = '{"x":1.0,"y":null,"z":12345678901234567890,"e":1e-07,"n":-0.0,"__proto__":{"a":1},"task_id":{"agentConfig":2.50}}';
    const runtime = '{"resources":null,"limits":{"run_timeout_s":3.0}}';
    const item = `{"name":"exact","env":{"name":"letters"},"task_id":"count","args":${args},"runtime_config":${runtime},"columns":null,"validation":[{"n":1.0}]}`;
    const sent = await on.call('POST', '/v2/tasks/upload', `{"taskset_name":"exact","tasks":[${item}]}`);
    const { text, headers } = await on.call('GET', `/v2/tasksets/${(sent.json as { taskset_id: string }).taskset_id}/export`);
    expect(headers.get('content-type')).toBe('application/json');
    expect(text).toContain(`"args":${args.replace('1e-07', '1e-7').replace('2.50', '2.5')}`);
    expect(text).toContain(`"validation":[{"n":1.0}],"runtime_config":${runtime}`);
    expect(text).not.toContain('columns');
  });

  test('S7: the id in place of the name updates that taskset, an unknown one is absent', async () => {
    const { json } = await upload('by id', [row('a')]);
    const { taskset_id: id } = json as { taskset_id: string };
    for (const spelled of [id, id.replaceAll('-', ''), id.toUpperCase()]) {
      expect(await upload(spelled, [row('a', { n: spelled })])).toMatchObject({
        json: { taskset_id: id, name: 'by id', tasks_created: 0, tasks_updated: 1 },
      });
    }
    expect(await upload('00000000-0000-4000-8000-000000000000', [row('a')])).toMatchObject({ status: 404 });
    const named = await on.call('POST', '/v2/tasks/upload', { taskset_name: 'renamed', taskset_id: id, tasks: [row('new')] });
    expect(named.json).toMatchObject({ taskset_id: id, tasks_created: 1 });
  });

  test('one bad row stores none, and every problem has its line', async () => {
    const { status, json } = await upload('bad', [
      row('ok'),
      row(''),
      { name: 'x' },
      row('ok'),
      7,
      row('v', {}, { verifier: { env: 'e' } }),
    ]);
    const lines = (json as { detail: string }).detail.split('\n');
    expect(status).toBe(400);
    expect(lines).toEqual([
      expect.stringMatching(/^Task '' is malformed: name: /),
      expect.stringMatching(/^Task 'x' is malformed: env: .*task_id: /),
      expect.stringMatching(/^Task 5 is malformed: /),
      "Task 'v': its verifier needs env and id.",
      "Task 'ok': the slug is there more than once.",
    ]);
    expect(await on.call('GET', '/v2/tasksets/by-name/bad')).toMatchObject({ status: 404 });
  });

  test('every version can be read again, deleted tasks with it', async () => {
    const { json } = await upload('history', [row('a'), row('b')]);
    const { taskset_id: id } = json as { taskset_id: string };
    await upload('history', [row('b', { n: 2 }), row('c')]);
    const gone = await on.call('DELETE', `/v2/tasksets/${id}/tasks`, { slugs: ['a', 'nobody'] });
    expect(gone.json).toEqual({ taskset_id: id, version: 3, tasks_deleted: 1 });
    await upload('history', [row('a', { n: 3 })]);
    const at = async (version: string): Promise<unknown> =>
      ((await on.call('GET', `/v2/tasksets/${id}/export${version}`)).json as { tasks: { name: string; args: object }[] }).tasks.map(
        ({ name, args }) => [name, args],
      );
    const [b, c] = [
      ['b', { n: 2 }],
      ['c', {}],
    ];
    expect(await at('?version=1')).toEqual([
      ['a', {}],
      ['b', {}],
    ]);
    expect(await at('?version=2')).toEqual([['a', {}], b, c]);
    expect(await at('?version=3')).toEqual([b, c]);
    expect(await at('')).toEqual([b, c, ['a', { n: 3 }]]);
    expect(await on.call('GET', `/v2/tasksets/${id}/export?version=5`)).toMatchObject({ status: 404 });
    expect((await on.call('GET', `/v2/tasksets/${id}/versions`)).json).toMatchObject({
      items: [
        { version: 4, tasks_created: 1 },
        { version: 3, tasks_deleted: 1 },
        { version: 2, tasks_created: 1, tasks_updated: 1 },
        { version: 1, tasks_created: 2 },
      ],
    });
  });

  test('an export that the client has already is not sent again', async () => {
    const { json } = await upload('etag', [row('a')]);
    const path = `/v2/tasksets/${(json as { taskset_id: string }).taskset_id}/export`;
    const etag = (await on.call('GET', path)).headers.get('etag') ?? '';
    expect(await on.call('GET', path, undefined, { 'if-none-match': etag })).toMatchObject({ status: 304, text: '' });
    await upload('etag', [row('b')]);
    expect(await on.call('GET', path, undefined, { 'if-none-match': etag })).toMatchObject({ status: 200 });
  });

  test('uploads of the same new taskset at once are one taskset with all of them', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async (_, n) => await upload('at once', [row(`t${n}`), row('shared')])));
    expect(new Set(answers.map(({ json }) => (json as { taskset_id: string }).taskset_id)).size).toBe(1);
    expect((await on.call('GET', '/v2/tasksets/by-name/at%20once')).json).toMatchObject({ tasks: 9 });
  });

  test('5,000 rows go in one request', async () => {
    const tasks = Array.from({ length: 5_000 }, (_, n) => row(`t${n}`, { text: 'x'.repeat(200), n }));
    const { json } = await upload('large', tasks);
    expect(json).toMatchObject({ tasks_created: 5_000 });
    const exported = await on.call('GET', `/v2/tasksets/${(json as { taskset_id: string }).taskset_id}/export`);
    expect((exported.json as { tasks: unknown[] }).tasks).toHaveLength(5_000);
  });

  test('what belongs to another team is absent, and its name is free', async () => {
    const { json } = await upload('mine', [row('a')]);
    const { taskset_id: id } = json as { taskset_id: string };
    for (const [method, path, body] of [
      ['GET', '/v2/tasksets/by-name/mine', undefined],
      ['GET', `/v2/tasksets/${id}`, undefined],
      ['GET', `/v2/tasksets/${id}/export`, undefined],
      ['GET', `/v2/tasksets/${id}/versions`, undefined],
      ['DELETE', `/v2/tasksets/${id}/tasks`, { slugs: ['a'] }],
      ['POST', '/v2/tasks/upload', { taskset_name: id, tasks: [row('b')] }],
    ] as const)
      expect(await on.other(method, path, body), `${method} ${path}`).toMatchObject({ status: 404 });
    const theirs = await upload('mine', [row('z')], on.other);
    expect(theirs.json).not.toMatchObject({ taskset_id: id });
    expect((await on.call('GET', `/v2/tasksets/${id}/export`)).json).toMatchObject({ tasks: [{ name: 'a' }] });
    expect(((await on.other('GET', '/v2/tasksets')).json as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual(['mine']);
  });

  test('G1, G4, G5: keys are asked for, slashes are forgiven, answers are JSON', async () => {
    expect(await caller(on.url, undefined)('GET', '/v2/tasksets')).toMatchObject({
      status: 401,
      json: { detail: expect.any(String) as string },
    });
    for (const path of ['/v2/tasksets/', '//v2/tasksets']) {
      const { status, headers } = await on.call('GET', path);
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
    }
  });
});

const MANIFEST = {
  tasks: [
    {
      id: 'count',
      description: 'Count a letter',
      args: {
        type: 'object',
        properties: { word: { type: 'string' }, times: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null } },
        required: ['word'],
        additionalProperties: false,
      },
    },
  ],
};

describe('a taskset against the registry', () => {
  test('every row is held against the manifest of its environment, however its name is spelled', async () => {
    await on.call('POST', '/v2/registry', { name: 'Known Env', manifest: MANIFEST });
    const at = (name: string, task: string, args: object, env = 'Known_Env'): object => ({ name, env: { name: env }, task_id: task, args });
    const { status, json } = await upload('checked', [
      at('fine', 'count', { word: 'x', times: null }),
      at('template', 'cuont', {}),
      at('missing', 'count', {}),
      at('type', 'count', { word: 1, times: 'x' }),
      at('extra', 'count', { word: 'x', wrod: 1 }),
      { ...at('verified', 'count', { word: 'x' }), verifier: { env: 'known-env', id: 'nope', args: {} } },
    ]);
    expect(status).toBe(400);
    const lines = (json as { detail: string }).detail.split('\n');
    expect(lines[0]).toBe("Task 'template': template 'cuont' not found in environment 'Known_Env'; it has count.");
    expect(lines.at(-1)).toBe("Verifier of task 'verified': template 'nope' not found in environment 'known-env'; it has count.");
    for (const [slug, pattern] of [
      ['missing', /args\.word: expected string/],
      ['type', /args\.word: expected string/],
      ['extra', /args: Unrecognized key: "wrod"/],
    ] as const)
      expect(lines.filter((line) => line.startsWith(`Task '${slug}'`)).join('\n')).toMatch(pattern);
    expect(lines.some((line) => line.includes("'fine'"))).toBe(false);
    const good = await on.call(
      'POST',
      '/v2/tasks/upload',
      `{"taskset_name":"good","tasks":[{"name":"a","env":{"name":"known-env"},"task_id":"count","args":{"word":"x","times":3.0}}]}`,
    );
    expect(good.json).toMatchObject({ tasks_created: 1, unverified: [] });
    expect((await on.call('GET', '/v2/tasksets/by-name/good')).json).toMatchObject({ tasks: 1, unverified: 0 });
  });

  test('S6: where manifests are demanded, a task of an environment without one is not found', async () => {
    await using strict = await testPlatform({ HUD_PLATFORM_STRICT_TASKS: 'true' });
    const { status, json } = await strict.call('POST', '/v2/tasks/upload', { taskset_name: 's', tasks: [row('a')] });
    expect({ status, json }).toEqual({ status: 400, json: { detail: "Task 'a': environment 'letters' not found." } });
  });
});
