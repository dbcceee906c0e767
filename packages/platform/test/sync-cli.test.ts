import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LETTERS, workplace, type Finished, type Workplace } from '../../hud/src/cli/testing.ts';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

/** A folder with an environment and three tasks, whose `hud` knows the platform. */
async function folder(
  files: Record<string, string> = { 'env.ts': LETTERS },
): Promise<Workplace & { run(...args: string[]): Promise<Finished> }> {
  const place = await workplace();
  await place.write(files);
  const env = { HUD_BASE_URL: on.url, HUD_API_KEY: on.keys[0] };
  return { ...place, run: async (...args) => await place.hud(args, { env }) };
}

const json = ({ stdout }: Finished): never => JSON.parse(stdout) as never;

describe('hud sync tasks', () => {
  test('S8: the first time it uploads, the second time all is up to date, and the folder stays linked', async () => {
    await using place = await folder();
    const first = await place.run('sync', 'tasks', 'My Letters', '--yes');
    expect(first.stderr).toContain('My Letters (new): 3 to create, 0 to update, 0 unchanged');
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^My Letters: 3 created, 0 updated\nhttp:\S+\/tasksets\/[0-9a-f-]{36}\n$/) as string,
    });
    const config = JSON.parse(await readFile(join(place.path, '.hud/config.json'), 'utf8')) as { tasksetId: string };
    expect(first.stdout).toContain(config.tasksetId);
    for (const args of [
      ['sync', 'tasks', 'My Letters', '--yes'],
      ['sync', '--yes'],
      ['sync', 'tasks', '--check'],
      ['sync', 'tasks', '--id', config.tasksetId],
    ]) {
      const again = await place.run(...args);
      expect([again.code, again.stdout.trimEnd().split('\n')], args.join(' ')).toEqual([
        0,
        ['My Letters: 0 to create, 0 to update, 3 unchanged', 'Everything is up to date.'],
      ]);
    }
  });

  test('what changed is told by field, --check ends with 4, --dry-run changes nothing', async () => {
    const rows = (...more: object[]): string => JSON.stringify([{ env: 'letters', id: 'count', slug: 'a', args: { n: 1 } }, ...more]);
    await using place = await folder({ 'tasks.json': rows({ env: 'letters', id: 'count', slug: 'gone' }) });
    await place.run('sync', 'tasks', 'fields', 'tasks.json', '--yes');
    await place.write({
      'tasks.json': rows({ env: 'letters', id: 'count', slug: 'new' }).replace('"n":1', '"n":1.0').replace('"letters"', '"other"'),
    });
    const plan = {
      taskset: 'fields',
      create: ['new'],
      update: [{ slug: 'a', fields: ['args', 'env'] }],
      unchanged: 0,
      remoteOnly: ['gone'],
    };
    const check = await place.run('sync', 'tasks', 'fields', 'tasks.json', '--check', '--json');
    expect([check.code, json(check)]).toEqual([
      4,
      { ...plan, tasksetId: expect.any(String) as string, applied: false, created: 0, updated: 0, deleted: 0 },
    ]);
    expect(json(await place.run('sync', 'tasks', 'fields', 'tasks.json', '--dry-run', '--json'))).toMatchObject({
      ...plan,
      applied: false,
    });
    expect(json(await place.run('sync', 'tasks', 'fields', 'tasks.json', '--yes', '--json'))).toMatchObject({
      ...plan,
      applied: true,
      created: 1,
      updated: 1,
    });
    const pruned = await place.run('sync', 'tasks', 'fields', 'tasks.json', '--prune', '--yes', '--json');
    expect(json(pruned)).toMatchObject({ create: [], update: [], unchanged: 2, remoteOnly: ['gone'], applied: true, deleted: 1 });
    expect(json(await place.run('sync', 'tasks', 'fields', 'tasks.json', '--json'))).toMatchObject({ remoteOnly: [], unchanged: 2 });
  });

  test.each(['tasks.json', 'tasks.jsonl'])(
    'what --export writes to %s is up to date with the platform, number for number',
    async (file) => {
      const name = `exact ${file}`;
      const row =
        '{"env":"letters","id":"count","slug":"s","args":{"x":1.0,"y":null,"z":12345678901234567890,"s":"é😀","nested":{"agent_config":[-0.0,1e22]}},"columns":{"k":null},' +
        '"agent_config":{"max_steps":3,"customKey":{"a_b":1.0}},"validation":[{"aB":1.5}],"runtime_config":{"image":null,"limits":{"run_timeout_s":60}},' +
        '"verifier":{"env":"judge","id":"check","args":{"q":2.0},"slug":"check"}}';
      await using place = await folder({ 'in.jsonl': `${row}\n` });
      await place.run('sync', 'tasks', name, 'in.jsonl', '--yes');
      const exported = await place.run('sync', 'tasks', name, '--export', file, '--json');
      expect(json(exported)).toMatchObject({ taskset: name, tasks: 1, path: join(place.path, file) });
      const text = await readFile(join(place.path, file), 'utf8');
      for (const part of ['12345678901234567890', '-0.0', '"é😀"']) expect(text).toContain(part);
      expect(text.replaceAll(/\s/g, '')).toContain('"q":2.0');
      for (const source of [file, 'in.jsonl']) expect((await place.run('sync', 'tasks', name, source, '--check')).code, source).toBe(0);
    },
  );

  test('a csv has a column for every argument', async () => {
    await using place = await folder();
    await place.run('sync', 'tasks', 'as csv', '--yes');
    expect((await place.run('sync', 'tasks', 'as csv', '--export', 'out/t.csv')).stdout).toBe('Wrote 3 tasks to out/t.csv\n');
    expect((await readFile(join(place.path, 'out/t.csv'), 'utf8')).split('\n')[0]).toBe('slug,id,env,arg:word');
  });

  test('rows that the platform refuses are told line by line, and the exit code is 1', async () => {
    await using place = await folder();
    expect((await place.run('sync', 'env', '--json')).code).toBe(0);
    await place.write({
      'tasks.json': JSON.stringify([
        { env: 'letters', id: 'cuont' },
        { env: 'letters', id: 'count', args: { word: 1 } },
      ]),
    });
    const { code, stderr, stdout } = await place.run('sync', 'tasks', 'refused', 'tasks.json', '--yes');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /stored none:\nTask 'cuont': template 'cuont' not found in environment 'letters'; it has count\.\nTask 'count-[0-9a-f]{8}': args\.word: expected string/,
    );
    expect((await on.call('GET', '/v2/tasksets/by-name/refused')).status).toBe(404);
  });

  test.each([
    [['sync', 'tasks'], 2, 'Which taskset?'],
    [['sync', 'tasks', 'x'], 2, 'This would upload 3 tasks, and nobody can be asked'],
    [['sync', 'tasks', '--id', 'x'], 2, '--id takes the UUID'],
    [['sync', 'tasks', '--id', '00000000-0000-4000-8000-000000000000', '--yes'], 1, 'The platform has no taskset'],
    [['sync', 'tasks', 'x', '--task', 'nope'], 1, "no task 'nope'"],
    [['sync', 'tasks', 'x', '--export', 'x.txt'], 2, 'takes a .json, .jsonl or .csv file'],
    [['sync', 'tasks', 'x', '--prune', '--task', 'a'], 2, '--prune looks at all tasks'],
  ])('hud %j ends with %i', async (args, code, message) => {
    await using place = await folder();
    const ended = await place.run(...args);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(message) as string]);
  });
});

