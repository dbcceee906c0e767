/** One child process with its group: its output, its state, its end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { joinCgroup, makeCgroup } from '../host/cgroup.ts';
import { LEASE_VARIABLE, leasedFolder } from '../host/destroy.ts';
import { withDeadline } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { processState } from '../host/owner.ts';
import { messageOf } from '../protocol/errors.ts';
import { PORT_ANNOUNCEMENT, SECRET_VARIABLE } from '../protocol/messages.ts';
import type { HeldLease } from '../store/index.ts';
import type { ServerProgram } from './process.ts';
import type { PlaceState } from './provider.ts';

/** Longest wait for the rest of the output after the exit, in milliseconds. */
const OUTPUT_MS = 500;
const TAIL_LINES = 50;
const TAIL_LINE_CHARS = 500;
const TERM_MS = 10_000;

/**
 * Ends the group when descriptor 3 does, i.e. when this process is gone: TERM, then KILL. The program
 * itself takes the shell's place, so its pid and exit status are the child's.
 */
const WATCHED = `
(trap '' TERM INT HUP; cat <&3 >/dev/null 2>&1; kill -TERM -$$; sleep 2; kill -KILL -$$) >/dev/null 2>&1 &
exec "$@" 3<&-`;

export class Child {
  readonly output: OutputTail;
  /** How it ended, in words, once it has; a program that can't be started counts as ended. */
  readonly exited: Promise<string>;
  readonly #process: ChildProcess;

  constructor(command: ServerProgram, lease: HeldLease, secret: string | undefined) {
    this.#process = start(command, lease, secret);
    this.output = new OutputTail(this.#process);
    this.exited = exitOf(this.#process, this.output);
  }

  /** Linux tells a process that computes from one that was stopped; elsewhere nobody does. */
  state(): PlaceState {
    const { pid } = this.#process;
    if (pid === undefined || this.#hasExited) return 'gone';
    return processState(pid);
  }

  /** TERM to the whole group, KILL after a grace; whatever the leader left behind goes with it. */
  async end(): Promise<void> {
    const { pid } = this.#process;
    if (pid === undefined) return;
    if (!this.#hasExited && this.state() !== 'stopped') {
      signalGroup(pid, 'SIGTERM');
      this.#process.stdin?.end();
      await withDeadline(nodeHost, this.#onceExited(), TERM_MS, () => new Error('still running')).catch(() => {}); // killed next, either way
    }
    signalGroup(pid, 'SIGKILL');
    for (const stream of this.#process.stdio) stream?.destroy();
    await this.exited;
  }

  get #hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #onceExited(): Promise<void> {
    if (!this.#hasExited) await once(this.#process, 'exit');
  }
}

function start(command: ServerProgram, { id: leaseId, target }: HeldLease, secret: string | undefined): ChildProcess {
  const folder = leasedFolder(leaseId);
  const env = { ...process.env, TMPDIR: folder, [LEASE_VARIABLE]: leaseId, ...(secret === undefined ? {} : { [SECRET_VARIABLE]: secret }) };
  const [program, args] = command.isOurs
    ? [command.command, command.args]
    : ['/bin/sh', ['-c', WATCHED, 'sh', command.command, ...command.args]];
  const stdin = command.isOurs ? 'pipe' : 'ignore';
  const cgroup = target.cgroup === undefined ? undefined : makeCgroup(`hud-${leaseId}`);
  const child = spawn(program, args, { cwd: command.cwd, env, detached: true, stdio: [stdin, 'pipe', 'pipe', 'pipe'] });
  if (cgroup !== undefined && child.pid !== undefined) joinCgroup(cgroup, child.pid);
  child.stdin?.on('error', () => {}); // the lifeline breaks when the child ends first
  (child.stdio[3] as Writable | null)?.on('error', () => {});
  return child;
}

async function exitOf(child: ChildProcess, output: OutputTail): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', (error) => resolve(`${messageOf(error)}.`));
  child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}.` : `killed by ${signal}.`));
  const how = await promise;
  // Not the child's `close`: whatever it left behind may hold its pipes open for ever.
  await withDeadline(nodeHost, output.ended, OUTPUT_MS, () => new Error('the output goes on')).catch(() => {}); // what there is will do
  return how + output.text();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error; // nobody is left in the group
  }
}

/** Reads both outputs for as long as the child lives, so that it never blocks on a full pipe; keeps the last lines. */
class OutputTail {
  readonly lines: string[] = [];
  readonly port: Promise<number>;
  /** Settles when both outputs have ended. */
  readonly ended: Promise<unknown>;

  constructor(child: ChildProcess) {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.port = promise;
    const onLine = (line: string): void => {
      if (line.startsWith(PORT_ANNOUNCEMENT)) resolve(Number(line.slice(PORT_ANNOUNCEMENT.length)));
    };
    this.ended = Promise.all([this.#read(child.stdout, onLine), this.#read(child.stderr, () => {})]);
  }

  /** `''`, or the tail as indented lines after a heading. */
  text(): string {
    return this.lines.length === 0 ? '' : ` Its last output:\n${this.lines.map((line) => `  ${line}`).join('\n')}`;
  }

  async #read(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
    if (stream === null) return;
    const reader = createInterface({ input: stream, crlfDelay: Infinity });
    reader.on('line', (raw) => {
      const line = raw.trim();
      onLine(line);
      if (line === '' || line.startsWith(PORT_ANNOUNCEMENT)) return;
      this.lines.push(line.slice(0, TAIL_LINE_CHARS));
      if (this.lines.length > TAIL_LINES) this.lines.shift();
    });
    await new Promise<void>((resolve) => {
      reader.once('close', resolve);
      stream.once('close', resolve); // destroyed by us: the reader is not told on every version of Node
    });
  }
}
