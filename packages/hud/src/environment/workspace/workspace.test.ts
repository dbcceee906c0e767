import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSsh, type SshClient } from '../../capabilities/ssh.ts';
import { processState } from '../../host/owner.ts';
import { Capability } from '../../protocol/capability.ts';
import { Environment } from '../environment.ts';
import { declareWorkspace } from './declare.ts';
import { makeKeyPair } from './keys.ts';
import { probeIsolation } from './probe.ts';
import { Workspace } from './workspace.ts';
import type { WorkspaceOptions } from './workspace-options.ts';

const probe = await probeIsolation();
const noWalls = probe.available ? undefined : `no sandbox here: ${probe.reason}`;
const isRoot = process.getuid?.() === 0;

let folder: string;
let root: string;
let open: (Workspace | SshClient)[];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'hud-ws-')));
  root = join(folder, 'root');
  open = [];
});

afterEach(async () => {
  for (const each of open.toReversed()) await ('stop' in each ? each.stop() : each.close());
  rmSync(folder, { recursive: true, maxRetries: 5 });
});

async function start(options: WorkspaceOptions = {}): Promise<Workspace> {
  const workspace = new Workspace(root, options);
  open.push(workspace);
  await workspace.start();
  return workspace;
}

async function client(workspace: Workspace): Promise<SshClient> {
  const connected = await openSsh(Capability.parse(workspace.capability));
  open.push(connected);
  return connected;
}

