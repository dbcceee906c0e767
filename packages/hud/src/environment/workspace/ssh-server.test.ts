/** The server against this package's client, OpenSSH's client, and peers that speak what they like. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type Client, type ClientChannel } from 'ssh2';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSsh, type SshClient } from '../../capabilities/ssh.ts';
import { processState } from '../../host/owner.ts';
import type { Capability } from '../../protocol/capability.ts';
import { makeKeyPair, type KeyPair } from './keys.ts';
import type { Sandbox } from './sandbox.ts';
import { startSshServer, type SshServer } from './ssh-server.ts';
import { openUnisolated } from './unisolated.ts';

const noSsh = whyNoSsh();

/** It refuses to run as a user that has no name. */
function whyNoSsh(): string | undefined {
  const { error, status, stderr } = spawnSync('ssh', ['-G', 'localhost'], { encoding: 'utf8' });
  if (error !== undefined) return 'openssh-client is not installed';
  return status === 0 ? undefined : stderr.trim();
}

let folder: string;
let sandbox: Sandbox;
let server: SshServer;
let host: KeyPair;
let key: KeyPair;
let place: () => Promise<Sandbox>;
let clients: SshClient[];

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'hud-ssh-')));
  const [root, directory] = [join(folder, 'root'), join(folder, 'private')];
  mkdirSync(root);
  mkdirSync(directory);
  sandbox = await openUnisolated({
    root,
    guestPath: root,
    systemMounts: [],
    mounts: [],
    env: { PATH: process.env.PATH ?? '', HOME: root },
    shareNetwork: true,
    identity: undefined,
    limits: {},
    overlay: false,
    directory,
    onWarning: () => {},
  });
  [host, key] = [makeKeyPair(), makeKeyPair()];
  place = async () => sandbox;
  clients = [];
  server = await startSshServer({
    sandbox: () => place(),
    hostKey: host.private,
    authorizedKeys: [key.public],
    host: '127.0.0.1',
    port: 0,
  });
});

afterEach(async () => {
  for (const client of clients) await client.close();
  await server.close();
  await sandbox.close();
  rmSync(folder, { recursive: true, maxRetries: 5 });
});

function entry(params: Record<string, unknown> = {}): Capability {
  const known = { user: 'agent', host_pubkey: host.public, client_key: key.private, shell: 'bash', cwd: join(folder, 'root') };
  return { name: 'shell', protocol: 'ssh/2', url: `ssh://127.0.0.1:${server.port}`, params: { ...known, ...params } };
}

async function connect(params?: Record<string, unknown>): Promise<SshClient> {
  const client = await openSsh(entry(params));
  clients.push(client);
  return client;
}

/** The protocol's own client, for requests that ours never makes. */
async function rawClient(): Promise<Client> {
  const client = new ssh2.Client();
  client.connect({ host: '127.0.0.1', port: server.port, username: 'agent', privateKey: key.private });
  await once(client, 'ready');
  client.on('error', () => {}); // the server may be gone first
  return client;
}

function isAlive(pid: number): boolean {
  return processState(pid) !== 'gone';
}

async function gone(pid: number, withinMs: number): Promise<boolean> {
  for (const until = performance.now() + withinMs; performance.now() < until; await sleep(20)) if (!isAlive(pid)) return true;
  return !isAlive(pid);
}

