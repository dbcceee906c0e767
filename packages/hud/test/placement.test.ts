import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../src/client/index.ts';
import { Environment } from '../src/environment/index.ts';
import { HudError, Task } from '../src/protocol/index.ts';
import { LocalRuntime, Runtime, Shared, type ProviderObject } from '../src/runtime/index.ts';

const signal = new AbortController().signal;
const task = new Task({ env: 'letters', id: 'count', args: { word: 'pepper' } });
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-placement-'));
  await writeFile(
    join(folder, 'env.ts'),
    `
    import { spawn } from 'node:child_process';
    import { Environment } from 'hud';
    import { suffix } from './shared.ts';
    export const env = new Environment('letters');
    env.initialize(() => { console.log('noise before the port'); spawn('sleep', ['300'], { stdio: 'ignore' }); });
    env.template({ id: 'count' }, async function* () { yield String(process.pid) + suffix; yield 1; });
    env.template({ id: 'where' }, async function* () { yield [import.meta.url, process.env.HUD_CONTROL_SECRET ?? 'none']; yield 1; });
  `,
  );
  await writeFile(join(folder, 'shared.ts'), `export const suffix: string = '!';`);
  await writeFile(join(folder, 'broken.ts'), `export const x: number = 1;\nexport const y = (;\n`);
  await writeFile(join(folder, 'throws.ts'), `const a = 1;\n\nthrow new Error('at load ' + a);\n`);
  await writeFile(
    join(folder, 'hangs.ts'),
    `import { Environment } from 'hud';\nexport const env = new Environment('hangs');\nenv.initialize(() => new Promise((r) => setTimeout(r, 1e6)));\n`,
  );
});
afterAll(async () => await rm(folder, { recursive: true }));

async function errorOf(work: Promise<unknown>): Promise<HudError> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(HudError);
  return error as HudError;
}

