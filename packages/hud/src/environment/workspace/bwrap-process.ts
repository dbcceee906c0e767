/** One command of an isolated sandbox: its pipes are named pipes of the control folder. */
import { closeSync, constants, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { HudError, messageOf } from '../../protocol/errors.ts';
import type { FifoPool } from './fifo-pool.ts';
import type { ExitStatus, SandboxProcess, SpawnRequest } from './sandbox.ts';
import { requestFiles, resizeScript, type RequestContext } from './spawner.ts';
import type { Job, SpawnerLink } from './spawner-link.ts';

export interface CommandPlace {
  /** The control folder, on this machine. */
  folder: string;
  pool: FifoPool;
  link: SpawnerLink;
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants;
const KILL_AFTER_MS = 1_000;
/** How long a program waits at most that opens the ended standard input by name. */
const LONGEST_KNOCK_MS = 250;

/** @throws HudError CAPABILITY_FAILED when it could not be started */
export async function startCommand(request: SpawnRequest, context: RequestContext, place: CommandPlace): Promise<SandboxProcess> {
  try {
    return await start(await place.pool.take(), request, context, place);
  } catch (error) {
    if (error instanceof HudError) throw error;
    throw new HudError('CAPABILITY_FAILED', `The sandbox could not start the command: ${messageOf(error)}.`, { cause: error });
  }
}

async function start(name: string, request: SpawnRequest, context: RequestContext, place: CommandPlace): Promise<SandboxProcess> {
  const path = join(place.folder, name);
  const files = requestFiles(name, request, context);
  const written = Object.keys(files).map((ending) => path + ending);
  const open: number[] = [];
  try {
    for (const [ending, text] of Object.entries(files)) writeFileSync(path + ending, text, { mode: 0o644 });
    // Opened before the command does: then neither its opening nor ours waits for the other.
    for (const [end, how] of [
      ['out', O_RDONLY],
      ['err', O_RDONLY],
      ['in', O_RDWR],
    ] as const) {
      open.push(openSync(`${path}.${end}`, how | O_NONBLOCK));
    }
    const job = place.link.run(name);
    const pid = await job.started;
    if (pid === undefined) throw await notStarted(job);
    const [out = -1, errors = -1, both = -1] = open;
    const stdin = openStdin(`${path}.in`, both, job);
    open.length = 0;
    // Nobody else inside may open them from now on.
    remove([path, `${path}.out`, `${path}.err`]);
    const kept = [`${path}.in`, ...written.filter((file) => file !== path)];
    void job.exited.then(() => remove(kept));
    return new Command({ job, pid, stdin, stdout: readable(out), errors: readable(errors), place, isTerminal: request.pty !== undefined });
  } catch (error) {
    for (const fd of open) closeSync(fd);
    remove([...written, ...['in', 'out', 'err'].map((end) => `${path}.${end}`)]);
    throw error;
  }
}

async function notStarted(job: Job): Promise<HudError> {
  const status = await job.exited;
  const how = 'code' in status ? `exit ${status.code}` : status.signal;
  return new HudError('CAPABILITY_FAILED', `The sandbox did not start the command: its process ended (${how}) before it could run.`, {
    hint: 'It may be out of memory or processes; see the limits of the workspace.',
  });
}

/**
 * Takes the place of the descriptor that kept the pipe open. Only a writer: what reads at the other end is then
 * missed when it closes, and sees the end when this one does.
 */
function openStdin(path: string, both: number, job: Job): Writable {
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_NONBLOCK);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENXIO') throw error;
    closeSync(both);
    return new Writable({ write: (_, __, done) => done() }); // it has closed its input already, or ended
  }
  closeSync(both);
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on('error', () => {}); // EPIPE: the command closed its input, which is its right
  socket.once('finish', () => {
    socket.destroy();
    knock(path, job);
  });
  void job.exited.then(() => socket.destroy());
  return socket;
}

