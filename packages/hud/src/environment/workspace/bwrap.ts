/**
 * A sandbox by bubblewrap: one for all commands of a workspace, whose first process forks them (see `spawner.ts`).
 * It dies with this process, and with it everything inside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { LEASE_VARIABLE } from '../../host/destroy.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { startCommand } from './bwrap-process.ts';
import { type LimitGroups, makeLimitGroups } from './cgroup-limits.ts';
import { watchDisk } from './disk-watch.ts';
import { FifoPool } from './fifo-pool.ts';
import { isTaken, type Identity, takeIdentity } from './identity.ts';
import { mountArguments, mountSources, sourceOf } from './mounts.ts';
import { mostFiles, strayDescriptors } from './own-descriptors.ts';
import { isolationArguments, isolationTools, type IsolationTools, probeIsolation, toolEnvironment } from './probe.ts';
import type { Limits, Sandbox, SandboxLevel, SandboxProcess, SandboxSpec, SpawnRequest } from './sandbox.ts';
import { seccompProgram } from './seccomp.ts';
import { CONTROL_FOLDER, spawnerScript } from './spawner.ts';
import { SpawnerLink } from './spawner-link.ts';
import { prepareStage, type Stage } from './stage.ts';

const GIB = 2 ** 30;
const DEFAULTS = { memoryBytes: 4 * GIB, processes: 1_024, diskBytes: 16 * GIB, openFiles: 4_096 } as const;
const STARTING_MS = 30_000;
const CLOSING_MS = 10_000;
/** The identity's name inside when nobody chose one. */
const USUAL_UID = '1000';

/**
 * Ready for commands when it settles. Nothing of it is left when this process ends, however that happens, save
 * control groups, which the next sandbox or the reaper of leases removes.
 * @throws HudError CAPABILITY_FAILED when this machine can't isolate, or the sandbox did not start
 * @throws HudError BAD_ARGUMENT for an overlay without root
 */
export async function openSandbox(spec: SandboxSpec): Promise<Sandbox> {
  const tools = await isolationTools();
  if (tools === undefined) throw notAvailable(await probeIsolation());
  const isRoot = process.getuid?.() === 0;
  if (spec.overlay && !isRoot) {
    throw new HudError('BAD_ARGUMENT', 'A workspace with an overlay needs root, which this process is not.', {
      hint: 'Serve the environment as root, or without the overlay.',
    });
  }
  const missing = mountSources(spec).find((source) => !existsSync(source));
  if (missing !== undefined)
    throw new HudError('BAD_ARGUMENT', `The workspace is to show ${missing}, which does not exist on this machine.`);
  const owned = isRoot && spec.identity === undefined ? takeIdentity() : undefined;
  const identity = owned ?? (isRoot ? spec.identity : undefined) ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const limits = { ...DEFAULTS, ...withoutUndefined(spec.limits) };
  const groups = await makeLimitGroups({ cpus: undefined, ...limits }, spec.onWarning);
  let sandbox: BwrapSandbox | undefined;
  try {
    sandbox = new BwrapSandbox({ spec, tools, identity, limits, groups, free: () => owned?.giveBack() });
    await sandbox.start();
    return sandbox;
  } catch (error) {
    if (sandbox === undefined) await groups.remove().finally(() => owned?.giveBack());
    else await sandbox.close();
    throw error;
  }
}

function notAvailable(probe: Awaited<ReturnType<typeof probeIsolation>>): HudError {
  const reason = probe.available ? 'unknown' : probe.reason;
  return new HudError('CAPABILITY_FAILED', `This machine can't isolate a workspace: ${reason}.`, {
    hint: 'Run `hud doctor`. Without isolation a workspace serves only when it is told so by name.',
  });
}

type FullLimits = Required<Omit<Limits, 'cpus'>> & Pick<Limits, 'cpus'>;

function withoutUndefined(limits: Limits): Limits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

