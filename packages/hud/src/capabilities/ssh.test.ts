/**
 * The client against a real OpenSSH server, and against a relay before it that loses connections. As root that server
 * forwards no signals: how commands are ended is tested with the workspace's own server.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Capability } from '../protocol/capability.ts';
import { fileCommands } from './ssh-files.ts';
import { SshConnection } from './ssh-connection.ts';
import { targetOf } from './ssh-target.ts';
import { openSsh, shellQuote, SshClient } from './ssh.ts';

const SSHD = '/usr/sbin/sshd';
const missing = spawnSync('ssh-keygen', ['-?']).error !== undefined || !exists(SSHD) ? 'openssh-server is not installed' : undefined;

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

let folder: string;
let sshd: ChildProcess;
let capability: Capability;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = createConnection(port, '127.0.0.1');
    const isUp = await once(socket, 'data').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isUp) return;
    await sleep(10);
  }
}

function makeKey(name: string): { path: string; public: string } {
  const path = join(folder, name);
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  return { path, public: readFileSync(`${path}.pub`, 'utf8').trim() };
}

describe.skipIf(missing)(`against OpenSSH's server${missing === undefined ? '' : `: ${missing}`}`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hud-sshd-'));
    const [host, client] = [makeKey('host'), makeKey('client')];
    makeKey('stranger');
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
    const port = await freePort();
    const lines = [
      ['ListenAddress 127.0.0.1', `Port ${port}`, `HostKey ${host.path}`, 'UsePAM no', 'StrictModes no', 'PidFile none'],
      [`AuthorizedKeysFile ${client.path}.pub`, 'PermitRootLogin yes', 'MaxSessions 5', 'MaxStartups 100'],
    ];
    writeFileSync(join(folder, 'conf'), `${lines.flat().join('\n')}\n`);
    sshd = spawn(SSHD, ['-D', '-e', '-f', join(folder, 'conf')], { stdio: 'ignore' });
    await answers(port);
    capability = {
      name: 'shell',
      protocol: 'ssh/2',
      url: `ssh://127.0.0.1:${port}`,
      params: {
        user: userInfo().username,
        host_pubkey: host.public,
        client_key: readFileSync(client.path, 'utf8'),
        shell: 'bash',
        cwd: folder,
      },
    };
  });

  afterAll(async () => {
    sshd.kill();
    await once(sshd, 'exit');
    rmSync(folder, { recursive: true });
  });

  async function withClient<T>(act: (client: Awaited<ReturnType<typeof openSsh>>) => Promise<T>, entry = capability): Promise<T> {
    const client = await openSsh(entry);
    try {
      return await act(client);
    } finally {
      await client.close();
    }
  }

  test('output, errors and the exit code arrive apart', async () => {
    await withClient(async (client) => {
      expect(await client.exec('printf out; printf err >&2; exit 3')).toEqual({
        stdout: 'out',
        stderr: 'err',
        exitCode: 3,
        isTruncated: false,
        isTimedOut: false,
      });
      expect(client).toMatchObject({ shell: 'bash', cwd: folder });
    });
  });

  test('a death by a signal has its name and its code', async () => {
    await withClient(async (client) => {
      expect(await client.exec('kill -9 $$')).toMatchObject({ exitCode: 137, signal: 'KILL' });
    });
  });

  test('invalid UTF-8 is replaced, and a command without input sees its end', async () => {
    await withClient(async (client) => {
      expect((await client.exec(String.raw`printf '\226\214 x'; cat`)).stdout).toBe('\uFFFD\uFFFD x');
    });
  });

  test('input, folder and variables reach the command', async () => {
    await withClient(async (client) => {
      const { stdout } = await client.exec('pwd; printf %s "$WORD"; cat', { cwd: '/usr', env: { WORD: "it's $HOME" }, stdin: '!' });
      expect(stdout).toBe("/usr\nit's $HOME!");
    });
  });

  test('files of any name and content are written, listed and read back', async () => {
    await withClient(async (client) => {
      const place = join(folder, "it's a place");
      await client.exec(`mkdir ${shellQuote(place)}`);
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
      await client.write(join(place, 'hello world.txt'), 'héllo\n');
      await client.write(join(place, 'empty'), '');
      await client.write(join(place, '-b'), bytes);
      expect(await client.list(place)).toEqual(['-b', 'empty', 'hello world.txt']);
      expect(await client.read(join(place, 'hello world.txt'))).toBe('héllo\n');
      expect(await client.read(join(place, 'empty'))).toBe('');
      expect(Buffer.from(await client.readBytes(join(place, '-b'))).equals(bytes)).toBe(true);
      await expect(client.readBytes(join(place, '-b'), { maxBytes: 69_999 })).rejects.toMatchObject({ code: 'RPC_ERROR' });
      await expect(client.read(join(place, 'none'))).rejects.toMatchObject({
        code: 'RPC_ERROR',
        message: expect.stringContaining('No such file or directory') as string,
      });
    });
  });

  test('the middle of long output is cut', async () => {
    await withClient(async (client) => {
      const result = await client.exec('seq 1 100000; echo end >&2', { maxOutputBytes: 100 });
      expect(result).toMatchObject({ exitCode: 0, isTruncated: true, stderr: 'end\n' });
      expect(result.stdout).toMatch(/^1\n2\n[^]*\[truncated\][^]*100000\n$/);
      expect(result.stdout.length + result.stderr.length).toBe(100);
    });
  });

  test('a stream moves raw bytes both ways, on a terminal of the size that was asked for', async () => {
    await withClient(async (client) => {
      const cat = await client.stream('cat');
      const output = text(cat.stdout);
      cat.stderr.resume();
      cat.stdin.end('both ways');
      expect(await output).toBe('both ways');
      expect(await cat.exited).toEqual({ code: 0 });
      const terminal = await client.stream('stty size; read line; stty size', { pty: { cols: 120, rows: 40 } });
      let seen = '';
      for await (const chunk of terminal.stdout as AsyncIterable<Buffer>) {
        seen += chunk.toString();
        if (seen !== '40 120\r\n') continue;
        terminal.resize({ cols: 100, rows: 30 });
        terminal.stdin.write('\n');
      }
      expect(seen).toContain('30 100');
    });
  });

  test('a wrong host key, and a wrong client key, are refused', async () => {
    const { params } = capability;
    const stranger = readFileSync(join(folder, 'stranger.pub'), 'utf8');
    await expect(openSsh({ ...capability, params: { ...params, host_pubkey: stranger } })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('another host key') as string,
    });
    const key = readFileSync(join(folder, 'stranger'), 'utf8');
    await expect(openSsh({ ...capability, params: { ...params, client_key: key } })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('refused the login') as string,
    });
  });

  test('a key may be named by its file', async () => {
    const { client_key: _, ...params } = capability.params;
    const entry = { ...capability, params: { ...params, client_key_path: join(folder, 'client') } };
    expect((await withClient(async (client) => await client.exec('echo in'), entry)).stdout).toBe('in\n');
  });

  test('nobody there is told as a capability that failed', async () => {
    const url = `ssh://127.0.0.1:${await freePort()}`;
    await expect(openSsh({ ...capability, url })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test('a channel that the server refuses is a lost connection, and the others go on', async () => {
    await withClient(async (client) => {
      const running = await Promise.all(Array.from({ length: 5 }, async () => await client.stream('cat')));
      await expect(client.exec('true')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      for (const each of running) each.stdin.end();
      for (const each of running) each.stdout.resume();
      for (const each of running) expect(await each.exited).toEqual({ code: 0 });
    });
  });

  test('a lost connection is an error for what ran on it, is never run again, and is dialled anew for the next', async () => {
    const sockets = new Set<Socket>();
    const target = new URL(capability.url);
    const relay = createServer((socket) => {
      const onward = createConnection(Number(target.port), target.hostname);
      for (const side of [socket, onward]) sockets.add(side.on('error', () => {}));
      socket.pipe(onward).pipe(socket);
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const url = `ssh://127.0.0.1:${(relay.address() as AddressInfo).port}`;
    const runs = join(folder, 'runs');
    await withClient(
      async (client) => {
        const running = client.exec(`echo run >> ${runs}; echo started; sleep 30`);
        running.catch(() => {});
        while (!exists(runs)) await sleep(10);
        for (const socket of sockets) socket.destroy();
        await expect(running).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
        expect((await client.exec(`cat ${runs}`)).stdout).toBe('run\n');
        relay.close();
        for (const socket of sockets) socket.destroy();
        await sleep(50);
        const startedAt = performance.now();
        await expect(client.exec('true')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
        expect(performance.now() - startedAt).toBeGreaterThan(700); // three dials
        await client.close();
        await expect(client.exec('true')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      },
      { ...capability, url },
    );
  });

  test('a time limit covers the wait for a server that says nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const connection = new SshConnection(targetOf({ ...capability, url: `ssh://127.0.0.1:${(silent.address() as AddressInfo).port}` }));
    const client = new SshClient(capability, connection);
    const startedAt = performance.now();
    expect(await client.exec('true', { timeoutMs: 200 })).toMatchObject({ isTimedOut: true, exitCode: 124 });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    silent.close();
  });
});

describe('Windows shells', () => {
  const script = (command: string): string => Buffer.from(command.split(' ').at(-1) ?? '', 'base64').toString('utf16le');

  test('content goes in pieces that a command line can hold', () => {
    const content = Buffer.from(Array.from({ length: 13_000 }, (_, index) => index % 251));
    const commands = fileCommands('cmd').write("C:\\it's", content);
    expect(commands).toHaveLength(4);
    const pieces = commands.map(({ command }) => /FromBase64String\('([^']*)'\)/.exec(script(command))?.[1] ?? '');
    expect(Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))).equals(content)).toBe(true);
    expect(commands.every(({ command }) => command.startsWith('powershell -NoProfile -NonInteractive -EncodedCommand '))).toBe(true);
    expect(script(commands[0]?.command ?? '')).toContain("'C:\\it''s'");
  });

  test('what reading prints is decoded, line breaks and all', () => {
    expect(fileCommands('powershell').decode(Buffer.from('aOls\r\nbG8=\r\n')).toString('latin1')).toBe('héllo');
  });
});
