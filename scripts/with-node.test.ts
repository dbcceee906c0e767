import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** A checkout in small: the real set-up, an empty lockfile, a build that keeps a log. */
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'with-node-'));
  for (const name of ['with-node.mjs', 'set-up-lock.mjs']) cpSync(join(import.meta.dirname, name), join(root, 'scripts', name));
  write('package.json', { name: 'small', private: true });
  write('package-lock.json', { name: 'small', lockfileVersion: 3, requires: true, packages: { '': { name: 'small' } } });
  write('packages/hud/package.json', { name: 'hud' });
  write('packages/hud/src/index.ts', 'export {};');
  write('scripts/build.ts', BUILD);
  write('scripts/echo.mjs', 'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 5;');
});

afterEach(() => rmSync(root, { recursive: true }));

const BUILD = `
import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
const now = new Date();
appendFileSync('builds.log', 'built\\n');
mkdirSync('packages/hud/dist', { recursive: true });
writeFileSync('.tools/built', '');
utimesSync('.tools/built', now, now);
`;

function write(path: string, content: string | object): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
}

function start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return spawn(process.execPath, ['scripts/with-node.mjs', ...args], { cwd: root, env: { ...process.env, ...env }, stdio });
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function run(args: string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  const child = start(args, env);
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => (ended.stdout += chunk));
  child.stderr?.on('data', (chunk) => (ended.stderr += chunk));
  [ended.code] = (await once(child, 'close')) as [number | null];
  return ended;
}

function builds(): number {
  return readFileSync(join(root, 'builds.log'), 'utf8').trim().split('\n').length;
}

test('a fresh checkout is set up once; the script gets its arguments, a clean stdout and keeps its exit code', async () => {
  const first = await run(['scripts/echo.mjs', 'a b', '--json']);
  expect(first).toMatchObject({ code: 5, stdout: '["a b","--json"]\n' });
  expect(first.stderr).toContain('Installing dependencies');
  const second = await run(['scripts/echo.mjs']);
  expect(second).toEqual({ code: 5, stdout: '[]\n', stderr: '' });
  expect(builds()).toBe(1);
  expect(existsSync(join(root, '.tools', 'lock'))).toBe(false);
});

test('a changed source is built before the next script, a changed test is not', async () => {
  await run(['scripts/echo.mjs']);
  write('packages/hud/src/index.test.ts', '');
  const past = new Date(Date.now() - 60_000);
  utimesSync(join(root, 'packages/hud/src'), past, past); // its own time tells of the new file
  await run(['scripts/echo.mjs']);
  expect(builds()).toBe(1);
  write('packages/hud/src/index.ts', 'export const a = 1;');
  await run(['scripts/echo.mjs']);
  expect(builds()).toBe(2);
  rmSync(join(root, 'packages/hud/dist'), { recursive: true });
  await run(['scripts/echo.mjs']);
  expect(builds()).toBe(3);
});

test('a changed lockfile is installed before the next script', async () => {
  await run(['scripts/echo.mjs']);
  write('package.json', { name: 'small', version: '2.0.0', private: true });
  write('package-lock.json', {
    name: 'small',
    version: '2.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'small', version: '2.0.0' } },
  });
  expect((await run(['scripts/echo.mjs'])).stderr).toContain('Installing dependencies');
  expect((await run(['scripts/echo.mjs'])).stderr).toBe('');
});

test('scripts that build for themselves get no build first', async () => {
  write('scripts/test.ts', 'console.log("tested")');
  expect(await run(['scripts/test.ts'])).toMatchObject({ code: 0, stdout: 'tested\n' });
  expect(existsSync(join(root, 'builds.log'))).toBe(false);
});

test('the script finds the tools of node_modules and the same Node first on its PATH', async () => {
  write('scripts/path.mjs', 'console.log(process.env.PATH.split(":").slice(0, 2).join(" "))');
  expect((await run(['scripts/path.mjs'])).stdout).toBe(`${dirname(process.execPath)} ${join(root, 'node_modules/.bin')}\n`);
});

