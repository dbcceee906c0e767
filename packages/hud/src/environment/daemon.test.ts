import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { processState } from '../host/owner.ts';
import { tempDir } from '../testing/index.ts';
import { startDaemon } from './daemon.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function dial(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

const listening = (port: number): string => `require('net').createServer().listen(${port}, '127.0.0.1')`;

test('a daemon is there once it is ready, and gone with what it started once it is stopped', async () => {
  await using folder = await tempDir();
  const port = await freePort();
  const script = `sleep 600 & echo $! > ${folder.path}/child; exec "${process.execPath}" -e "${listening(port)}"`;
  const daemon = await startDaemon({ what: 'A server', command: 'sh', args: ['-c', script], ready: async () => await dial(port) });
  await dial(port);
  const child = Number(readFileSync(`${folder.path}/child`, 'utf8'));
  expect(processState(child)).toBe('running');
  await daemon.stop();
  await daemon.stop();
  expect(await daemon.exited).toContain('SIGTERM');
  await expect.poll(() => processState(child) ?? 'gone').toBe('gone');
  await expect(dial(port)).rejects.toThrow('ECONNREFUSED');
});

test('a program that ends before it is ready is an error with its last words', async () => {
  const failing = startDaemon({
    what: 'A server',
    command: 'sh',
    args: ['-c', 'echo no display >&2; exit 3'],
    ready: () => Promise.reject(new Error('no')),
  });
  await expect(failing).rejects.toMatchObject({
    code: 'CAPABILITY_FAILED',
    message: expect.stringMatching(/exit code 3.*no display/s) as string,
  });
});

test('a program that does not exist is named', async () => {
  const failing = startDaemon({ what: 'A server', command: 'no-such-program', args: [], ready: () => Promise.reject(new Error('no')) });
  await expect(failing).rejects.toThrow("no program 'no-such-program'");
});

test('a program that never gets ready is ended, and the last reason told', async () => {
  let pid = 0;
  await using folder = await tempDir();
  const failing = startDaemon({
    what: 'A server',
    command: 'sh',
    args: ['-c', `trap '' TERM; echo $$ > ${folder.path}/pid; while :; do sleep 0.1; done`],
    startupMs: 300,
    ready: () => {
      if (existsSync(`${folder.path}/pid`)) pid = Number(readFileSync(`${folder.path}/pid`, 'utf8'));
      return Promise.reject(new Error('nobody listens'));
    },
  });
  await expect(failing).rejects.toThrow('not ready within 0.3 s (nobody listens)');
  await expect.poll(() => processState(pid) ?? 'gone').toBe('gone');
});

test('an end that nobody asked for is reported once', async () => {
  const ends: string[] = [];
  const daemon = await startDaemon({
    what: 'A server',
    command: 'sleep',
    args: ['600'],
    ready: () => Promise.resolve(),
    onExit: (how) => ends.push(how),
  });
  process.kill(daemon.pid, 'SIGKILL');
  expect(await daemon.exited).toContain('SIGKILL');
  await daemon.stop();
  expect(ends).toEqual(['it was killed by SIGKILL.']);
});

test('of the own environment a daemon sees a few names, and what it is given', async () => {
  await using folder = await tempDir();
  process.env.SOME_API_KEY = 'secret';
  await using daemon = await startDaemon({
    what: 'A program',
    command: 'sh',
    args: ['-c', `env > ${folder.path}/env; mv ${folder.path}/env ${folder.path}/done; exec sleep 600`],
    env: { GIVEN: 'yes' },
    ready: () => (existsSync(`${folder.path}/done`) ? Promise.resolve() : Promise.reject(new Error('not yet'))),
  });
  delete process.env.SOME_API_KEY;
  const seen = readFileSync(`${folder.path}/done`, 'utf8');
  expect(seen).toContain('GIVEN=yes');
  expect(seen).not.toContain('secret');
  expect(daemon.pid).toBeGreaterThan(1);
});

test('a daemon ends with the process that started it, however that ends', async () => {
  const source = `
    import { startDaemon } from ${JSON.stringify(new URL('./daemon.ts', import.meta.url).href)};
    const daemon = await startDaemon({ what: 'x', command: 'sleep', args: ['600'], ready: () => Promise.resolve() });
    console.log(daemon.pid);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(processState(pid)).toBe('running');
  owner.kill('SIGKILL');
  await expect.poll(() => processState(pid) ?? 'gone', { timeout: 10_000 }).toBe('gone');
});
