/** The contract of a sandbox without walls: commands are children of this process, as its user. Only for who asks by name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { HudError, messageOf } from '../../protocol/errors.ts';
import type { ExitStatus, Sandbox, SandboxProcess, SandboxSpec, SpawnRequest } from './sandbox.ts';

const KILL_AFTER_MS = 1_000;
const LOST: ExitStatus = { code: 255 };

/** The guest path is the root itself, so nothing has to be prepared. @throws HudError BAD_ARGUMENT for what needs walls */
export async function openUnisolated(spec: SandboxSpec): Promise<Sandbox> {
  if (spec.overlay) {
    throw new HudError('BAD_ARGUMENT', 'A workspace without isolation can not have an overlay: its commands write to the root itself.', {
      hint: 'Leave the overlay out, or serve the workspace with isolation.',
    });
  }
  return new Unisolated(spec);
}

class Unisolated implements Sandbox {
  readonly level: Sandbox['level'];
  readonly pid = undefined;
  readonly lost = new Promise<string>(() => {});
  readonly changes: Sandbox['changes'];
  #spec: SandboxSpec;
  /** Leaders of the groups that may hold something alive, their commands' ends included. */
  #groups = new Set<number>();
  #running = new Set<PlainProcess>();
  #isClosed = false;

  constructor(spec: SandboxSpec) {
    this.#spec = spec;
    this.changes = { path: spec.root, isOverlay: false };
    this.level = {
      isolation: 'none',
      limits: { memory: 'none', processes: 'none', cpus: 'none', disk: 'none' },
      seccomp: false,
      network: 'host',
      uid: process.getuid?.() ?? 0,
    };
  }

  async spawn(request: SpawnRequest): Promise<SandboxProcess> {
    if (this.#isClosed) throw new HudError('CAPABILITY_FAILED', 'The sandbox has ended: it was closed.');
    const { env, root } = this.#spec;
    const cwd = request.cwd ?? root;
    const [file, args] = commandLine(request);
    const child = spawn(file, args, {
      cwd: isFolder(cwd) ? cwd : '/',
      env: { ...env, ...request.env, ...(request.pty === undefined ? {} : { TERM: request.pty.term }) },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    await spawned(child);
    this.#groups.add(child.pid as number);
    const running = new PlainProcess(child, request.pty !== undefined);
    this.#running.add(running);
    void running.exited.then(() => this.#forget(running));
    return running;
  }

  #forget(running: PlainProcess): void {
    this.#running.delete(running);
    this.#forgetEmptyGroups();
  }

  /** The number of a group that is empty may become another's. */
  #forgetEmptyGroups(): void {
    for (const group of this.#groups) if (!killGroup(group, 0)) this.#groups.delete(group);
  }

  /** What left its process group on purpose lives on: there are no walls. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#forgetEmptyGroups();
    for (const group of this.#groups) killGroup(group, 'SIGKILL');
    this.#groups.clear();
    await Promise.all([...this.#running].map(({ exited }) => exited));
    for (const running of this.#running) running.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function commandLine({ command, cwd, pty }: SpawnRequest): [string, string[]] {
  const shell = command === undefined ? ['bash', '-l'] : ['bash', '-lc', command];
  if (cwd !== undefined && !isFolder(cwd)) return ['sh', ['-c', 'echo "workspace: cannot prepare shell: no folder $0" >&2; exit 1', cwd]];
  if (pty === undefined) return ['bash', shell.slice(1)];
  const size = `stty rows ${Math.trunc(pty.rows)} cols ${Math.trunc(pty.cols)}; exec ${shell.map(quote).join(' ')}`;
  // The two systems' programs of this name differ in their arguments.
  if (process.platform === 'darwin') return ['script', ['-q', '/dev/null', 'sh', '-c', size]];
  return ['script', ['-qefE', 'always', '-c', `exec sh -c ${quote(size)}`, '/dev/null']];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function spawned(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(new HudError('CAPABILITY_FAILED', `The command could not be started: ${messageOf(error)}.`, { cause: error }));
    });
  });
  child.on('error', () => {}); // a signal that could not be sent: it has ended
}

class PlainProcess implements SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<ExitStatus>;
  #child: ChildProcess;
  #isOver = false;
  #isTerminal: boolean;
  #ending: Promise<void> | undefined;

  constructor(child: ChildProcess, isTerminal: boolean) {
    this.#child = child;
    this.#isTerminal = isTerminal;
    this.stdin = child.stdin as Writable;
    this.stdin.on('error', () => {}); // EPIPE: the command closed its input, which is its right
    this.stdout = child.stdout as Readable;
    this.stderr = isTerminal ? Readable.from([]) : (child.stderr as Readable);
    if (isTerminal) child.stderr?.resume();
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#isOver = true;
        if (signal !== null) resolve({ signal });
        else resolve(code === null ? LOST : { code });
      });
    });
  }

  /** A child of this process has its terminal's size from `script`, which takes it from nobody: the device is asked for. */
  resize({ cols, rows }: { cols: number; rows: number }): void {
    if (!this.#isTerminal || this.#isOver) return;
    const find = `ps -o tty= -g "$0" 2>/dev/null | grep -v '?' | sort -u; ps -o tty= --ppid "$0" 2>/dev/null`;
    const script = `for t in $(${find}); do stty -F "/dev/$t" rows "$1" cols "$2" 2>/dev/null; done`;
    const args = [String(this.#child.pid), String(Math.trunc(rows)), String(Math.trunc(cols))];
    spawn('sh', ['-c', script, ...args], { stdio: 'ignore' }).on('error', () => {});
  }

  signal(name: NodeJS.Signals): void {
    if (!this.#isOver && this.#child.pid !== undefined) killGroup(this.#child.pid, name);
  }

  terminate(): Promise<void> {
    this.#ending ??= this.#terminate();
    return this.#ending;
  }

  release(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /** What the command leaves in its group is given the second as well, and killed then. */
  async #terminate(): Promise<void> {
    const { pid } = this.#child;
    if (this.#isOver || pid === undefined) return;
    this.signal('SIGTERM');
    setTimeout(() => killGroup(pid, 'SIGKILL'), KILL_AFTER_MS);
    await this.exited;
  }
}

/** @returns whether there is such a group, of processes that may be signalled */
function killGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes(String((error as { code?: unknown }).code))) throw error;
    return false;
  }
}