describe('options', () => {
  const external = { kind: 'ro', src: '/srv', dst: '/srv' } as const;
  test.each<[string, WorkspaceOptions]>([
    ['a relative guest path', { guestPath: 'work' }],
    ['the whole sandbox as the guest path', { guestPath: '/' }],
    ['no network with allowed hosts', { network: false, allowedHosts: ['example.org'] }],
    ['a network that allows nothing', { network: true, allowedHosts: [] }],
    ["the machine's network with allowed hosts", { network: 'host', allowedHosts: ['example.org'] }],
    ["the machine's network with peers", { network: 'host', peers: [{ name: 'db', port: 5_432 }] }],
    ['no isolation with a promise of no network', { isolation: 'none', network: false }],
    ['no isolation with a filtered network', { isolation: 'none', network: true }],
    ['no isolation with mounts', { isolation: 'none', mounts: [external] }],
    ['no isolation with an overlay', { isolation: 'none', overlay: true }],
    ['no isolation with a guest path', { isolation: 'none', guestPath: '/workspace' }],
    ['an isolation that nobody knows', { isolation: 'docker' as 'none' }],
    ['a group without a user', { shellGid: 5 }],
    ['root as the user without privileges', { shellUid: 0 }],
    ['a private folder below the root', { credentialsDir: '/served/keys' }],
    ['a private folder around the root', { credentialsDir: '/' }],
    ['a hosts file below the root', { hostsPath: '/served/hosts' }],
    ['a port that is none', { port: 70_000 }],
    ['a variable that is none', { env: { 'A B': '1' } }],
    ['a mount without a source', { mounts: [{ kind: 'rw', dst: '/data' }] }],
    ['a limit of nothing', { limits: { processes: 0 } }],
  ])('%s is refused at once', (_, options) => {
    expect(() => new Workspace('/served', options)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });

  test('declaring touches nothing', () => {
    const workspace = declareWorkspace(new Environment('e'), root);
    expect(existsSync(root)).toBe(false);
    expect(workspace.root).toBe(root);
    expect(() => workspace.capability).toThrow(expect.objectContaining({ code: 'CAPABILITY_NOT_FOUND' }));
  });
});

describe('files from outside', () => {
  test('links are followed inside and never out', async () => {
    const workspace = await start({ isolation: 'none' });
    await workspace.write('deep/er/note.txt', 'text');
    writeFileSync(join(folder, 'secret'), 'secret');
    for (const [target, name] of [
      ['deep/er', 'inside'],
      [join(root, 'deep'), 'whole'],
      [folder, 'out'],
      ['../..', 'up'],
      [join(folder, 'secret'), 'direct'],
      ['loop', 'loop'],
    ] as const) {
      symlinkSync(target, join(root, name));
    }
    expect((await workspace.read('inside/note.txt')).toString()).toBe('text');
    expect((await workspace.read('whole/er/note.txt')).toString()).toBe('text');
    expect((await workspace.read(join(root, 'deep/er/note.txt'))).toString()).toBe('text');
    for (const path of ['out/secret', 'up/secret', 'direct', 'loop', 'deep', 'none']) {
      await expect(workspace.read(path), path).rejects.toMatchObject({ code: 'RPC_ERROR' });
    }
    for (const path of ['../secret', '/etc/passwd', 'a\0b']) {
      await expect(workspace.read(path), path).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    }
    await expect(workspace.write('out/planted', 'x')).rejects.toMatchObject({ code: 'RPC_ERROR' });
    await expect(workspace.write('direct', 'x')).rejects.toMatchObject({ code: 'RPC_ERROR' });
    expect(readdirSync(folder).toSorted()).toEqual(['root', 'secret']);
    expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('secret');
    expect(await workspace.list('inside')).toEqual(['note.txt']);
    expect(await workspace.list()).toContain('deep');
    await expect(workspace.read('deep/er/note.txt', { maxBytes: 3 })).rejects.toMatchObject({ code: 'RPC_ERROR' });
  });

  test('a named pipe is refused instead of waited for', async () => {
    const workspace = await start({ isolation: 'none' });
    expect((await workspace.run('mkfifo pipe')).exitCode).toBe(0);
    await expect(workspace.read('pipe')).rejects.toMatchObject({ code: 'RPC_ERROR' });
    await expect(workspace.write('pipe', 'x')).rejects.toMatchObject({ code: 'RPC_ERROR' });
  });
});

describe('without isolation', () => {
  test('it says so, serves the folder where it is, and hides our settings', async () => {
    process.env.HUD_TEST_KEY = 'secret';
    const workspace = await start({ isolation: 'none', env: { WORD: 'given' } });
    expect(workspace.capability.params).toMatchObject({ isolation: 'none', cwd: root, level: { network: 'host', isolation: 'none' } });
    const { stdout } = await (await client(workspace)).exec('pwd; echo "$WORD$HUD_TEST_KEY"');
    delete process.env.HUD_TEST_KEY;
    expect(stdout).toBe(`${root}\ngiven\n`);
  });

  test('keys are gone after the stop; a new start has others and another port', async () => {
    const workspace = await start({ isolation: 'none' });
    const first = workspace.capability;
    const connected = await client(workspace);
    await workspace.stop();
    await workspace.stop();
    await expect(connected.exec('true')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await workspace.start();
    expect(workspace.capability.url).not.toBe(first.url);
    expect(workspace.capability.params?.host_pubkey).not.toBe(first.params?.host_pubkey);
    expect(readdirSync(root)).toEqual([]);
  });

  test("an author's own keys are used, and none is published", async () => {
    const [host, mine] = [makeKeyPair(), makeKeyPair()];
    writeFileSync(join(folder, 'host'), host.private);
    const workspace = await start({ isolation: 'none', hostKeyPath: join(folder, 'host'), authorizedClientKeys: [mine.public] });
    const entry = Capability.parse(workspace.capability);
    expect(entry.params.host_pubkey).toBe(host.public);
    expect(entry.params.client_key).toBeUndefined();
    const connected = await openSsh({ ...entry, params: { ...entry.params, client_key: mine.private } });
    open.push(connected);
    expect((await connected.exec('echo in')).stdout).toBe('in\n');
  });

  test('a port that is taken is told, and nothing is left', async () => {
    const first = await start({ isolation: 'none' });
    const port = Number(new URL(String(first.capability.url)).port);
    const second = new Workspace(join(folder, 'other'), { isolation: 'none', port, credentialsDir: join(folder, 'keys') });
    await expect(second.start()).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(readdirSync(join(folder, 'keys'))).toEqual([]);
  });

  test("an environment's task leaves no process to the next", async () => {
    const environment = new Environment('e');
    const workspace = declareWorkspace(environment, root, { isolation: 'none' });
    await environment.start();
    expect(environment.capability('shell').params.host_pubkey).toMatch(/^ssh-ed25519 /);
    const { stdout } = await workspace.run('sleep 60 >/dev/null 2>&1 & echo $!');
    expect(processState(Number(stdout))).toBe('running');
    await environment.taskEnded({ id: 't', sessionId: 's' });
    const isGone = (): boolean => processState(Number(stdout)) === 'gone'; // dead, though perhaps not waited for yet
    await expect.poll(isGone, { timeout: 5_000 }).toBe(true);
    await environment.stop();
  });
});

describe.skipIf(noWalls)(`in a sandbox${noWalls === undefined ? '' : `: ${noWalls}`}`, () => {
  test('commands see the folder at the guest path and nothing else of the machine', async () => {
    mkdirSync(root);
    writeFileSync(join(root, 'given.txt'), 'given\n', { mode: 0o644 });
    writeFileSync(join(folder, 'secret'), 'secret');
    const workspace = await start();
    const ssh = await client(workspace);
    const { stdout } = await ssh.exec(`pwd; echo more >> given.txt; cat given.txt; cat ${folder}/secret; touch /usr/x; ls /home /root`);
    expect(stdout).toBe('/workspace\ngiven\nmore\n');
    expect(readFileSync(join(root, 'given.txt'), 'utf8')).toBe('given\nmore\n');
    expect(workspace.capability.params).toMatchObject({
      isolation: 'bwrap',
      cwd: '/workspace',
      level: { network: 'none', isolation: 'bwrap' },
    });
    if (isRoot) expect(statSync(join(root, 'given.txt')).uid).not.toBe(0);
    await workspace.write('made/by/author.txt', 'a');
    expect((await ssh.exec('echo b >> made/by/author.txt; cat /workspace/made/by/author.txt')).stdout).toBe('ab\n');
  });

  test('a process in the background lives until the sandbox is discarded', async () => {
    const workspace = await start();
    const ssh = await client(workspace);
    const pid = (await ssh.exec('sleep 300 >/dev/null 2>&1 & echo $!')).stdout.trim();
    expect((await ssh.exec(`kill -0 ${pid}`)).exitCode).toBe(0);
    await workspace.discardSandbox();
    expect((await ssh.exec('ps ax')).stdout).not.toContain('sleep 300');
  });

  test('an isolated command of the author sees the files and none of the processes', async () => {
    const workspace = await start();
    const ssh = await client(workspace);
    await ssh.exec("sleep 300 >/dev/null 2>&1 & echo 'echo planted' > .bash_profile; echo done > result");
    expect(await workspace.run('cat result; ps ax | grep -c "[s]leep"', { isolated: true })).toMatchObject({
      stdout: 'done\n0\n',
      stderr: '',
    });
    expect(await workspace.run('cat result; cat', { stdin: 'in' })).toMatchObject({ stdout: 'done\nin' });
    expect(await workspace.run('sleep 60', { timeoutMs: 200 })).toMatchObject({ isTimedOut: true });
  });

  test('the private folder cannot be reached', async () => {
    const workspace = await start({ credentialsDir: join(folder, 'keys') });
    const { exitCode } = await (await client(workspace)).exec(`ls ${join(folder, 'keys')}`);
    expect(exitCode).not.toBe(0);
    expect(readdirSync(join(folder, 'keys'))).toContain('client_key');
    await workspace.stop();
    expect(readdirSync(join(folder, 'keys'))).toEqual([]);
  });

  test.skipIf(!isRoot)("its private folders let the sandbox's user pass, no other user, and nobody's list", async () => {
    chmodSync(folder, 0o711);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    let workspace: Workspace;
    try {
      workspace = await start();
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
    const { uid } = (workspace.capability.params as { level: { uid: number } }).level;
    const own = readdirSync(folder).find((name) => name.startsWith('hud-workspace-')) ?? '';
    for (const path of ['', 'sandbox-1', 'sandbox-1/control']) {
      const { mode, uid: owner, gid } = statSync(join(folder, own, path));
      expect([path, mode & 0o777, owner, gid]).toEqual([path, 0o710, 0, uid]);
    }
    expect(statSync(join(folder, own, 'client_key')).mode & 0o777).toBe(0o600);
    // Mounts prepared by root would be slower, and are for what the sandbox's user can't walk to.
    expect(readdirSync(join(folder, own, 'sandbox-1'))).not.toContain('mounts');
    expect((await workspace.run('ls /run/hud; echo in')).stdout).toBe('in\n');
  });

  test.skipIf(!isRoot)('with an overlay each sandbox begins with the folder as it was', async () => {
    mkdirSync(root);
    writeFileSync(join(root, 'given.txt'), 'given\n');
    const workspace = await start({ overlay: true });
    const ssh = await client(workspace);
    expect((await ssh.exec('echo more >> given.txt; cat given.txt')).stdout).toBe('given\nmore\n');
    expect((await workspace.changes()).isOverlay).toBe(true);
    expect(readFileSync(join(root, 'given.txt'), 'utf8')).toBe('given\n');
    await workspace.discardSandbox();
    expect((await ssh.exec('cat given.txt')).stdout).toBe('given\n');
    await expect(workspace.read('given.txt')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  test.skipIf(!isRoot)('commands run as the user that was asked for', async () => {
    const workspace = await start({ shellUid: 1_234 });
    expect((await (await client(workspace)).exec('id -u; id -G; echo x > mine')).stdout).toBe('1234\n1234\n');
    expect(statSync(join(root, 'mine')).uid).toBe(1_234);
  });
});
