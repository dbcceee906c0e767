/** One session channel: at most one command or shell in the sandbox, its input, output, signals and end. */
import { constants } from 'node:os';
import type { PseudoTtyInfo, ServerChannel, Session } from 'ssh2';
import { messageOf } from '../../protocol/errors.ts';
import type { ExitStatus, Sandbox, SandboxProcess, SpawnRequest } from './sandbox.ts';
import { exitStatus, keepAcceptingAfterEof } from './ssh-internals.ts';
import { relayOutput } from './ssh-relay.ts';

export interface ServedSession {
  /** Nobody listens any more: ends the command. */
  drop(): void;
  /** Settles when nothing of it runs. Never rejects. */
  readonly ended: Promise<void>;
}

type Pty = NonNullable<SpawnRequest['pty']>;

const SPAWN_FAILED = 127;
const DEFAULT_SIZE = { cols: 80, rows: 24 };
const MAX_SIZE = 65_535;
const TERM = /^[\w.+-]{1,64}$/;

export function serveSession(session: Session, sandbox: () => Promise<Sandbox>): ServedSession {
  const dropped = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let pty: Pty | undefined;
  let isStarted = false;
  let isInputOver = false;
  let process: SandboxProcess | undefined;

  const start = (accept: () => ServerChannel | undefined, command: string | undefined): void => {
    if (isStarted) return;
    isStarted = true;
    const channel = accept();
    if (channel === undefined) return end();
    if (isInputOver) channel.push(null); // ssh2 forgets an end of input that comes before the command
    const request = { command, ...(pty === undefined ? {} : { pty }) };
    const started = (spawned: SandboxProcess): void => void (process = spawned);
    void runOnChannel({ channel, request, sandbox, signal: dropped.signal, started }).finally(end);
  };
  const drop = (): void => {
    dropped.abort();
    if (!isStarted) end();
  };
  keepAcceptingAfterEof(session);
  session.on('end', () => (isInputOver = true));
  session.on('env', (accept: (() => void) | undefined) => accept?.()); // and ignored
  session.on('pty', (accept: (() => void) | undefined, _reject, info) => {
    if (!isStarted) pty = ptyOf(info);
    accept?.();
  });
  session.on('window-change', (accept: (() => void) | undefined, _reject, info) => {
    const size = sizeOf(info);
    if (pty !== undefined) {
      pty = { ...pty, ...size };
      process?.resize(size);
    }
    accept?.();
  });
  session.on('signal', (accept: (() => void) | undefined, _reject, { name }) => {
    if (process !== undefined) signalProcess(process, name);
    else if (isStarted) dropped.abort(); // it is still being started
    accept?.();
  });
  session.on('exec', (accept, _reject, { command }) => start(accept, command));
  session.on('shell', (accept) => start(accept, undefined));
  session.on('close', drop);
  return { drop, ended };
}

function signalProcess(process: SandboxProcess, name: string): void {
  const signal = `SIG${name.replace(/^SIG/, '')}`;
  if (signal === 'SIGTERM') void process.terminate();
  else if (Object.hasOwn(constants.signals, signal)) process.signal(signal as NodeJS.Signals);
}

function ptyOf(info: PseudoTtyInfo): Pty {
  const { term } = info as { term?: unknown };
  return { term: typeof term === 'string' && TERM.test(term) ? term : 'xterm', ...sizeOf(info) };
}

function sizeOf({ cols, rows }: { cols: number; rows: number }): { cols: number; rows: number } {
  return { cols: Math.min(cols || DEFAULT_SIZE.cols, MAX_SIZE), rows: Math.min(rows || DEFAULT_SIZE.rows, MAX_SIZE) };
}

interface ChannelRun {
  channel: ServerChannel;
  request: SpawnRequest;
  sandbox: () => Promise<Sandbox>;
  signal: AbortSignal;
  started(process: SandboxProcess): void;
}

/** Never rejects. A channel always gets an exit status before it is closed: without one a client takes its connection for broken. */
async function runOnChannel(run: ChannelRun): Promise<void> {
  const { channel, signal } = run;
  channel.on('error', () => {}); // written to after the peer had closed it; the relay has stopped by then
  channel.stderr.on('error', () => {});
  let status: ExitStatus;
  try {
    const process = await spawned(run);
    status = process === undefined ? { signal: 'SIGTERM' } : await attend(process, channel, signal);
  } catch (error) {
    const { message, code } = error instanceof NotStarted ? error : { message: `workspace: ${messageOf(error)}`, code: 1 };
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      channel.stderr.write(`${message}\n`, () => resolve());
    });
    status = { code };
  }
  channel.resume(); // what the command did not read
  if (signal.aborted) return void channel.end();
  exitStatus(channel, status);
  channel.end();
}

class NotStarted extends Error {
  readonly code: number;
  constructor(what: string, code: number, cause: unknown) {
    super(`workspace: cannot ${what} shell: ${messageOf(cause)}`, { cause });
    this.code = code;
  }
}

/** Undefined when it was ended before it began. */
async function spawned({ request, sandbox, signal, started }: ChannelRun): Promise<SandboxProcess | undefined> {
  const place = await sandbox().catch((cause: unknown) => {
    throw new NotStarted('prepare', 1, cause);
  });
  if (signal.aborted) return undefined;
  const process = await place.spawn(request).catch((cause: unknown) => {
    throw new NotStarted('spawn', SPAWN_FAILED, cause);
  });
  started(process);
  return process;
}

/** Moves bytes until the command has ended and its output was sent, or until nobody listens. */
async function attend(process: SandboxProcess, channel: ServerChannel, signal: AbortSignal): Promise<ExitStatus> {
  const onAbort = (): void => void process.terminate();
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  process.stdin.on('error', () => channel.unpipe(process.stdin).resume()); // it reads no more; the peer must not wait for it
  channel.pipe(process.stdin);
  try {
    await relayOutput({ process, channel, signal });
    return await process.exited;
  } finally {
    signal.removeEventListener('abort', onAbort);
    channel.unpipe(process.stdin);
    process.release();
  }
}
