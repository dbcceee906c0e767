/** Can this machine isolate? Looked into once, by doing it. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Identity, takeIdentity } from './identity.ts';

export type IsolationProbe = { available: true } | { available: false; reason: string };

/** Absolute paths, and what this bubblewrap can do. */
export interface IsolationTools {
  bwrap: string;
  /** From 0.8 on it forbids further user namespaces and limits a tmpfs; before, the filter on calls and the memory limit must do. */
  isModern: boolean;
}

const PROBE_MS = 15_000;
let probe: Promise<{ probe: IsolationProbe; tools: IsolationTools | undefined }> | undefined;

/** Takes up to 15 s the first time; never rejects. */
export async function probeIsolation(): Promise<IsolationProbe> {
  return (await (probe ??= look())).probe;
}

/** What was found; undefined when it is not available. */
export async function isolationTools(): Promise<IsolationTools | undefined> {
  return (await (probe ??= look())).tools;
}

/** Arguments of every bubblewrap of ours; what it shows and what it runs is still missing. */
export function isolationArguments({ isModern }: Pick<IsolationTools, 'isModern'>): string[] {
  const walls = ['--unshare-all', '--unshare-user', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop', 'ALL'];
  return isModern ? [...walls, '--disable-userns'] : walls;
}

async function look(): Promise<{ probe: IsolationProbe; tools: IsolationTools | undefined }> {
  const no = (reason: string) => ({ probe: { available: false, reason } as const, tools: undefined });
  if (process.platform !== 'linux') return no(`isolation needs Linux, this is ${process.platform}; run it in a Linux container or machine`);
  const isRoot = process.getuid?.() === 0;
  const bwrap = findProgram('bwrap');
  if (bwrap === undefined) return no('bubblewrap is not installed; install the package "bubblewrap"');
  for (const [name, from] of [
    ['mkfifo', 'coreutils'],
    ['bash', 'bash'],
  ] as const) {
    if (findProgram(name) === undefined) return no(`the program ${name} is missing; install the package "${from}"`);
  }
  try {
    const version = /(\d+)\.(\d+)/.exec(await run([bwrap, '--version'])) ?? [];
    const tools = { bwrap, isModern: Number(version[1]) > 0 || Number(version[2]) >= 8 };
    await tryIt(tools);
    return { probe: { available: true }, tools };
  } catch (error) {
    return no(whyNot(String((error as { stderr?: unknown }).stderr || error).trim(), isRoot));
  }
}

async function tryIt(tools: IsolationTools): Promise<void> {
  const identity = takeIdentity();
  try {
    const shows = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'];
    const { uid, gid } = identity;
    const drop = process.getuid?.() === 0 ? { uid, gid } : {};
    await run([tools.bwrap, ...isolationArguments(tools), ...shows, findProgram('true') ?? '/bin/true'], drop);
  } finally {
    identity.giveBack();
  }
}

function whyNot(said: string, isRoot: boolean): string {
  const hint = /namespace|Operation not permitted|Permission denied|No space left/i.test(said)
    ? 'user namespaces are forbidden here: set the sysctls kernel.unprivileged_userns_clone=1, ' +
      'user.max_user_namespaces>0 and kernel.apparmor_restrict_unprivileged_userns=0, or give the container ' +
      '--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined'
    : 'start it by hand to see more';
  return `bubblewrap does not work${isRoot ? ' as an unprivileged user' : ''}: ${said.split('\n').at(-1)}; ${hint}`;
}

function run([file = '', ...args]: string[], drop: Partial<Identity> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: PROBE_MS, killSignal: 'SIGKILL', env: toolEnvironment(), cwd: '/', ...drop } as const;
    execFile(file, args, options, (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(Object.assign(error, { stderr }))));
  });
}

const USUAL_PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Of the programs that build a sandbox: nothing that steers a loader or tells a secret. */
export function toolEnvironment(): Record<string, string> {
  return { PATH: USUAL_PLACES.join(delimiter), LC_ALL: 'C' };
}

function findProgram(name: string): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...USUAL_PLACES]
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
