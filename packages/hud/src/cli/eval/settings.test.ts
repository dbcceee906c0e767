import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../testing/temp-dir.ts';
import { LETTERS, workplace } from '../testing.ts';
import type { Context } from '../command.ts';
import { writeFile } from 'node:fs/promises';
import { readSettings, type EvalSettings } from './settings.ts';

const VARIABLES: Record<string, string> = { SOURCE: 'from-variable.ts', HUD_API_KEY: 'secret' };

test('flags come before the file, the file before defaults', async () => {
  const file =
    '[eval]\nsource = "tasks.ts"\nagent_type = "claude"\ngroup_size = 4\nmax_steps = 7\ntask_ids = ["a", 3]\n[claude]\nmax_tokens = 9\n';
  expect(await settings(file, [], {})).toMatchObject({
    source: 'tasks.ts',
    agent: 'claude',
    group: 4,
    maxSteps: 7,
    taskIds: ['a', '3'],
    all: false,
    successThreshold: 0.7,
    agents: { claude: { max_tokens: 9 } },
  });
  expect(await settings(file, ['env.ts', 'nop'], { group: 1, maxSteps: 2, taskIds: ['x'] })).toMatchObject({
    source: 'env.ts',
    agent: 'nop',
    group: 1,
    maxSteps: 2,
    taskIds: ['x'],
  });
  expect(await settings('', [], {})).toMatchObject({ group: 1, all: false, isVerbose: false, agents: {}, mayAsk: true });
});

test.each([
  { file: 'all = true', flags: {}, expected: { all: true } },
  { file: 'max_steps = 7', flags: { full: true }, expected: { all: true, autoRespond: true, maxSteps: 100 } },
  { file: 'max_steps = 7', flags: { full: true, maxSteps: 20 }, expected: { maxSteps: 20 } },
  { file: 'verbose = true', flags: {}, expected: { isVerbose: true } },
  { file: 'task_ids = "a, b"', flags: {}, expected: { taskIds: ['a', 'b'] } },
  { file: 'agent_module = "a.ts"', flags: {}, expected: { agentModule: 'a.ts' } },
])('$file with $flags gives $expected', async ({ file, flags, expected }) => {
  expect(await settings(`[eval]\n${file}\n`, [], flags)).toMatchObject(expected);
});

test('values of --config are typed', async () => {
  const { config } = await settings('', [], { config: { a: 'true', b: '1.5', c: 'text', d: '', e: '007x' } });
  expect(config).toEqual({ a: true, b: 1.5, c: 'text', d: '', e: '007x' });
});

test('variables are filled in, missing ones with nothing, $$ is a dollar sign', async () => {
  const read = await settings(
    '[eval]\nsource = "${source}"\nmodel = "$NOTHING$$5"\n[openai_compatible]\napi_key = "$HUD_API_KEY"\n',
    [],
    {},
  );
  expect(read).toMatchObject({ source: 'from-variable.ts', model: '$5', agents: { openai_compatible: { api_key: 'secret' } } });
});

test.each([
  { file: '[eval]\nsorce = "x"\n', message: "[eval] has no setting 'sorce'.", hint: "Did you mean 'source'?" },
  { file: '[evil]\n', message: 'there is no section [evil].', hint: "Did you mean 'eval'?" },
  { file: '[eval]\ngroup = 0\n', message: '[eval] is malformed: group:' },
  { file: '[eval]\nsource = "5 $"\n', message: "eval: source: a '$' here names no variable." },
  { file: '[eval\n', message: "can't be parsed:" },
  { file: 'eval = 1\n', message: "'eval' must be a section." },
])('$file is refused: $message', async ({ file, message, hint }) => {
  await expect(settings(file, [], {})).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringContaining(message),
    ...(hint === undefined ? {} : { hint }),
  });
});

test('a JSON file takes the place of the TOML file, in either form', async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, '.hud_eval.toml'), '[eval]\ngroup = 9\n');
  await writeFile(join(dir.path, 'flat.json'), '{"source":"a.ts","agent_type":"gemini","agent_config":{"gemini":{"model":"g"}}}');
  await writeFile(join(dir.path, 'deep.json'), '{"eval":{"source":"a.ts","agent":"gemini"},"gemini":{"model":"g"}}');
  for (const fromJson of ['flat.json', 'deep.json']) {
    expect(await read(dir.path, [], { fromJson })).toMatchObject({
      source: 'a.ts',
      agent: 'gemini',
      group: 1,
      agents: { gemini: { model: 'g' } },
    });
  }
  await expect(read(dir.path, [], { fromJson: 'none.json' })).rejects.toThrow('There is no file none.json.');
});

test('--init-config writes the file once; what it writes can be read and run', async () => {
  await using place = await workplace();
  expect(await place.hud(['eval', '--init-config'])).toMatchObject({ code: 0, stdout: 'Wrote .hud_eval.toml.\n' });
  expect((await place.hud(['eval', '--init-config'])).code).toBe(1);
  await place.write({ 'tasks.ts': LETTERS });
  const content = await readFile(join(place.path, '.hud_eval.toml'), 'utf8');
  await place.write({ '.hud_eval.toml': content.replace('"claude"', '"oracle"') });
  expect((await place.hud(['eval'])).stdout).toContain('mean reward 1.000');
  const everySetting = content
    .replace('"claude"', '"oracle"')
    .replace(/^# (\w+ = |\[)/gm, '$1')
    .replace('"count-1a2b3c4d"', '"count"');
  await place.write({ '.hud_eval.toml': everySetting.replace('runtime = "local"           # or "tcp://host:8765"', '') });
  expect((await place.hud(['eval'])).stdout).toContain('n = 9');
});

type Flags = Parameters<typeof readSettings>[1];

async function settings(file: string, positional: string[], flags: Flags): Promise<EvalSettings> {
  await using dir = await tempDir();
  await writeFile(join(dir.path, '.hud_eval.toml'), file);
  return await read(dir.path, positional, flags);
}

async function read(cwd: string, positional: string[], flags: Flags): Promise<EvalSettings> {
  const sources = { agentNames: ['claude', 'gemini', 'openai_compatible', 'oracle'], lookup: (name: string) => VARIABLES[name] };
  return await readSettings(positional, flags, sources, { cwd } as Context);
}