test('a signal reaches the script, whose exit code counts', async () => {
  write('scripts/wait.mjs', 'process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1e6); console.log("ready");');
  await run(['scripts/echo.mjs']);
  const child = start(['scripts/wait.mjs']);
  await once(child.stdout!, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([7, null]);
});

test('a script that a signal ended gives 128 and the number of the signal', async () => {
  write('scripts/die.mjs', 'process.kill(process.pid, "SIGKILL")');
  expect((await run(['scripts/die.mjs'])).code).toBe(137);
});

test('a signal during the set-up ends it, and frees the way for the next', async () => {
  const built = readFileSync(join(root, 'scripts/build.ts'), 'utf8');
  write('scripts/build.ts', 'console.error("building"); setInterval(() => {}, 1e6);');
  const child = start(['scripts/echo.mjs']);
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk) => String(chunk).includes('building') && resolve());
  });
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([143, null]);
  write('scripts/build.ts', built);
  expect((await run(['scripts/echo.mjs'])).code).toBe(5);
});

describe('two at once', () => {
  test('one sets up, the other waits and uses the result', async () => {
    const both = await Promise.all([run(['scripts/echo.mjs', '1']), run(['scripts/echo.mjs', '2'])]);
    expect(both.map(({ code, stdout }) => [code, stdout])).toEqual([
      [5, '["1"]\n'],
      [5, '["2"]\n'],
    ]);
    expect(builds()).toBe(1);
    expect(both.filter(({ stderr }) => stderr.includes('Installing')).length).toBe(1);
  });

  test('the lock of a process that died is taken over', async () => {
    const gone = spawn(process.execPath, ['-e', '0']);
    await once(gone, 'close');
    write(`.tools/lock/${gone.pid}-0123abcd`, '');
    expect((await run(['scripts/echo.mjs'])).code).toBe(5);
  });

  test('so is a lock whose owner fell silent, though another process has its number', async () => {
    write(`.tools/lock/${process.pid}-0123abcd`, '');
    const past = new Date(Date.now() - 60_000);
    utimesSync(join(root, `.tools/lock/${process.pid}-0123abcd`), past, past);
    expect((await run(['scripts/echo.mjs'])).code).toBe(5);
  });

  test('a lock that is held is waited for', async () => {
    const owner = join(root, `.tools/lock/${process.pid}-0123abcd`);
    write(`.tools/lock/${process.pid}-0123abcd`, '');
    const child = start(['scripts/echo.mjs']);
    const [said] = (await once(child.stderr!, 'data')) as [Buffer];
    expect(String(said)).toBe(`Another set-up of this checkout is running (process ${process.pid}); waiting for it.\n`);
    rmSync(owner);
    expect(await once(child, 'close')).toEqual([5, null]);
  });
});

describe('what can go wrong is said, with what to do', () => {
  const OFFLINE = { npm_config_registry: 'http://127.0.0.1:1', npm_config_fetch_retries: '0' };

  test('the registry is out of reach', async () => {
    write('package.json', { name: 'small', private: true, dependencies: { zod: '4.6.7' } });
    const zod = { version: '4.6.7', integrity: `sha512-${Buffer.alloc(64).toString('base64')}` };
    write('package-lock.json', {
      name: 'small',
      lockfileVersion: 3,
      packages: { '': { name: 'small', dependencies: { zod: '4.6.7' } }, 'node_modules/zod': zod },
    });
    const { code, stderr } = await run(['scripts/echo.mjs'], { ...OFFLINE, npm_config_cache: join(root, 'cache') });
    expect(code).toBe(1);
    expect(stderr).toContain('npm ci failed because the package registry could not be reached');
    expect(stderr).toContain('npm config get registry');
    expect(existsSync(join(root, '.tools', 'lock'))).toBe(false);
  });

  test('npm is missing', async () => {
    const { code, stderr } = await run(['scripts/echo.mjs'], { PATH: join(root, 'empty'), npm_execpath: '' });
    expect(code).toBe(1);
    expect(stderr).toContain('npm ci could not be started');
  });

  test('package.json and lockfile disagree', async () => {
    write('package.json', { name: 'small', private: true, dependencies: { zod: '4.6.7' } });
    const { code, stderr } = await run(['scripts/echo.mjs']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/npm ci failed with exit code 1; npm's messages are above/);
  });

  test('the build fails', async () => {
    write('scripts/build.ts', 'console.error("no such module"); process.exit(1)');
    const { code, stderr } = await run(['scripts/echo.mjs']);
    expect(code).toBe(1);
    expect(stderr).toContain('no such module');
    expect(stderr).toContain('Mend the sources');
  });

  test.each([
    [[], 'Which script?'],
    [['scripts/nope.ts'], 'There is no file scripts/nope.ts'],
  ])('started with %j', async (args, problem) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });
});
