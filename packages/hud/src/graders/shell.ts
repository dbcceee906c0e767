/** Runs one shell command to its end, and ends its process group with it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { nodeHost } from '../host/node.ts';
import { ClippedOutput } from './clipped-output.ts';

export interface ShellCommand {
  command: string;
  cwd?: string | undefined;
  timeoutMs: number;
  /** Kept of each of the two outputs, in bytes. */
  maxOutputBytes: number;
  signal?: AbortSignal | undefined;
}

export interface ShellEnd {
  /** Minus the signal's number when a signal ended it; null when the time was up. */
  exitCode: number | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

type Stopped = 'timeout' | 'aborted';

/** How long the outputs may stay open after the command itself has ended. */
const DRAIN_MS = 1_000;

/**
 * Descriptor 3 is our end of the command's life: when it closes, because the command is over or because
 * this process is gone, the watcher kills the group. The shell that runs the command takes the place of
 * the one that started the watcher, so its pid and exit status are the child's. The outputs pass through
 * `cat`, because what Node calls a pipe is a socket, and `/dev/stderr` can't be opened on a socket.
 */
const WATCHED = `
(trap '' TERM INT HUP; read -r _ <&3; kill -KILL -$$) </dev/null >/dev/null 2>&1 &
exec > >(exec cat 3<&-) 2> >(exec cat >&2 3<&-)
exec /bin/bash -lc "$1" 3<&-`;

/**
 * Runs the command with `/bin/bash -lc` in a process group of its own and takes its whole output. The
 * group is killed when the command has ended, when its time is up and when the signal fires.
 * @throws the signal's reason; or the system's error when the shell can't be started at all
 */
export async function runShell({ command, cwd, timeoutMs, maxOutputBytes, signal }: ShellCommand): Promise<ShellEnd> {
  signal?.throwIfAborted();
  const child = spawn('/bin/bash', ['-c', WATCHED, 'bash', command], {
    cwd,
    env: withoutOurSettings(process.env),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  child.stdio[3]?.on('error', () => {}); // broken by a command that ended first, which `exit` tells
  const outputs = [collect(child.stdout as Readable, maxOutputBytes), collect(child.stderr as Readable, maxOutputBytes)] as const;
  const closed = Promise.all(outputs.map(({ ended }) => ended));
  const stopped = await leaderEnd(child, timeoutMs, signal);
  // A background process may hold the outputs; what was written gets a moment to arrive before that is ended.
  if (stopped !== undefined || !(await endsSoon(closed))) await killSession(child);
  killGroup(child);
  await endsSoon(closed);
  for (const stream of child.stdio) stream?.destroy();
  if (stopped === 'aborted') throw signal?.reason;
  const [stdout, stderr] = outputs.map(({ kept }) => kept.text()) as [string, string];
  const timedOut = stopped === 'timeout';
  return { exitCode: timedOut ? null : exitCodeOf(child), stdout, stderr, timedOut };
}

/** @returns undefined when the command ended by itself */
async function leaderEnd(child: ChildProcess, timeoutMs: number, signal: AbortSignal | undefined): Promise<Stopped | undefined> {
  const { promise, resolve } = Promise.withResolvers<Stopped>();
  const onAbort = (): void => resolve('aborted');
  signal?.addEventListener('abort', onAbort, { once: true });
  using _timer = nodeHost.setTimer(timeoutMs, () => resolve('timeout'));
  try {
    return await Promise.race([once(child, 'exit').then(() => undefined), promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function collect(stream: Readable, maxBytes: number): { kept: ClippedOutput; ended: Promise<void> } {
  const kept = new ClippedOutput(maxBytes);
  stream.on('data', (chunk: Buffer) => kept.push(chunk));
  const ended = new Promise<void>((resolve) => stream.once('close', resolve).once('error', () => resolve()));
  return { kept, ended };
}

async function endsSoon(closed: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  using _timer = nodeHost.setTimer(DRAIN_MS, () => resolve(false));
  return await Promise.race([closed.then(() => true), late]);
}

/**
 * Also what left the group, as `timeout` and job control do, but not the session. Looking through all
 * processes is dear, so a command that ended cleanly is spared it.
 */
async function killSession({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined || process.platform !== 'linux') return;
  let found = true;
  for (let round = 0; found && round < 3; round++) {
    // what forked while one round looked is found by the next
    const entries = (await readdir('/proc')).filter((entry) => /^[0-9]+$/.test(entry)).map(Number);
    const sessions = await Promise.all(entries.map(sessionOf));
    const members = entries.filter((_, index) => sessions[index] === pid);
    for (const member of members) kill(member);
    found = members.length > 0;
  }
}

/** @returns undefined for a process that is gone, or that waits to be reaped */
async function sessionOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''); // it ended meanwhile
  const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || session === undefined ? undefined : Number(session);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) kill(-pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== 'ESRCH' && code !== 'EPERM') throw error; // nobody is left, or none that we may end
  }
}

function exitCodeOf({ exitCode, signalCode }: ChildProcess): number {
  return exitCode ?? -(signalCode === null ? 1 : constants.signals[signalCode]);
}

/** A check may run code that the agent wrote, and our settings hold keys. */
function withoutOurSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('HUD_')));
}