/** Processes of a group, by /proc: none may be left. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('C6: a source is served by a child of its own, which ends with everything it started', async () => {
  const provider = new LocalRuntime(join(folder, 'env.ts'));
  const lease = await provider.acquire(task, { signal });
  const client = await connect(lease);
  const pid = Number.parseInt(String((await client.start('count')).prompt), 10);
  expect(isAlive(pid)).toBe(true);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const { prompt } = await client.start('where');
  expect(prompt).toEqual([`file://${join(folder, 'env.ts')}`, 'none']);
  await client.close();
  await lease[Symbol.asyncDispose]();
  await lease[Symbol.asyncDispose]();
  expect(isAlive(pid)).toBe(false);
  await expect.poll(() => children.filter((child) => child > 0 && isAlive(child))).toEqual([]);
});

test('a child serves only its owner', async () => {
  await using lease = await new LocalRuntime(join(folder, 'env.ts')).acquire(task, { signal });
  expect((await errorOf(connect({ host: lease.host, port: lease.port }))).code).toBe('UNAUTHORIZED');
});

test('a child ends when its owner is killed', async () => {
  const owner = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
    const { LocalRuntime } = await import(${JSON.stringify(join(import.meta.dirname, '../src/runtime/index.ts'))});
    const { connect } = await import(${JSON.stringify(join(import.meta.dirname, '../src/client/index.ts'))});
    const { Task } = await import(${JSON.stringify(join(import.meta.dirname, '../src/protocol/index.ts'))});
    const lease = await new LocalRuntime(${JSON.stringify(join(folder, 'env.ts'))}).acquire(new Task({ env: 'letters', id: 'count' }), { signal: new AbortController().signal });
    const client = await connect(lease);
    console.log((await client.start('count')).prompt);
    setInterval(() => {}, 1000);
  `,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  const child = Number.parseInt(line, 10);
  expect(isAlive(child)).toBe(true);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  await expect.poll(() => isAlive(child), { timeout: 5_000 }).toBe(false);
});

test('C6: a child that ends before it serves is an error with its output and exit code', async () => {
  const error = await errorOf(new LocalRuntime(join(folder, 'throws.ts')).acquire(task, { signal }));
  expect(error.code).toBe('RUNTIME_EXITED');
  expect(error.message).toContain('exit code 1');
  expect(error.message).toContain('at load 1');
  expect(error.message).toContain(`${join(folder, 'throws.ts')}:3:7`);
});

test('a source that does not compile is an error with file and line', async () => {
  const error = await errorOf(new LocalRuntime(join(folder, 'broken.ts')).acquire(task, { signal }));
  expect(error.message).toContain(`${join(folder, 'broken.ts')}:2:`);
});

test('an environment that is not there is an error that says what was looked at', async () => {
  const other = new Task({ env: 'nope', id: 'count' });
  expect((await errorOf(new LocalRuntime(join(folder, 'env.ts')).acquire(other, { signal }))).message).toContain("no environment 'nope'");
  expect((await errorOf(new LocalRuntime(join(folder, 'missing.ts')).acquire(task, { signal }))).code).toBe('BAD_SOURCE');
});

test('a child that is not ready in time is killed', async () => {
  const error = await errorOf(new LocalRuntime(join(folder, 'hangs.ts'), { readyTimeout: 1, env: 'hangs' }).acquire(task, { signal }));
  expect(error).toMatchObject({ code: 'RUNTIME_UNREACHABLE', message: expect.stringContaining('within 1 s') as string });
});

test('an interrupt while a child starts leaves none behind', async () => {
  const abort = new AbortController();
  const acquiring = new LocalRuntime(join(folder, 'hangs.ts'), { env: 'hangs' }).acquire(task, { signal: abort.signal });
  setTimeout(() => abort.abort(new HudError('CANCELLED', 'stop')), 100);
  expect((await errorOf(acquiring)).code).toBe('CANCELLED');
});

test('a program that knows nothing of its owner ends with it too', async () => {
  await writeFile(join(folder, 'env.py'), 'the interpreter below ignores it');
  await writeFile(join(folder, 'python'), `#!/bin/sh\nsleep 300 &\necho "pid $$"\necho HUD_SERVE_PORT=9\nsleep 300\n`, { mode: 0o755 });
  const lease = await new LocalRuntime(join(folder, 'env.py'), { python: join(folder, 'python') }).acquire(task, { signal });
  expect(lease.port).toBe(9);
  await lease[Symbol.asyncDispose]();
  expect(await lease.exited).toContain('killed by SIGTERM');
});

test('a row with a runtime configuration is refused here', async () => {
  const row = new Task({ env: 'letters', id: 'count', runtimeConfig: { image: 'x' } });
  expect((await errorOf(new LocalRuntime(join(folder, 'env.ts')).acquire(row, { signal }))).code).toBe('BAD_TASK');
});

test('a live environment serves one rollout at a time, a factory any number', async () => {
  const live = new LocalRuntime(new Environment('letters'));
  const first = await live.acquire(task, { signal });
  let isSecondThere = false;
  const second = live.acquire(task, { signal }).then((lease) => {
    isSecondThere = true;
    return lease;
  });
  const fresh = new LocalRuntime(() => new Environment('letters'));
  const pair = await Promise.all([fresh.acquire(task, { signal }), fresh.acquire(task, { signal })]);
  expect(isSecondThere).toBe(false);
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
  for (const lease of pair) await lease[Symbol.asyncDispose]();
});

test('Shared boots one place, holds back the third of width two, and ends it with its scope', async () => {
  let boots = 0;
  let disposals = 0;
  const inner: ProviderObject = {
    name: 'counting',
    acquire: async () => {
      boots += 1;
      return new Runtime('tcp://127.0.0.1:1', { dispose: async () => void (disposals += 1) });
    },
  };
  const shared = new Shared(inner, { width: 2 });
  expect((await errorOf(shared.acquire(task, { signal }))).message).toContain('must be open');
  const scope = await shared.open();
  const [a, b] = await Promise.all([shared.acquire(task, { signal }), shared.acquire(task, { signal })]);
  let hasThird = false;
  const third = shared.acquire(task, { signal }).then((lease) => {
    hasThird = true;
    return lease;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect([boots, hasThird]).toEqual([1, false]);
  await a[Symbol.asyncDispose]();
  await a[Symbol.asyncDispose](); // a second disposal must not free a second seat
  await (await third)[Symbol.asyncDispose]();
  await b[Symbol.asyncDispose]();
  expect(disposals).toBe(0);
  const nested = await shared.open();
  await scope[Symbol.asyncDispose]();
  expect(disposals).toBe(0);
  await nested[Symbol.asyncDispose]();
  expect(disposals).toBe(1);
});

test('Shared boots again after a place that failed to boot or died', async () => {
  let boots = 0;
  const died = Promise.withResolvers<string>();
  const inner: ProviderObject = {
    name: 'flaky',
    acquire: async () => {
      boots += 1;
      if (boots === 1) throw new HudError('RUNTIME_EXITED', 'first');
      return new Runtime('tcp://127.0.0.1:1', { exited: died.promise });
    },
  };
  const shared = new Shared(inner, { width: 2 });
  await using _scope = await shared.open();
  expect((await errorOf(shared.acquire(task, { signal }))).message).toBe('first');
  await (await shared.acquire(task, { signal }))[Symbol.asyncDispose]();
  died.resolve('gone');
  await new Promise((resolve) => setImmediate(resolve));
  await (await shared.acquire(task, { signal }))[Symbol.asyncDispose]();
  expect(boots).toBe(3);
});

test.each(['tcp://127.0.0.1:70000', 'http://x:1', '', 'tcp://'])('%s is no control address', (url) => {
  expect(() => new Runtime(url)).toThrow(HudError);
});

test('a control address without scheme or port gets both', () => {
  expect(new Runtime('localhost').url).toBe('tcp://localhost:8765');
  expect(new Runtime('tcp://[::1]:99')).toMatchObject({ host: '::1', port: 99, url: 'tcp://[::1]:99' });
});