interface Parts {
  spec: SandboxSpec;
  tools: IsolationTools;
  identity: Identity;
  limits: FullLimits;
  groups: LimitGroups;
  free(): void;
}

class BwrapSandbox implements Sandbox {
  readonly level: SandboxLevel;
  readonly lost: Promise<string>;
  #parts: Parts;
  #control: string;
  #stage: Stage;
  #pool: FifoPool;
  #program = seccompProgram(process.arch);
  #child: ChildProcess | undefined;
  #exited = Promise.withResolvers<void>();
  #link: SpawnerLink | undefined;
  #pid: number | undefined;
  #lose: (reason: string) => void = () => {};
  #lostReason: string | undefined;
  #closing: Promise<void> | undefined;
  #said = '';
  #shell = '/bin/bash';
  #watch: Disposable | undefined;

  constructor(parts: Parts) {
    const { spec, limits, groups, identity } = parts;
    this.#parts = parts;
    this.lost = new Promise((resolve) => (this.#lose = resolve));
    this.#control = join(spec.directory, 'control');
    mkdirSync(this.#control, { mode: 0o700 });
    if (process.getuid?.() === 0) {
      // Nobody inside may list it: who does not know the name of a pipe can't open it. Nobody else outside may enter it.
      chownSync(this.#control, 0, identity.gid);
      chmodSync(this.#control, 0o710);
    }
    this.#pool = new FifoPool(this.#control);
    const overlayOf = spec.overlay ? spec.root : undefined;
    const sources = [...mountSources(spec), this.#control];
    this.#stage =
      process.getuid?.() === 0
        ? prepareStage({ sources, overlayOf, directory: spec.directory, identity })
        : { staged: new Map(), command: [], upper: undefined };
    this.level = {
      isolation: 'bwrap',
      limits: { ...groups.level, processes: this.#countsProcesses(groups), disk: limits.diskBytes === Infinity ? 'none' : 'watch' },
      seccomp: this.#program !== undefined,
      network: spec.shareNetwork ? 'host' : 'none',
      uid: identity.uid,
    };
  }

  get pid(): number | undefined {
    return this.#lostReason === undefined && this.#closing === undefined ? this.#pid : undefined;
  }

  get changes(): Sandbox['changes'] {
    const { upper } = this.#stage;
    return upper === undefined ? { path: this.#parts.spec.root, isOverlay: false } : { path: upper, isOverlay: true };
  }

  async start(): Promise<void> {
    const { spec, limits, groups } = this.#parts;
    const child = this.#spawn();
    this.#child = child;
    const filling = this.#pool.fill();
    filling.catch(() => {}); // told below, should the start itself not fail before
    const [, , errors, requests, replies, info] = child.stdio as unknown as [null, null, Readable, Writable, Readable, Readable];
    errors.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-4_096)));
    const link = new SpawnerLink(requests, replies);
    this.#link = link;
    child.once('error', (error) => this.#ended(`it could not be started: ${messageOf(error)}`));
    child.once('exit', (code, signal) => this.#ended(this.#whyEnded(code, signal)));
    await this.#listening(link.ready);
    this.#pid = await hostPid(info);
    groups.enter(this.#pid); // in time: it runs no command yet
    await filling;
    const changed = this.changes.path;
    this.#watch = watchDisk({
      folder: changed,
      limitBytes: limits.diskBytes,
      uid: this.level.uid,
      over: (reason) => this.#abandon(reason),
      warn: spec.onWarning,
    });
  }

  async spawn(request: SpawnRequest): Promise<SandboxProcess> {
    if (this.#link === undefined || this.#lostReason !== undefined || this.#closing !== undefined) {
      throw new HudError('CAPABILITY_FAILED', `The sandbox has ended: ${this.#lostReason ?? 'it was closed'}.`);
    }
    const { spec, limits } = this.#parts;
    const context = {
      env: { ...spec.env, ...request.env },
      cwd: request.cwd ?? spec.guestPath,
      processes: this.level.limits.processes === 'none' ? undefined : limits.processes,
      shell: this.#shell,
    };
    refuseNul([request.command ?? '', context.cwd, ...Object.entries(context.env).flat()]);
    return await startCommand(request, context, { folder: this.#control, pool: this.#pool, link: this.#link });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Each step is taken whatever became of the one before. */
  async #close(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    const { spec, groups, free } = this.#parts;
    const steps: (() => Promise<void>)[] = [
      () => this.#kill(),
      () => this.#pool.close(),
      () => groups.remove(),
      () => rm(this.#control, { recursive: true, force: true }),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        spec.onWarning(`The sandbox was not cleaned up completely: ${messageOf(error)}.`);
      }
    }
    free();
    this.#link?.lose();
  }

  /** With the first process of a pid namespace all others die, and bubblewrap ends when none is left. */
  async #kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (this.#pid === undefined) child.kill('SIGKILL');
    else killIfThere(this.#pid);
    const patience = setTimeout(() => child.kill('SIGKILL'), CLOSING_MS / 2);
    const limit = setTimeout(() => this.#exited.resolve(), CLOSING_MS);
    await this.#exited.promise;
    clearTimeout(patience);
    clearTimeout(limit);
    for (const stream of child.stdio) stream?.destroy();
  }

  #spawn(): ChildProcess {
    const { spec, tools, identity } = this.#parts;
    const isRoot = process.getuid?.() === 0;
    const isRenamed = isRoot && isTaken(identity);
    const settings = ['--clearenv', '--setenv', 'PATH', '/usr/local/bin:/usr/bin:/bin', '--chdir', spec.guestPath, '--info-fd', '5'];
    if (spec.shareNetwork || this.#around().length > 0) settings.push('--share-net');
    if (isRenamed) settings.push('--uid', USUAL_UID, '--gid', USUAL_UID);
    if (this.#program !== undefined) settings.push('--seccomp', '6');
    const first = ['--', this.#firstProgram(), '--norc', '--noprofile', '-c', this.#script()];
    const bwrap = [tools.bwrap, ...isolationArguments(tools), ...settings, ...this.#mounts(), ...first];
    const [file = '', ...args] = [...this.#stage.command, ...this.#around(), ...bwrap];
    const filter = this.#program === undefined ? undefined : readableOnce(join(spec.directory, 'seccomp'), this.#program);
    // The lease's mark, by which the reaper finds it. It does not get inside.
    const lease = process.env[LEASE_VARIABLE];
    const env = { ...toolEnvironment(), ...(lease === undefined ? {} : { [LEASE_VARIABLE]: lease }) };
    // It drops other groups as well. A stage has to be prepared by root, and drops by itself.
    const drop = isRoot && this.#stage.command.length === 0 ? { uid: identity.uid, gid: identity.gid } : {};
    try {
      // In no terminal's process group: a Ctrl-C there is for the server, which ends the sandbox in its turn.
      return spawn(file, args, {
        env,
        cwd: '/',
        ...drop,
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', filter ?? 'ignore'],
      });
    } finally {
      if (filter !== undefined) closeSync(filter);
    }
  }

  /**
   * Without root, who joins a network must first join the users' namespace that owns it, and bubblewrap leaves no
   * process there. So a second one around it owns the network, and waits in it.
   */
  #around(): string[] {
    const { spec, tools } = this.#parts;
    if (spec.isJoined !== true || spec.shareNetwork || process.getuid?.() === 0) return [];
    return [tools.bwrap, '--unshare-user', '--unshare-net', '--die-with-parent', '--dev-bind', '/', '/', '--'];
  }

  #mounts(): string[] {
    const { spec, tools, limits } = this.#parts;
    const tmpfsBytes = tools.isModern ? Math.floor(limits.memoryBytes / 2) : undefined;
    return mountArguments({ spec, control: this.#control, tmpfsBytes, staged: this.#stage.staged });
  }

  /**
   * The guest's own bash, as a copy that nobody can read: Linux then shows neither memory nor descriptors of its
   * process to the commands, which are the same user's.
   */
  #firstProgram(): string {
    const { spec } = this.#parts;
    const paths = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash'];
    const found = paths.map((path) => [path, sourceOf(path, spec)] as const).find(([, source]) => source !== undefined);
    if (found?.[1] === undefined) {
      throw new HudError('BAD_ARGUMENT', `The mounts of the workspace show no bash: none of ${paths.join(', ')} exists inside.`, {
        hint: 'Add the mounts that hold it, or leave systemMounts at its default.',
      });
    }
    this.#shell = found[0];
    const copy = join(this.#control, 'bash');
    copyFileSync(found[1], copy, constants.COPYFILE_FICLONE);
    chmodSync(copy, 0o111);
    return `${CONTROL_FOLDER}/bash`;
  }

  #script(): string {
    const { openFiles, diskBytes } = this.#parts.limits;
    return spawnerScript({
      openFiles: Math.min(openFiles, mostFiles()),
      fileBytes: diskBytes,
      strayDescriptors: strayDescriptors(),
    });
  }

  async #listening(ready: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, STARTING_MS, 'late')));
    const first = await Promise.race([ready, late, this.lost]);
    clearTimeout(timer);
    if (first === undefined) return;
    const reason = first === 'late' ? `it was not ready within ${STARTING_MS} ms` : first;
    throw new HudError('CAPABILITY_FAILED', `The sandbox did not start: ${reason}.`, { hint: 'See that its root and its mounts exist.' });
  }

  #whyEnded(code: number | null, signal: NodeJS.Signals | null): string {
    if (code === 137 && this.#parts.groups.memoryKills() > 0)
      return `its first process was ended, memory had run out (${this.#parts.limits.memoryBytes} bytes)`;
    const said = this.#said.trim().split('\n').at(-1);
    return said || `its first process ended (${signal ?? `exit ${code}`})`;
  }

  /** A limit that ends the sandbox as a whole. */
  #abandon(reason: string): void {
    this.#lostReason ??= reason;
    this.#parts.spec.onWarning(`The sandbox was ended: ${reason}.`);
    if (this.#pid !== undefined) killIfThere(this.#pid);
  }

  #ended(reason: string): void {
    this.#exited.resolve();
    this.#watch?.[Symbol.dispose]();
    if (this.#closing === undefined) this.#lostReason ??= reason;
    if (this.#lostReason !== undefined) this.#lose(this.#lostReason);
    this.#link?.lose();
  }

  /** Before Linux 5.14 a limit on processes counts all of the user's, in whichever sandbox: too few for anybody who isn't alone. */
  #countsProcesses({ level }: LimitGroups): SandboxLevel['limits']['processes'] {
    if (level.processes !== 'none') return level.processes;
    const [major = 0, minor = 0] = release().split('.').map(Number);
    return major > 5 || (major === 5 && minor >= 14) || process.getuid?.() === 0 ? 'rlimit' : 'none';
  }
}

/** `{"child-pid": …}`, as bubblewrap sees it. */
async function hostPid(info: Readable): Promise<number> {
  let text = '';
  for await (const piece of info.setEncoding('utf8')) {
    text += String(piece);
    if (text.includes('}')) break;
  }
  return (JSON.parse(text) as { 'child-pid': number })['child-pid'];
}

/** Bubblewrap reads the program to its end, so each start needs a description of its own. */
function readableOnce(path: string, bytes: Uint8Array): number {
  writeFileSync(path, bytes, { mode: 0o600 });
  const fd = openSync(path, 'r');
  unlinkSync(path);
  return fd;
}

function refuseNul(texts: readonly string[]): void {
  if (!texts.some((text) => text.includes('\0'))) return;
  throw new HudError('BAD_ARGUMENT', 'A command, its folder and its environment can not hold a NUL character.');
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error;
  }
}
