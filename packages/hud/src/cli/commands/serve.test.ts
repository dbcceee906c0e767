import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { connect } from '../../client/index.ts';
import { Runtime } from '../../runtime/index.ts';
import { LETTERS, workplace, type Program } from '../testing.ts';

test('it announces the port on stdout and itself on stderr', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  await using server = await serve(place.start(['serve', '-p', '0']));
  await using client = await connect(new Runtime(server.url));
  expect(client.env).toEqual({ name: 'letters', version: '0.0.1' });
  const { stdout, stderr } = await server.stop('SIGTERM');
  expect(stdout).toBe(`HUD_SERVE_PORT=${server.port}\n`);
  expect(stderr).toBe(`letters 0.0.1\nserving on tcp://127.0.0.1:${server.port}\n1 template, 0 capabilities\nStopping …\nStopped.\n`);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s runs clean-up of tasks and hooks before it ends with 0', async (signal) => {
  await using place = await workplace();
  await place.write({
    'env.ts': `${LETTERS}
    env.shutdown(() => console.error('shut down'));
    env.template({ id: 'held' }, async function* () { try { yield 'prompt'; yield 1; } finally { console.error('closed'); } });`,
  });
  await using server = await serve(place.start(['serve', '-p', '0']));
  await using client = await connect(new Runtime(server.url));
  await client.start('held');
  const { code, stderr } = await server.stop(signal);
  expect(code).toBe(0);
  expect(stderr).toMatch(/closed\nshut down\nStopped\./);
});

test('a second signal ends it at once', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': `${LETTERS}\nenv.shutdown(() => new Promise(() => setInterval(() => {}, 1000)));` });
  const program = place.start(['serve', '-p', '0']);
  await program.printed('stdout', /HUD_SERVE_PORT/);
  program.child.kill('SIGINT');
  await program.printed('stderr', /Stopping/);
  program.child.kill('SIGINT');
  expect((await program.finished).code).toBe(130);
});

test('a target names a file and an export; --arg reaches a function', async () => {
  await using place = await workplace();
  await place.write({
    'more.ts': `${LETTERS}
    export const make = ({ name }: { name: string }) => new Environment(name);
    export const second = new Environment('second');`,
  });
  await using made = await serve(place.start(['serve', 'more.ts:make', '--arg', 'name=made', '-p', '0']));
  await using client = await connect(new Runtime(made.url));
  expect(client.env.name).toBe('made');
  const unclear = await place.hud(['serve', 'more.ts', '-p', '0']);
  expect(unclear.code).toBe(1);
  expect(unclear.stderr).toContain('Several environments are here: letters, second.');
});

test('with --token every client must show it, this machine too', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  await using server = await serve(place.start(['serve', '-p', '0', '--token', 'open-sesame']));
  const without = await place.hud(['client', 'info', '--url', server.url, '--json']);
  expect(without.code).toBe(1);
  expect(JSON.parse(without.stderr)).toMatchObject({ error: { code: 'UNAUTHORIZED' } });
  expect((await place.hud(['client', 'info', '--url', server.url, '--token', 'open-sesame'])).code).toBe(0);
  expect((await place.hud(['client', 'info', '--url', server.url], { env: { HUD_CONTROL_SECRET: 'open-sesame' } })).code).toBe(0);
});

test('--token alone makes one up and says it', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const program = place.start(['serve', '-p', '0', '--token']);
  await using server = await serve(program);
  const [, token = ''] = await program.printed('stderr', /token: (\S{32})\n/);
  await using client = await connect(new Runtime(server.url, { secret: token }));
  expect(client.env.name).toBe('letters');
});

test('the environment that is served does not inherit the secret', async () => {
  await using place = await workplace();
  await place.write({
    'env.ts': `${LETTERS}\nconsole.error('secret: ' + process.env.HUD_CONTROL_SECRET);
    env.initialize(() => console.error('later: ' + process.env.HUD_CONTROL_SECRET));`,
  });
  const program = place.start(['serve', '-p', '0'], { env: { HUD_CONTROL_SECRET: 'open-sesame' } });
  await using server = await serve(program);
  expect((await server.stop('SIGTERM')).stderr).toMatch(/secret: undefined\nlater: undefined/);
});

test.each([
  { flags: [], shows: false },
  { flags: ['--allow-solutions'], shows: true },
])('with $flags solutions are shown: $shows', async ({ flags, shows }) => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  await using server = await serve(place.start(['serve', '-p', '0', ...flags]));
  await using client = await connect(new Runtime(server.url));
  await client.start('count', { word: 'strawberry' });
  if (shows) expect(await client.solve()).toBe('3');
  else await expect(client.solve()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
});

test('a taken port is an error that says so', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const { code, stdout, stderr } = await place.hud(['serve', '-p', String(port)]);
  other.close();
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain(`Port ${port} on 127.0.0.1 is taken by another process.\nStop that process, or choose another port`);
});

test('a source that is not there, does not compile or throws is an error with its place', async () => {
  await using place = await workplace();
  await place.write({
    'syntax.ts': 'export const a = 1;\nexport const = 2;\n',
    'throws.ts': 'const x: number = 1;\nthrow new Error(`no ${x}`);\n',
  });
  expect((await place.hud(['serve', 'nothing.ts'])).stderr).toMatch(/error: There is no file or directory .*nothing\.ts\./);
  expect((await place.hud(['serve', 'syntax.ts'])).stderr).toMatch(/syntax\.ts:2:14: Expected identifier/);
  expect((await place.hud(['serve', 'throws.ts'])).stderr).toMatch(/failed while it was loaded: no 1\n\s+at .*throws\.ts:2:7/);
});

test('--watch serves the changed source to new sessions, on the same port, when nobody is connected', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const program = place.start(['serve', '-p', '0', '--watch']);
  await using server = await serve(program);
  const client = await connect(new Runtime(server.url));
  await client.start('count', {});
  await place.write({ 'env.ts': LETTERS.replace("'letters'", "'changed'") });
  await program.printed('stderr', /when 1 connection ended/);
  expect((await client.grade('3')).reward).toBe(1);
  await client.close();
  await program.printed('stderr', /Reloaded\./);
  await using next = await connect(new Runtime(server.url));
  expect(next.env.name).toBe('changed');
  await next.close();
  await place.write({ 'env.ts': 'export const = 1;' });
  await program.printed('stderr', /does not load, the old one is served on/);
  await using after = await connect(new Runtime(server.url));
  expect(after.env.name).toBe('changed');
});

test('under --json it prints one document and nothing else', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const program = place.start(['serve', '-p', '0', '--json']);
  await program.printed('stdout', /\n/);
  program.child.kill('SIGTERM');
  const { code, stdout, stderr } = await program.finished;
  expect(code).toBe(0);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({
    name: 'letters',
    version: '0.0.1',
    url: expect.stringMatching(/^tcp:/),
    port: expect.any(Number),
    templates: 1,
    capabilities: 0,
  });
});

async function serve(
  program: Program,
): Promise<AsyncDisposable & { url: string; port: number; stop(signal: NodeJS.Signals): Program['finished'] }> {
  const [, port = ''] = await program.printed('stdout', /HUD_SERVE_PORT=(\d+)\n/);
  const stop = async (signal: NodeJS.Signals): Program['finished'] => {
    program.child.kill(signal);
    return await program.finished;
  };
  return { url: `tcp://127.0.0.1:${port}`, port: Number(port), stop, [Symbol.asyncDispose]: async () => void (await stop('SIGKILL')) };
}
