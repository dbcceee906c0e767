/** A child process that serves one environment: started, awaited, bound to its owner's life, ended with its group. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { withDeadline, withSignal } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { PORT_ANNOUNCEMENT, SECRET_VARIABLE } from '../protocol/messages.ts';
import { Runtime, type RuntimeLease } from './provider.ts';

export interface ServerCommand {
  command: string;
  args: string[];
  cwd: string;
  /** Added to this process's own environment. */
  env?: Record<string, string | undefined>;
  /** Set: the child demands it of whoever connects. */
  secret?: string;
  /** The program ends by itself when its standard input does; others are watched from outside. */
  watchesStdin: boolean;
  /** Longest wait for the port, in milliseconds. */
  readyTimeoutMs: number;
  signal: AbortSignal;
}

/** Longest wait for the rest of the output after the exit, in milliseconds. */
const OUTPUT_MS = 500;
const EXIT_SOON_MS = 500;
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

/**
 * Starts the program and waits for its port.
 * @throws HudError RUNTIME_EXITED with exit code and output tail, RUNTIME_UNREACHABLE after the
 *   deadline, or the signal's reason; the child is gone then
 */
export async function spawnServer(command: ServerCommand): Promise<RuntimeLease> {
  const child = start(command);
  const output = new OutputTail(child);
  const exited = exitOf(child, output);
  const dispose = (): Promise<void> => endGroup(child, exited);
  try {
    const limit = command.readyTimeoutMs;
    const early = exited.then((how) => {
      throw new HudError('RUNTIME_EXITED', `The environment's process ended before it served: ${how}`, { data: { output: output.lines } });
    });
    const waiting = Promise.race([output.port, early]);
    early.catch(() => {});
    const port = await withSignal(
      withDeadline(
        nodeHost,
        waiting,
        limit,
        () =>
          new HudError(
            'RUNTIME_UNREACHABLE',
            `The environment's process did not announce a port within ${limit / 1000} s.${output.text()}`,
          ),
      ),
      command.signal,
    );
    return new Runtime(`tcp://127.0.0.1:${port}`, {
      ...(command.secret === undefined ? {} : { secret: command.secret }),
      exited,
      diagnose: async () => await exitSoon(exited),
      dispose,
    });
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** A connection breaks a moment before its process is reaped; waits that moment for the better reason. */
async function exitSoon(exited: Promise<string>): Promise<string | undefined> {
  try {
    return await withDeadline(nodeHost, exited, EXIT_SOON_MS, () => new Error('it lives'));
  } catch {
    return undefined; // it lives: the connection broke for another reason
  }
}

function start(command: ServerCommand): ChildProcess {
  const env = { ...process.env, ...command.env, ...(command.secret === undefined ? {} : { [SECRET_VARIABLE]: command.secret }) };
  const [program, args] = command.watchesStdin
    ? [command.command, command.args]
    : ['/bin/sh', ['-c', WATCHED, 'sh', command.command, ...command.args]];
  const stdin = command.watchesStdin ? 'pipe' : 'ignore';
  const child = spawn(program, args, { cwd: command.cwd, env, detached: true, stdio: [stdin, 'pipe', 'pipe', 'pipe'] });
  child.stdin?.on('error', () => {}); // the lifeline breaks when the child ends first
  (child.stdio[3] as Writable | null)?.on('error', () => {});
  return child;
}

/** How the child ended, in words, once it has; a program that can't be started counts as ended. */
async function exitOf(child: ChildProcess, output: OutputTail): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', (error) => resolve(`${messageOf(error)}.`));
  child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}.` : `killed by ${signal}.`));
  const how = await promise;
  // Not the child's `close`: whatever it left behind may hold its pipes open for ever.
  await withDeadline(nodeHost, output.ended, OUTPUT_MS, () => new Error('the output goes on')).catch(() => {}); // what there is will do
  return how + output.text();
}

/** TERM to the whole group, KILL after a grace; whatever the leader left behind goes with it. */
async function endGroup(child: ChildProcess, exited: Promise<string>): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    signalGroup(pid, 'SIGTERM');
    child.stdin?.end();
    await withDeadline(nodeHost, onceExited(child), TERM_MS, () => new Error('still running')).catch(() => {}); // killed next, either way
  }
  signalGroup(pid, 'SIGKILL');
  for (const stream of child.stdio) stream?.destroy();
  await exited;
}

async function onceExited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
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
