/** Debian's OpenSSH beside ours: a server of its own with keys of its own, and its client over a kept connection. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bareSandbox } from './bare-sandbox.ts';
import type { Context } from './contract.ts';
import { freePort } from './free-port.ts';

export interface OpenSsh {
  /** As an environment would publish it. */
  readonly capability: Record<string, unknown>;
  /** Command line of the client, over a connection that is open already; the remote command is to follow. */
  client(): Promise<readonly [string, ...string[]]>;
}

const SSHD = '/usr/sbin/sshd';
const CIPHER = 'aes128-gcm@openssh.com';
const SETTINGS = [
  'ListenAddress 127.0.0.1',
  'UsePAM no',
  'StrictModes no',
  'PidFile none',
  'PermitRootLogin yes',
  'MaxSessions 100',
  `Ciphers ${CIPHER}`,
];
const STARTING_MS = 10_000;
const POLL_MS = 20;
const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/**
 * A server on a free port of the loopback, stopped with the stack.
 * @param inSandbox every command in a new sandbox around that folder, as an administrator would set it up
 * @throws Error when it is not installed or does not start
 */
export async function startOpenSsh(
  { scratch, isPinned }: Context,
  stack: AsyncDisposableStack,
  { inSandbox }: { inSandbox?: string } = {},
): Promise<OpenSsh> {
  if (!existsSync(SSHD)) throw new Error('OpenSSH is needed beside ours: install the package "openssh-server".');
  const folder = await scratch.folder('sshd');
  const [host, key] = [makeKey(folder, 'host'), makeKey(folder, 'client')];
  const user = userInfo();
  if (user.uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const lines = [
    ...SETTINGS,
    `Port ${port}`,
    `SetEnv HOME=${folder}`, // nobody's start-up files

    `HostKey ${host.path}`,
    `AuthorizedKeysFile ${key.path}.pub`,
    ...(inSandbox === undefined ? [] : [`ForceCommand exec ${forced(inSandbox)}`]),
  ];
  const config = join(folder, 'sshd_config');
  writeFileSync(config, `${lines.join('\n')}\n`);
  const pin = isPinned ? ['taskset', '-c', '0'] : [];
  stack.use(start([...pin, SSHD, '-D', '-e', '-f', config]));
  await answers(port);
  const params = { user: user.username, host_pubkey: host.public, client_key: readFileSync(key.path, 'utf8'), shell: 'bash' };
  return {
    capability: { name: 'openssh', protocol: 'ssh/2', url: `ssh://127.0.0.1:${port}`, params },
    client: async () => {
      const control = join(folder, 'control');
      const options = ['-F', 'none', '-i', key.path, '-p', String(port), '-c', CIPHER, '-S', control];
      const known = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes'];
      const line = ['ssh', ...options, ...known] as const;
      stack.use(start([...(isPinned ? ['taskset', '-c', '1'] : []), ...line, '-M', '-N', `${user.username}@127.0.0.1`]));
      await untilThere(control);
      return [...line, `${user.username}@127.0.0.1`];
    },
  };
}

/** The shell that the server starts reads the command of the client from its environment. */
function forced(folder: string): string {
  const { command, args, identity } = bareSandbox(folder);
  const drop =
    identity === undefined ? [] : ['setpriv', '--reuid', String(identity.uid), '--regid', String(identity.gid), '--clear-groups'];
  return `${[...drop, command, ...args].join(' ')} /bin/bash -c "$SSH_ORIGINAL_COMMAND"`;
}

function makeKey(folder: string, name: string): { path: string; public: string } {
  const path = join(folder, name);
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ssh-keygen failed: ${stderr}`);
  return { path, public: readFileSync(`${path}.pub`, 'utf8').trim() };
}

function start([command = '', ...args]: readonly string[]): AsyncDisposable {
  const child = spawn(command, args, { stdio: 'ignore' });
  child.on('error', () => {}); // told by what waits for it
  alive.add(child);
  return {
    [Symbol.asyncDispose]: async () => {
      alive.delete(child);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** A greeting is a server that serves. */
async function answers(port: number): Promise<void> {
  const signal = AbortSignal.timeout(STARTING_MS);
  while (!signal.aborted) {
    const socket = connect(port, '127.0.0.1');
    const isUp = await once(socket, 'data', { signal }).then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isUp) return;
    await sleep(POLL_MS);
  }
  throw new Error(`OpenSSH's server did not answer on port ${port} within ${STARTING_MS} ms.`);
}

async function untilThere(path: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < STARTING_MS; waitedMs += POLL_MS) {
    if (existsSync(path)) return;
    await sleep(POLL_MS);
  }
  throw new Error(`OpenSSH's client did not connect within ${STARTING_MS} ms.`);
}
