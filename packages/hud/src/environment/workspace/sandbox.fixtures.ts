/** What tests of sandboxes need: a place for one, a command run to its end. */
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExitStatus, Mount, Sandbox, SandboxSpec, SpawnRequest } from './sandbox.ts';

export interface Place extends AsyncDisposable {
  spec: SandboxSpec;
  /** What the sandbox warned of. */
  warnings: string[];
}

const LINKS = ['bin', 'sbin', 'lib', 'lib64'];
export const SYSTEM_MOUNTS: Mount[] = [
  { kind: 'ro', src: '/usr', dst: '/usr' },
  { kind: 'ro', src: '/etc', dst: '/etc' },
  ...LINKS.map((name): Mount => ({ kind: 'symlink', src: `usr/${name}`, dst: `/${name}` })),
];

/** A folder with the root and the private folder of a sandbox. Everybody may write to the root. */
export async function sandboxPlace(changes: Partial<SandboxSpec> = {}): Promise<Place> {
  const base = await mkdtemp(join(tmpdir(), 'hud-sandbox-'));
  chmodSync(base, 0o755);
  const [root, directory] = [join(base, 'root'), join(base, 'private')];
  for (const folder of [root, directory]) mkdirSync(folder);
  chmodSync(root, 0o777);
  const warnings: string[] = [];
  const spec: SandboxSpec = {
    root,
    guestPath: '/workspace',
    systemMounts: SYSTEM_MOUNTS,
    mounts: [],
    env: { PATH: '/usr/bin:/bin', HOME: '/workspace' },
    shareNetwork: false,
    identity: undefined,
    limits: {},
    overlay: false,
    directory,
    onWarning: (message) => void warnings.push(message),
    ...changes,
  };
  if (spec.identity !== undefined && process.getuid?.() === 0) chownSync(root, spec.identity.uid, spec.identity.gid);
  return { spec, warnings, [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true, maxRetries: 3 }) };
}

export interface Finished {
  stdout: string;
  stderr: string;
  status: ExitStatus;
}

/** With its input ended at once, or after what is given. Settles when the command has ended and its output as well. */
export async function runIn(
  sandbox: Sandbox,
  command: string,
  options: Omit<SpawnRequest, 'command'> & { stdin?: string } = {},
): Promise<Finished> {
  const { stdin = '', ...request } = options;
  const running = await sandbox.spawn({ command, ...request });
  running.stdin.end(stdin);
  const [stdout, stderr, status] = await Promise.all([textOf(running.stdout), textOf(running.stderr), running.exited]);
  return { stdout, stderr, status };
}

export async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