describe('logging in', () => {
  test('the right key opens under any name, a wrong one under none', async () => {
    const client = await connect({ user: 'whoever' });
    expect((await client.exec('echo in')).stdout).toBe('in\n');
    await expect(connect({ client_key: makeKeyPair().private })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test.each([{ password: 'agent' }, { tryKeyboard: true }, {}])('nothing but a key opens: %o', async (login) => {
    const client = new ssh2.Client();
    client.connect({ host: '127.0.0.1', port: server.port, username: 'agent', ...login });
    const [error] = (await once(client, 'error').catch((thrown: unknown) => [thrown])) as [Error];
    client.on('error', () => {}); // the connection may break off after that
    expect(error.message).toBe('All configured authentication methods failed');
  });

  test('it offers exactly the algorithms without known weakness, and strict key exchange', async () => {
    const socket = createConnection(server.port, '127.0.0.1');
    socket.write('SSH-2.0-test\r\n');
    const lists = await keyExchangeOffer(socket);
    socket.destroy();
    expect(lists).toEqual([
      'curve25519-sha256,curve25519-sha256@libssh.org,kex-strict-s-v00@openssh.com',
      'ssh-ed25519',
      ...Array<string>(2).fill('aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com'),
      ...Array<string>(2).fill('hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com'),
      ...Array<string>(2).fill('none'),
      ...Array<string>(2).fill(''),
    ]);
  });

  test('a thousand half-open connections keep nobody out', async () => {
    const half = Array.from({ length: 1_000 }, () => createConnection(server.port, '127.0.0.1').on('error', () => {}));
    await Promise.all(half.map(async (socket) => await once(socket, 'data')));
    const startedAt = performance.now();
    const client = await connect();
    expect((await client.exec('echo in')).stdout).toBe('in\n');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    for (const socket of half) socket.destroy();
  });

  test('noise of any kind ends its own connection and no other', async () => {
    const client = await connect();
    for (let each = 0; each < 60; each += 1) {
      const socket = createConnection(server.port, '127.0.0.1').on('error', () => {});
      socket.resume();
      if (each % 3 > 0) socket.write('SSH-2.0-noise\r\n');
      if (each % 3 === 2) socket.write(Buffer.from([0, 0, 0, 12, 4, 20]));
      socket.end(randomBytes(1 + each * 50));
      await once(socket, 'close');
    }
    expect((await client.exec('echo still')).stdout).toBe('still\n');
  });
});

/** The ten name lists of the server's KEXINIT, RFC 4253 section 7.1. */
async function keyExchangeOffer(socket: Socket): Promise<string[]> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    const packet = bytes.subarray(bytes.indexOf('\r\n') + 2);
    if (bytes.includes('\r\n') && packet.length >= 4 && packet.length >= 4 + packet.readUInt32BE(0)) {
      let at = 4 + 1 + 1 + 16;
      return Array.from({ length: 10 }, () => {
        const length = packet.readUInt32BE(at);
        at += 4 + length;
        return packet.toString('latin1', at - length, at);
      });
    }
  }
  throw new Error('no offer came');
}

describe('commands', () => {
  test('output, errors and status come apart, then the end', async () => {
    const client = await connect();
    expect(await client.exec('printf out; printf err >&2; exit 3')).toMatchObject({ stdout: 'out', stderr: 'err', exitCode: 3 });
  });

  test('output is seen while the command runs', async () => {
    const client = await connect();
    const process = await client.stream('echo first; exec sleep 30');
    const [line] = (await once(process.stdout, 'data', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
    expect(line.toString()).toBe('first\n');
    await process.close();
  });

  test('many commands run at once on one connection', async () => {
    const client = await connect();
    const results = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => await client.exec(`cat; exit ${index}`, { stdin: `${index}` })),
    );
    expect(results.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(results.map((_, index) => [`${index}`, index]));
  });

  test('both outputs arrive whole however they wait for each other', async () => {
    const client = await connect();
    const script = 'for i in 1 2 3; do head -c 3000000 /dev/zero | tr "\\0" a; head -c 3000000 /dev/zero | tr "\\0" b >&2; done';
    const { stdout, stderr, exitCode } = await client.exec(script, { maxOutputBytes: 2 ** 25 });
    expect([exitCode, stdout.length, stderr.length]).toEqual([0, 9_000_000, 9_000_000]);
    expect([/[^a]/.test(stdout), /[^b]/.test(stderr)]).toEqual([false, false]);
  });

  test('32 MiB of any bytes come back as they went', async () => {
    const client = await connect();
    const bytes = randomBytes(2 ** 25);
    await client.write('bytes', bytes);
    expect(Buffer.from(await client.readBytes('bytes')).equals(bytes)).toBe(true);
  });

  test('a reader that is slow misses nothing after the end', async () => {
    const client = await connect();
    const process = await client.stream('head -c 8000000 /dev/zero');
    process.stderr.resume();
    let bytes = 0;
    for await (const chunk of process.stdout as AsyncIterable<Buffer>) {
      if (bytes === 0) await sleep(2_500);
      bytes += chunk.length;
    }
    expect(bytes).toBe(8_000_000);
    expect(await process.exited).toEqual({ code: 0 });
  });

  test('a death by a signal is told before the channel closes', async () => {
    const client = await connect();
    expect(await client.exec('kill -9 $$')).toMatchObject({ exitCode: 137, signal: 'KILL' });
  });

  test('files are written, listed and read by commands alone', async () => {
    const client = await connect();
    await client.write('hello world.txt', 'héllo\n');
    await client.write('empty', '');
    expect(await client.list('.')).toEqual(['empty', 'hello world.txt']);
    expect(await client.read('hello world.txt')).toBe('héllo\n');
    await client.write(join(folder, 'outside'), 'there');
    expect(readFileSync(join(folder, 'outside'), 'utf8')).toBe('there');
  });

  test('bytes that are no text leave the connection alive', async () => {
    const client = await connect();
    expect((await client.exec(String.raw`printf '\226\214 x'`)).stdout).toBe('\uFFFD\uFFFD x');
    expect((await client.exec('echo alive')).stdout).toBe('alive\n');
  });
});

describe('ends', () => {
  test('a command whose time is over is told to end, even with its input at an end', async () => {
    const client = await connect();
    const startedAt = performance.now();
    expect(await client.exec('echo begun; sleep 120', { timeoutMs: 300, stdin: 'x' })).toMatchObject({
      stdout: 'begun\n',
      signal: 'TERM',
      exitCode: 143,
      isTimedOut: true,
    });
    expect(performance.now() - startedAt).toBeLessThan(2_300);
    expect((await client.exec('echo next')).stdout).toBe('next\n');
  });

  test("a signal ends the command and throws the signal's reason", async () => {
    const client = await connect();
    const stop = new AbortController();
    const running = client.exec('echo $$ > pid; exec sleep 120', { signal: stop.signal });
    running.catch(() => {});
    const pid = await pidIn('pid');
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(isAlive(pid)).toBe(false);
  });

  test('a client that closes the channel ends a command that ignores TERM', async () => {
    const raw = await rawClient();
    let channel: ClientChannel | undefined;
    raw.exec("trap '' TERM; echo $$ > pid; while :; do sleep 0.1; done", (_error, opened) => (channel = opened));
    const pid = await pidIn('pid');
    channel?.close();
    expect(await gone(pid, 5_000)).toBe(true);
    raw.end();
  });

  test('a client that vanishes ends its commands', async () => {
    const raw = await rawClient();
    raw.exec('echo $$ > pid; exec sleep 120', () => {});
    const pid = await pidIn('pid');
    raw.destroy();
    expect(await gone(pid, 5_000)).toBe(true);
  });

  test('something in the background that holds the output does not hold the channel', async () => {
    const client = await connect();
    const startedAt = performance.now();
    expect(await client.exec('sleep 60 & echo $!')).toMatchObject({ exitCode: 0 });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test('a place that fails, and a command that cannot start, are told with a status', async () => {
    const client = await connect();
    place = async () => await Promise.reject(new Error('no room'));
    expect(await client.exec('true')).toMatchObject({ stderr: 'workspace: cannot prepare shell: no room\n', exitCode: 1 });
    sandbox.spawn = async () => await Promise.reject(new Error('no bash'));
    place = async () => sandbox;
    expect(await client.exec('true')).toMatchObject({ stderr: 'workspace: cannot spawn shell: no bash\n', exitCode: 127 });
  });

  test('closing the server ends what runs, and may be done twice', async () => {
    const client = await connect();
    const running = client.exec('echo $$ > pid; exec sleep 120');
    running.catch(() => {});
    const pid = await pidIn('pid');
    await server.close();
    await server.close();
    expect(isAlive(pid)).toBe(false);
    await expect(running).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

async function pidIn(name: string): Promise<number> {
  for (;;) {
    try {
      const pid = Number(readFileSync(join(folder, 'root', name), 'utf8'));
      if (pid > 0) return pid;
    } catch {
      // not written yet
    }
    await sleep(10);
  }
}

describe('terminals', () => {
  test('it has the size that was asked for, and goes on after another one', async () => {
    const client = await connect();
    const terminal = await client.stream(
      'test -t 1 && echo tty; echo "$TERM"; stty size; while read -r line; do stty size; echo "<$line>"; done',
      {
        pty: { term: 'vt100', cols: 120, rows: 40 },
      },
    );
    terminal.stderr.resume();
    let seen = '';
    terminal.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    const shows = async (text: string): Promise<void> => {
      for (const until = performance.now() + 5_000; !seen.includes(text) && performance.now() < until;) await sleep(10);
      expect(seen).toContain(text);
    };
    await shows('tty\r\nvt100\r\n40 120\r\n');
    terminal.resize({ cols: 90, rows: 33 });
    await sleep(300); // the size has no answer
    terminal.stdin.write('typed\n');
    await shows('33 90');
    await shows('<typed>');
    await terminal.close();
  });

  test('a shell is a login shell', async () => {
    const raw = await rawClient();
    const output = await new Promise<string>((resolve, reject) => {
      raw.shell(false, (error, channel) => {
        if (error !== undefined) return reject(error);
        let text = '';
        channel.on('data', (chunk: Buffer) => (text += chunk.toString()));
        channel.on('close', () => resolve(text));
        channel.end('shopt -q login_shell && echo login\nexit 0\n');
      });
    });
    expect(output).toContain('login');
    raw.end();
  });
});

describe('refusals', () => {
  test('there is no file transfer, no subsystem, no forwarding, and the connection stays usable', async () => {
    const raw = await rawClient();
    const refused = async (ask: (done: (error: Error | undefined) => void) => unknown): Promise<boolean> =>
      await new Promise((resolve) => void ask((error) => resolve(error !== undefined)));
    expect(await refused((done) => raw.sftp((error) => done(error)))).toBe(true);
    expect(await refused((done) => raw.subsys('netconf', (error) => done(error)))).toBe(true);
    expect(await refused((done) => raw.forwardOut('127.0.0.1', 1, '127.0.0.1', server.port, (error) => done(error)))).toBe(true);
    expect(await refused((done) => raw.forwardIn('127.0.0.1', 0, (error) => done(error)))).toBe(true);
    expect(await refused((done) => raw.openssh_forwardOutStreamLocal('/tmp/x', (error) => done(error)))).toBe(true);
    expect(await refused((done) => raw.exec('true', { x11: true }, (error) => done(error)))).toBe(true);
    expect(await refused((done) => raw.exec('true', { env: { A: '1' } }, (error) => done(error)))).toBe(false);
    raw.end();
  });
});

describe.skipIf(noSsh)(`OpenSSH's client${noSsh === undefined ? '' : `: ${noSsh}`}`, () => {
  async function run(command: string[], input = ''): Promise<{ code: number; stdout: string; stderr: string }> {
    const path = join(folder, 'key');
    writeFileSync(path, key.private, { mode: 0o600 });
    writeFileSync(join(folder, 'known'), `[127.0.0.1]:${server.port} ${host.public}\n`);
    const known = ['-o', `UserKnownHostsFile=${join(folder, 'known')}`, '-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes'];
    const child = spawn('ssh', ['-F', 'none', '-i', path, ...known, '-p', String(server.port), ...command]);
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  }

  test('it runs commands with input, and hears their status', async () => {
    expect(await run(['me@127.0.0.1', 'cat; echo err >&2; exit 7'], 'given')).toEqual({ code: 7, stdout: 'given', stderr: 'err\n' });
  });

  test('it agrees on each of the ciphers', async () => {
    for (const cipher of ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com']) {
      expect(await run(['-c', cipher, 'me@127.0.0.1', 'head -c 3000000 /dev/zero | tr "\\0" x | md5sum; cat'], cipher)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(cipher) as string,
      });
    }
    expect((await run(['-c', 'aes128-ctr', 'me@127.0.0.1', 'true'])).code).toBe(255);
  });

  test('its file transfer is refused', async () => {
    expect(await run(['-s', 'me@127.0.0.1', 'sftp'])).toMatchObject({
      code: 255,
      stderr: expect.stringContaining('subsystem request failed') as string,
    });
  });
});