describe('hud sync env', () => {
  test('registers what the folder declares, and links it; the same again is no change', async () => {
    await using place = await folder();
    const first = await place.run('sync', 'env', '--json');
    expect(json(first)).toMatchObject({ registryName: 'letters', version: '1', changed: true });
    const { registryId } = json(first) as { registryId: string };
    expect(json(await place.run('sync', 'env', '--json'))).toEqual({ registryId, registryName: 'letters', version: '1', changed: false });
    expect((await on.call('GET', `/v2/registry/${registryId}`)).json).toMatchObject({
      manifest: {
        tasks: [{ id: 'count', description: 'Count a letter', args: { type: 'object', properties: { word: { default: 'strawberry' } } } }],
      },
    });
    const tasks = await place.run('sync', 'tasks', 'verified', '--yes', '--json');
    expect([tasks.code, tasks.stderr]).toEqual([0, '']);
    expect((await on.call('GET', '/v2/tasksets/by-name/verified')).json).toMatchObject({ tasks: 3, unverified: 0 });
  });

  test('a folder without one is linked to one of the registry, and asks before another', async () => {
    await using place = await folder({ 'notes.txt': '', '.hud-keep': '' });
    for (const name of ['linked-a', 'linked-b']) await on.call('POST', '/v2/registry', { name });
    expect((await place.run('sync', 'env', 'linked')).stderr).toContain("'linked' is part of several names");
    expect(await place.run('sync', 'env', 'Linked_A')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('linked-a (no manifest)') as string,
    });
    expect(await place.run('sync', 'env', 'linked-b')).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes') as string });
    expect(json(await place.run('sync', 'env', 'linked-b', '--yes', '--json'))).toMatchObject({ registryName: 'linked-b', changed: true });
    expect((await place.run('sync', 'env', 'nobody')).code).toBe(1);
    expect((await place.run('sync', 'env')).code).toBe(2);
  });
});

describe('hud eval on a taskset of the platform', () => {
  test('runs on an environment that is served, and says what is missing otherwise', async () => {
    await using place = await folder();
    await place.run('sync', 'tasks', 'to run', '--yes');
    const nowhere = await place.run('eval', 'to run', 'oracle', '--all');
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('--runtime tcp://127.0.0.1:8765') as string]);
    expect((await place.run('eval', 'nobody-has-this', 'oracle', '--runtime', 'tcp://127.0.0.1:1')).stderr).toContain(
      'the platform has no taskset of that name',
    );
    const serving = place.start(['serve', 'env.ts', '--port', '0'], { env: { HUD_CONTROL_SECRET: 'only for solutions' } });
    const [, port] = await serving.printed('stdout', /HUD_SERVE_PORT=(\d+)/);
    try {
      const ended = await place.run(
        'eval',
        'to run',
        'oracle',
        '--all',
        '--runtime',
        `tcp://127.0.0.1:${port}`,
        '--token',
        'only for solutions',
        '--json',
      );
      expect(ended.code, ended.stderr).toBe(0);
      expect(json(ended)).toMatchObject({ summary: { runs: 3, mean: 1 } });
    } finally {
      serving.child.kill('SIGTERM');
      await serving.finished;
    }
  });
});
