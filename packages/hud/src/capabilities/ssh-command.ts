/** One command on a channel of its own: fed, collected, and ended when its time is over. */
import type { ClientChannel } from 'ssh2';
import { linkSignals } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { Running, SshConnection } from './ssh-connection.ts';
import type { Exit } from './ssh-exit.ts';
import { sendSignal } from './ssh-internals.ts';
import { Capture } from './ssh-output.ts';

export interface CommandRequest {
  command: string;
  stdin?: string | Uint8Array | undefined;
  pty?: { term?: string; cols: number; rows: number } | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  /** Of each stream. */
  limitBytes: number;
  /** End it as soon as stdout passes the limit. */
  stopsAtLimit?: boolean;
}

export interface Finished {
  stdout: Capture;
  stderr: Capture;
  exitCode: number;
  signal?: string;
  isTimedOut: boolean;
}

/** As `timeout(1)` says it. */
const TIMED_OUT = 124;
/** Some servers hear no signal once their input has ended; all hear the channel close. */
const TERM_MS = 1_500;
const END_MS = 5_000;

/**
 * Runs it to its end. When the time is over, or `signal` fires, the remote command is ended first.
 * @throws HudError CONNECTION_LOST; the signal's reason
 */
export async function runCommand(connection: SshConnection, request: CommandRequest): Promise<Finished> {
  const { signal, timeoutMs, limitBytes } = request;
  const stdout = new Capture(limitBytes);
  const stderr = new Capture(limitBytes);
  const stop = new AbortController();
  const timeout = new Error('the time is over');
  using _timer = timeoutMs === undefined ? undefined : nodeHost.setTimer(timeoutMs, () => stop.abort(timeout));
  using _link = linkSignals(stop, signal === undefined ? [] : [signal]);
  try {
    const running = await connection.exec({ command: request.command, pty: request.pty, signal: stop.signal });
    const exit = await follow({ ...running, request, stdout, stderr, stop });
    if (stop.signal.aborted && stop.signal.reason !== timeout && !(request.stopsAtLimit && stdout.totalBytes > limitBytes)) {
      throw stop.signal.reason;
    }
    return {
      stdout,
      stderr,
      exitCode: exit.code,
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      isTimedOut: stop.signal.reason === timeout,
    };
  } catch (error) {
    if (error !== timeout) throw error;
    return { stdout, stderr, exitCode: TIMED_OUT, isTimedOut: true };
  }
}

interface Following extends Running {
  request: CommandRequest;
  stdout: Capture;
  stderr: Capture;
  stop: AbortController;
}

async function follow({ channel, exited, losses, request, stdout, stderr, stop }: Following): Promise<Exit> {
  channel.on('data', (chunk: Buffer) => {
    stdout.add(chunk);
    if (request.stopsAtLimit && stdout.totalBytes > request.limitBytes) stop.abort();
  });
  channel.stderr.on('data', (chunk: Buffer) => stderr.add(chunk));
  const closed = closing(channel, losses);
  if (request.stdin !== undefined) channel.end(request.stdin);
  else if (request.pty === undefined) channel.end();
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  stop.signal.addEventListener('abort', () => resolve(), { once: true });
  if (stop.signal.aborted) resolve();
  await Promise.race([closed, stopped]);
  if (!stop.signal.aborted) return await exited;
  let exit: Exit = { code: TIMED_OUT };
  const told = exited.then(
    (said) => void (exit = said),
    () => {}, // it was cut off, which the caller wanted
  );
  await terminate(
    channel,
    closed.then(async () => await told),
  );
  return exit;
}

/** Settles when the channel is closed and all its output was seen, or when the transport is gone. */
function closing(channel: ClientChannel, losses: Running['losses']): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const done = (): void => {
      losses.delete(done);
      resolve();
    };
    const one = (): void => {
      open -= 1;
      if (open === 0) done();
    };
    losses.add(done);
    channel.once('close', one);
    channel.stderr.once('end', one);
  });
}

/** TERM, a moment to close; then the channel is closed from here, and five seconds more. */
export async function terminate(channel: ClientChannel, closed: Promise<void>): Promise<void> {
  sendSignal(channel, 'TERM');
  if (await settlesWithin(closed, TERM_MS)) return;
  channel.close();
  await settlesWithin(closed, END_MS); // a server that keeps silent is left to the keepalive
}

async function settlesWithin(work: Promise<void>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using _timer = nodeHost.setTimer(ms, () => resolve(false));
  void work.then(() => resolve(true));
  return await promise;
}
