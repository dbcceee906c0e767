/** For tests: a shell of this machine behind a real OpenSSH server, in a folder of its own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openSsh, type SshClient } from '../src/capabilities/ssh.ts';
import type { Capability } from '../src/protocol/capability.ts';
import { tempDir } from '../src/testing/temp-dir.ts';

const SSHD = '/usr/sbin/sshd';

/** Why there is no server, where there is none. */
export const NO_SSHD = existsSync(SSHD) ? false : 'no OpenSSH server on this machine (Debian: openssh-server)';

export interface RemoteShell extends AsyncDisposable {
  ssh: SshClient;
  capability: Capability;
  /** Where commands start. */
  cwd: string;
}

export async function remoteShell(): Promise<RemoteShell> {
  const dir = await tempDir();
  const root = dir.path;
  const cwd = join(root, 'work');
  mkdirSync(cwd);
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  for (const name of ['host', 'client']) await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(root, name)]);
  const port = await freePort();
  const config = join(root, 'sshd_config');
  await writeFile(config, settings(root, port));
  await writeFile(join(root, '.bashrc'), `unset BASH_ENV\ncd ${cwd}\n`);
  const sshd = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(sshd, 'exit');
  await listening(sshd.stderr);
  const capability: Capability = {
    name: 'shell',
    protocol: 'ssh/2',
    url: `ssh://127.0.0.1:${port}`,
    params: {
      user: userInfo().username,
      host_pubkey: await readFile(join(root, 'host.pub'), 'utf8'),
      client_key: await readFile(join(root, 'client'), 'utf8'),
      cwd,
    },
  };
  const ssh = await openSsh(capability);
  return {
    ssh,
    capability,
    cwd,
    async [Symbol.asyncDispose]() {
      await ssh.close();
      sshd.kill();
      await exited;
      await dir[Symbol.asyncDispose]();
    },
  };
}

function settings(root: string, port: number): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(root, 'host')}`,
    `AuthorizedKeysFile ${join(root, 'client.pub')}`,
    'PidFile none',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'UsePAM no',
    'StrictModes no',
    'MaxSessions 50',
    // A forced command could go to the folder too, but OpenSSH passes no signals to those.
    `SetEnv HOME=${root} BASH_ENV=${join(root, '.bashrc')}`,
    '',
  ].join('\n');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(log: AsyncIterable<Buffer>): Promise<void> {
  let text = '';
  for await (const chunk of log) {
    text += chunk.toString();
    if (text.includes('Server listening on')) return;
  }
  throw new Error(`sshd ended: ${text}`);
}
