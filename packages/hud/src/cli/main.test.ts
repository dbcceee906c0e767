import { expect, test } from 'vitest';
import { workplace } from './testing.ts';

test('without a command it shows help and succeeds', async () => {
  await using place = await workplace();
  const { code, stdout, stderr } = await place.hud([]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Usage: hud .*<command>[\s\S]*eval +Run an agent/);
  expect(stderr).toBe('');
});

test.each([['--version'], ['-V'], ['version']])('%s prints the bare version', async (word) => {
  await using place = await workplace();
  const { code, stdout } = await place.hud([word]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  { args: ['evall'], message: "There is no command 'hud evall'.", hint: 'Did you mean `hud eval`?' },
  { args: ['task', 'lst'], message: "There is no command 'hud task lst'.", hint: 'Did you mean `hud task list`?' },
  { args: ['frobnicate'], message: "There is no command 'hud frobnicate'.", hint: /^Commands: init, serve/ },
  { args: ['--frobnicate'], message: "hud has no flag '--frobnicate'.", hint: /command comes first/ },
  { args: ['eval', '--grop', '3'], message: "Unknown option '--grop'.", hint: 'Did you mean --group?' },
  { args: ['version', '--json', '--no-colour'], message: "Unknown option '--no-colour'.", hint: 'Did you mean --no-color?' },
  { args: ['init', '--dir'], message: /argument missing/, hint: /hud init --help/ },
  { args: ['eval', '--group', 'many'], message: "--group takes a whole number of at least 1, not 'many'." },
  { args: ['eval', '--fail-under', 'x'], message: "--fail-under takes a number, not 'x'." },
  { args: ['serve', '--port', '70000'], message: "--port takes a whole number from 0 to 65535, not '70000'." },
  { args: ['serve', '--arg', 'novalue'], message: "--arg takes KEY=VALUE, not 'novalue'." },
  { args: ['task', 'start', 'x', '--args', '[1]'], message: "--args takes a JSON object, not '[1]'." },
  { args: ['task', 'start'], message: /[Mm]issing required argument 'task'/ },
  { args: ['version', 'extra'], message: /Too many arguments/ },
  { args: ['client', 'info', '--url', 'http://x'], message: "'http://x' is not a control address." },
])('$args is wrong usage: exit code 2, nothing on stdout', async ({ args, message, hint }) => {
  await using place = await workplace();
  const { code, stdout, stderr } = await place.hud(['--json', ...args]);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string; hints: string[] } };
  expect(error.code).toBe('BAD_ARGUMENT');
  if (typeof message === 'string') expect(error.message).toBe(message);
  else expect(error.message).toMatch(message);
  if (hint !== undefined) expect(error.hints).toEqual([typeof hint === 'string' ? hint : expect.stringMatching(hint)]);
});

test('for people an error is a message and then its hint', async () => {
  await using place = await workplace();
  const { stderr } = await place.hud(['evall']);
  expect(stderr).toBe("error: There is no command 'hud evall'.\nDid you mean `hud eval`?\n");
});

test('HUD_DEBUG=1 adds the stack', async () => {
  await using place = await workplace();
  const { stderr } = await place.hud(['evall'], { env: { HUD_DEBUG: '1' } });
  expect(stderr).toMatch(/\n {4}at /);
});

test.each([
  ['hud', 'eval', '--help'],
  ['hud', 'help', 'eval'],
  ['hud', 'task', 'start', '-h'],
])('%s %s %s shows help of that command', async (_hud, ...args) => {
  await using place = await workplace();
  const { code, stdout } = await place.hud(args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: hud (eval|task start) /);
  expect(stdout).toContain('--json');
});

test('colours are for terminals, unless they are asked for, unless they are refused', async () => {
  await using place = await workplace();
  const red = '\x1b[31m';
  expect((await place.hud(['evall'])).stderr).not.toContain(red);
  expect((await place.hud(['evall'], { env: { FORCE_COLOR: '1' } })).stderr).toContain(red);
  expect((await place.hud(['evall'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stderr).not.toContain(red);
  expect((await place.hud(['evall', '--no-color'], { env: { FORCE_COLOR: '1' } })).stderr).not.toContain(red);
});

test('flags that every command has may come before it', async () => {
  await using place = await workplace();
  const { stdout } = await place.hud(['--json', '--no-color', 'version']);
  expect(JSON.parse(stdout)).toEqual({ version: expect.any(String), node: process.versions.node });
});

test('a reader that goes away is no error', async () => {
  await using place = await workplace();
  const { child, finished } = place.start(['completion', 'zsh']);
  child.stdout?.destroy();
  const { code, stderr } = await finished;
  expect(stderr).toBe('');
  expect(code).toBe(0);
});