/**
 * Opening a named pipe by `/dev/stdin` waits for a writer, unlike an unnamed one, although the input has ended.
 * So one comes by now and then, says nothing and leaves.
 */
function knock(path: string, job: Job, afterMs = 4): void {
  const timer = setTimeout(() => {
    if (job.isOver) return;
    try {
      closeSync(openSync(path, O_WRONLY | O_NONBLOCK));
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ENOENT') return; // the sandbox is gone
      if (code !== 'ENXIO') throw error; // ENXIO: nobody has it open
    }
    knock(path, job, Math.min(afterMs * 2, LONGEST_KNOCK_MS));
  }, afterMs);
  timer.unref();
  void job.exited.then(() => clearTimeout(timer));
}

function readable(fd: number): Socket {
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on('error', () => {}); // it closes as well, which is what readers wait for
  return socket;
}

function remove(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error; // gone with the sandbox
    }
  }
}

interface Parts {
  job: Job;
  pid: number;
  stdin: Writable;
  stdout: Socket;
  errors: Socket;
  place: CommandPlace;
  isTerminal: boolean;
}

class Command implements SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<ExitStatus>;
  #parts: Parts;
  /** Device and first process of the terminal; undefined without one. */
  #terminal: Promise<{ device: string; pid: number } | undefined>;
  /** More than one with a terminal, which starts a session of its own. */
  #groups: number[];
  #ending: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.stdin = parts.stdin;
    this.stdout = parts.stdout;
    this.stderr = parts.isTerminal ? Readable.from([]) : parts.errors;
    this.exited = parts.job.exited;
    this.#groups = [parts.pid];
    this.#terminal = parts.isTerminal ? readTerminal(parts.errors) : Promise.resolve(undefined);
    const [outputs, { link }] = [parts.isTerminal ? [parts.stdout] : [parts.stdout, parts.errors], parts.place];
    let open = outputs.length;
    for (const output of outputs) output.once('close', () => --open === 0 && link.expectEnd(parts.job));
    void this.#terminal.then((terminal) => terminal !== undefined && this.#groups.push(terminal.pid));
  }

  resize(size: { cols: number; rows: number }): void {
    void this.#resize(size);
  }

  signal(name: NodeJS.Signals): void {
    if (this.#parts.job.isOver) return;
    for (const group of this.#groups) this.#parts.place.link.kill(name, group);
  }

  terminate(): Promise<void> {
    this.#ending ??= this.#terminate();
    return this.#ending;
  }

  release(): void {
    this.#parts.stdout.destroy();
    this.#parts.errors.destroy();
  }

  /** What the command leaves in its group is given the second as well, and killed then. */
  async #terminate(): Promise<void> {
    if (this.#parts.job.isOver) return;
    this.signal('SIGTERM');
    const kill = (): void => {
      for (const group of this.#groups) this.#parts.place.link.kill('SIGKILL', group);
    };
    setTimeout(kill, KILL_AFTER_MS);
    await this.exited;
  }

  /** A failure leaves the size as it was: the terminal has ended, or the sandbox has. */
  async #resize(size: { cols: number; rows: number }): Promise<void> {
    const terminal = await this.#terminal;
    if (terminal === undefined || this.#parts.job.isOver) return;
    const { folder, link } = this.#parts.place;
    const name = `size-${++sizes}`;
    writeFileSync(join(folder, name), resizeScript(terminal.device, size), { mode: 0o644 });
    await link.run(name).exited;
    remove([join(folder, name)]);
  }
}

let sizes = 0;

/** The one line that a terminal writes before the command begins. */
function readTerminal(errors: Socket): Promise<{ device: string; pid: number } | undefined> {
  return new Promise((resolve) => {
    let text = '';
    errors.setEncoding('utf8').on('data', (piece: string) => {
      const [, device, pid] = /^(\/dev\/\S+) (\d+)\n/.exec((text += piece)) ?? [];
      if (device === undefined) return;
      resolve({ device, pid: Number(pid) });
      errors.destroy();
    });
    errors.once('close', () => resolve(undefined));
  });
}
