/** One program that an environment runs beside itself: started, waited for, watched, ended with all that it started. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { LEASE_VARIABLE } from '../host/destroy.ts';
import { sleep, withDeadline } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, messageOf } from '../protocol/errors.ts';

export interface DaemonOptions {
  /** For messages: `Chromium`. */
  what: string;
  command: string;
  args: readonly string[];
  /** Added to a clean environment: of this process's own only {@link INHERITED} are handed on, so that no key leaks. */
  env?: Record<string, string>;
  /** @default this process's */
  cwd?: string;
  /** Runs it as this user and group; needs root. @default this process's */
  uid?: number;
  gid?: number;
  /** Settles once the program serves; asked again after each rejection, until `startupMs` are over. */
  ready: (signal: AbortSignal) => Promise<void>;
  /** Longest wait until it is ready, in milliseconds. @default 20_000 */
  startupMs?: number;
  /** Told how it ended when it was ready and nobody had stopped it. Must not throw. */
  onExit?: (how: string) => void;
}

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  /** How it ended, in words with its last output, once it has. */
  readonly exited: Promise<string>;
  /** TERM to the whole process group, KILL to what is left after 2 s. May be called twice. */
  stop(): Promise<void>;
}

/** What a daemon gets of this process's environment. */
export const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', LEASE_VARIABLE] as const;

const STARTUP_MS = 20_000;
const POLL_MS = 15;
const TERM_MS = 2_000;
const KILL_MS = 2_000;
const OUTPUT_MS = 200;
const TAIL_CHARS = 4_000;

/**
 * Ends the group when descriptor 3 does, i.e. when the environment's process is gone in whatever way: TERM, then KILL.
 * The program itself takes the shell's place, so its pid and exit status are the daemon's.
 */
const WATCHED = `
(trap '' TERM INT HUP; cat <&3 >/dev/null 2>&1; kill -TERM -$$; sleep 2; kill -KILL -$$) >/dev/null 2>&1 &
exec "$@" 3<&-`;

/** @throws HudError CAPABILITY_FAILED, with its last output, when the program ends or is not ready in time; nothing is left of it then */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const child = start(options);
  const tail = outputTail(child);
  const state = { isReady: false, isStopping: false };
  const exited = exitOf(child, options.command, tail).then((how) => {
    if (state.isReady && !state.isStopping) options.onExit?.(how);
    return how;
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    state.isStopping = true;
    return (stopping ??= end(child, exited));
  };
  try {
    await becomeReady(exited, tail, options);
  } catch (cause) {
    await stop();
    throw new HudError('CAPABILITY_FAILED', `${options.what} did not start: ${messageOf(cause)}`, { cause });
  }
  state.isReady = true;
  return { pid: child.pid ?? 0, exited, stop, [Symbol.asyncDispose]: stop };
}

function start({ command, args, env, cwd, uid, gid }: DaemonOptions): ChildProcess {
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  const child = spawn('/bin/sh', ['-c', WATCHED, 'sh', command, ...args], {
    env: { ...inherited, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  (child.stdio[3] as Writable | null)?.on('error', () => {}); // the watcher ends with the group
  return child;
}

/** Whichever is first: ready, ended, or too late. */
async function becomeReady(exited: Promise<string>, tail: Tail, { ready, startupMs = STARTUP_MS }: DaemonOptions): Promise<void> {
  const over = new AbortController();
  let lastReason: unknown;
  const poll = async (): Promise<void> => {
    for (let waitMs = POLL_MS; ; waitMs = Math.min(waitMs * 1.5, 100)) {
      try {
        return await ready(over.signal);
      } catch (reason) {
        over.signal.throwIfAborted();
        lastReason = reason;
      }
      await sleep(nodeHost, waitMs, over.signal);
    }
  };
  const ended = exited.then((how) => {
    throw new Error(how);
  });
  try {
    const why = (): string => (lastReason === undefined ? '' : ` (${messageOf(lastReason)})`);
    const late = (): Error => new Error(`it was not ready within ${startupMs / 1000} s${why()}.${tail.text()}`);
    await withDeadline(nodeHost, Promise.race([poll(), ended]), startupMs, late);
  } finally {
    over.abort(new Error('the wait is over'));
  }
}

async function end(child: ChildProcess, exited: Promise<string>): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const gone = (ms: number): Promise<unknown> => withDeadline(nodeHost, exited, ms, () => new Error('still running'));
  if (child.exitCode === null && child.signalCode === null) {
    signalGroup(pid, 'SIGTERM');
    signalGroup(pid, 'SIGCONT'); // a stopped process takes no TERM
    await gone(TERM_MS).catch(() => {}); // killed next, either way
  }
  signalGroup(pid, 'SIGKILL'); // whatever the leader left behind, and the watcher
  for (const stream of child.stdio) stream?.destroy();
  await gone(KILL_MS);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: nobody is left; EPERM is what macOS says of a group of zombies.
    if (!['ESRCH', 'EPERM'].includes(String((error as { code?: unknown }).code))) throw error;
  }
}

interface Tail {
  /** Settles when both outputs have ended. */
  ended: Promise<unknown>;
  /** `''`, or the last output after a heading. */
  text(): string;
}

/** Both outputs are read for as long as the program lives, so that it never blocks on a full pipe. */
function outputTail(child: ChildProcess): Tail {
  let tail = '';
  const read = (stream: Readable | null): Promise<void> =>
    new Promise((resolve) => {
      if (stream === null) return resolve();
      stream.setEncoding('utf8').on('data', (chunk: string) => (tail = (tail + chunk).slice(-TAIL_CHARS)));
      stream.once('close', resolve).once('error', () => resolve());
    });
  const ended = Promise.all([read(child.stdout), read(child.stderr)]);
  return { ended, text: () => (tail.trim() === '' ? '' : ` Its last output:\n${tail.trim()}`) };
}

async function exitOf(child: ChildProcess, command: string, tail: Tail): Promise<string> {
  const how = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${messageOf(error)}.`));
    child.once('exit', (code, signal) => {
      if (code === 127) resolve(`there is no program '${command}'.`);
      else resolve(signal === null ? `it ended with exit code ${code}.` : `it was killed by ${signal}.`);
    });
  });
  // Not `close`: what the program left behind may hold its pipes open for ever.
  await withDeadline(nodeHost, tail.ended, OUTPUT_MS, () => new Error('the output goes on')).catch(() => {}); // what there is will do
  return how + tail.text();
}
