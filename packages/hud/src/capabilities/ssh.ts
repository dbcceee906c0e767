/** A live client for `ssh/2`: commands and files of an environment's machine, over exec channels alone. */
import type { Readable, Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import type { Capability } from '../protocol/capability.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import type { CapabilityClient } from './open.ts';
import { runCommand, terminate, type CommandRequest, type Finished } from './ssh-command.ts';
import { SshConnection } from './ssh-connection.ts';
import { fileCommands, shellQuote, type FileCommands, type Shell } from './ssh-files.ts';
import { sendSignal, sendSize } from './ssh-internals.ts';
import { boundCaptures, boundOutput } from './ssh-output.ts';
import { targetOf } from './ssh-target.ts';

export { boundOutput, shellQuote };

export interface ExecOptions {
  /** Ends the remote command, then its reason is thrown. */
  signal?: AbortSignal;
  /** Covers reconnecting, opening the channel and running; then the command is ended and `isTimedOut` is true. @default none */
  timeoutMs?: number;
  /** @default nothing: the command sees the end of its input at once, except on a pty */
  stdin?: string | Uint8Array;
  /** Most bytes of stdout and stderr together that are kept; the middle is cut. @default 10 MiB */
  maxOutputBytes?: number;
  /** @default the session's */
  cwd?: string;
  /** On top of the session's. */
  env?: Record<string, string>;
  pty?: { term?: string; cols: number; rows: number };
}

export interface ExecResult {
  /** Invalid UTF-8 is replaced by U+FFFD. */
  stdout: string;
  stderr: string;
  /** 128 + its number when a signal ended the command; 124 when its time was over and it said nothing. */
  exitCode: number;
  /** Name without SIG, when a signal ended it and the server said so. */
  signal?: string;
  isTruncated: boolean;
  isTimedOut: boolean;
}

/** A running command. Its output must be read, or it waits. */
export interface SshProcess {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** @throws HudError CONNECTION_LOST when the server did not say how it ended */
  exited: Promise<{ code: number; signal?: string }>;
  /** @param name `TERM`, `INT` */
  signal(name: string): void;
  resize(size: { cols: number; rows: number }): void;
  /** Ends it when it still runs. May be called twice. */
  close(): Promise<void>;
}

export type StreamOptions = Omit<ExecOptions, 'stdin' | 'maxOutputBytes' | 'timeoutMs'>;
export interface FileOptions {
  signal?: AbortSignal;
}
export interface ReadOptions extends FileOptions {
  /** A larger file is an error. @default 64 MiB */
  maxBytes?: number;
}

const MAX_OUTPUT_BYTES = 10 * 2 ** 20;
const MAX_FILE_BYTES = 64 * 2 ** 20;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws HudError CAPABILITY_FAILED when the server can't be reached, refuses the login or shows another host key */
export async function openSsh(capability: Capability): Promise<SshClient> {
  const connection = new SshConnection(targetOf(capability));
  try {
    await connection.connect();
  } catch (cause) {
    if (!isHudError(cause) || cause.code !== 'CONNECTION_LOST') throw cause;
    throw new HudError('CAPABILITY_FAILED', cause.message, { cause });
  }
  return new SshClient(capability, connection);
}

export class SshClient implements CapabilityClient {
  readonly capability: Capability;
  /** As the manifest declares it. */
  readonly shell: Shell;
  /** Folder that sessions start in, as the manifest declares it. */
  readonly cwd: string | undefined;
  readonly #connection: SshConnection;
  readonly #commands: FileCommands;

  /** @internal */
  constructor(capability: Capability, connection: SshConnection) {
    const { shell, cwd } = capability.params;
    this.capability = capability;
    this.shell = shell === 'cmd' || shell === 'powershell' ? shell : 'bash';
    this.cwd = typeof cwd === 'string' ? cwd : undefined;
    this.#connection = connection;
    this.#commands = fileCommands(this.shell);
  }

  /**
   * Runs a command to its end; a non-zero exit is a result.
   * @throws HudError CONNECTION_LOST when the link was lost (the command is never run again); the signal's reason
   */
  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const { maxOutputBytes: limitBytes = MAX_OUTPUT_BYTES, stdin, pty, signal, timeoutMs } = options;
    const finished = await this.#run({ command: this.#inside(command, options), stdin, pty, signal, timeoutMs, limitBytes });
    const { exitCode, isTimedOut } = finished;
    const ended = finished.signal === undefined ? {} : { signal: finished.signal };
    return { ...boundCaptures(finished.stdout, finished.stderr, limitBytes), exitCode, ...ended, isTimedOut };
  }

  /**
   * Starts a command whose bytes the caller moves. The signal ends it.
   * @throws HudError CONNECTION_LOST; the signal's reason
   */
  async stream(command: string, options: StreamOptions = {}): Promise<SshProcess> {
    const { pty, signal } = options;
    const { channel, exited } = await this.#connection.exec({ command: this.#inside(command, options), pty, signal });
    const over = settled(exited);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= endStream(channel, over));
    const onAbort = (): void => void close();
    signal?.addEventListener('abort', onAbort, { once: true });
    void over.then(() => signal?.removeEventListener('abort', onAbort));
    return {
      stdin: channel,
      stdout: channel,
      stderr: channel.stderr,
      exited,
      signal: (name) => sendSignal(channel, name),
      resize: (size) => sendSize(channel, size),
      close,
    };
  }

  /** @throws HudError RPC_ERROR with what the server said; CONNECTION_LOST */
  async readBytes(path: string, { maxBytes = MAX_FILE_BYTES, signal }: ReadOptions = {}): Promise<Uint8Array> {
    const limitBytes = this.shell === 'bash' ? maxBytes : Math.ceil(maxBytes / 3) * 4 + 2;
    const finished = await this.#run({ command: this.#commands.read(path), signal, limitBytes, stopsAtLimit: true });
    if (finished.stdout.totalBytes > limitBytes) {
      throw new HudError('RPC_ERROR', `${path} has more than ${maxBytes} bytes.`, {
        hint: 'Pass a larger maxBytes, or read a part of it with exec.',
      });
    }
    return this.#commands.decode(this.#succeeded(finished));
  }

  /** As text; invalid UTF-8 is replaced by U+FFFD. */
  async read(path: string, options: ReadOptions = {}): Promise<string> {
    return Buffer.from(await this.readBytes(path, options)).toString();
  }

  /** Folders on the way must exist. */
  async write(path: string, content: string | Uint8Array, { signal }: FileOptions = {}): Promise<void> {
    for (const step of this.#commands.write(path, Buffer.from(content as string))) {
      this.#succeeded(await this.#run({ ...step, signal, limitBytes: MAX_OUTPUT_BYTES }));
    }
  }

  /** Names of a folder's entries, hidden ones too, sorted. */
  async list(path: string, { signal }: FileOptions = {}): Promise<string[]> {
    const output = this.#succeeded(await this.#run({ command: this.#commands.list(path), signal, limitBytes: MAX_FILE_BYTES }));
    const names = output.toString().split(/\r?\n/);
    return names.filter((name) => name !== '').toSorted((a, b) => (a < b ? -1 : 1));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #run(request: CommandRequest): Promise<Finished> {
    return await runCommand(this.#connection, request);
  }

  #inside(command: string, { cwd, env }: { cwd?: string; env?: Record<string, string> }): string {
    for (const name of Object.keys(env ?? {})) {
      if (!VARIABLE.test(name)) throw new HudError('BAD_ARGUMENT', `'${name}' is no name of an environment variable.`);
    }
    return cwd === undefined && env === undefined ? command : this.#commands.inside(command, { cwd, env });
  }

  #succeeded({ stdout, stderr, exitCode }: Finished): Buffer {
    if (exitCode === 0) return stdout.all();
    throw new HudError('RPC_ERROR', stderr.all().toString().trim() || `exit ${exitCode}`, { data: { exitCode } });
  }
}

/** A failure is told to whoever waits for the work itself. */
async function settled(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

async function endStream(channel: ClientChannel, over: Promise<void>): Promise<void> {
  await terminate(channel, over);
  channel.resume().stderr.resume(); // the channel ends only when its output was taken
  channel.close();
}
