/**
 * Sockets of a sandbox's network namespace, in the hands of this process. A socket belongs to the namespace it was
 * made in, whoever holds it: a small program that joins the namespace opens the listeners and passes them out, and
 * no byte goes through it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { withDeadline } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';

export interface BridgeOptions {
  /** A process inside, seen from this machine. */
  sandboxPid: number;
  /** What to listen on inside. */
  listen: readonly { address: string; port: number }[];
  /** Is {@link Bridge.dial} used? Otherwise the program ends as soon as it has passed the listeners out. */
  dials: boolean;
  /** Whose process the program becomes once it listens; acts only where this process is root. */
  identity?: { uid: number; gid: number } | undefined;
}

export interface Bridge extends AsyncDisposable {
  /** In the order asked for. Whoever adds a `connection` handler gets what connects inside. */
  readonly servers: readonly Server[];
  /** Connects to 127.0.0.1 inside. Rejects when nothing listens there, or when the program is gone. */
  dial(port: number): Promise<Socket>;
  /** Closes the listeners and ends the program; connections live on. May be called twice. */
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
const DIAL_TIMEOUT_MS = 15_000;
const MAX_STDERR_CHARS = 2_000;

/** What the program says, each with the socket it is about. */
type Message = { kind: 'listening' } | { kind: 'ready' } | { kind: 'dialled'; id: number } | { kind: 'refused'; id: number; why: string };

/** @throws HudError CAPABILITY_FAILED when the namespace can't be joined, or an address in it is taken */
export async function openBridge(options: BridgeOptions): Promise<Bridge> {
  const ways = waysIn(options.sandboxPid);
  for (const [index, namespaces] of ways.entries()) {
    try {
      return await open(namespaces, options);
    } catch (error) {
      // Only a door that was shut is a reason to try the next; what failed behind it fails there too.
      const isShut = messageOf(error).includes('nsenter: ');
      if (!isShut || index === ways.length - 1) throw error;
    }
  }
  throw failed('it has no network of its own');
}

/**
 * Arguments of nsenter, most likely first. Root owns every namespace. Anybody else must become a member of the user
 * namespace that owns the network: the outermost that the sandbox is in and this process is not.
 */
function waysIn(pid: number): string[][] {
  const net = `--net=/proc/${pid}/ns/net`;
  if (process.getuid?.() === 0) return [[net]];
  const seen = new Set([readlinkSync('/proc/self/ns/user')]);
  const ways: string[][] = [];
  for (let at = pid; at > 1; at = parentOf(at)) {
    try {
      const namespace = readlinkSync(`/proc/${at}/ns/user`);
      if (!seen.has(namespace)) ways.push(['--preserve-credentials', `--user=/proc/${at}/ns/user`, net]);
      seen.add(namespace);
    } catch {
      break; // a process of somebody else: neither it nor its parents are the sandbox's
    }
  }
  return ways.length > 0 ? ways.toReversed() : [[net]]; // the user namespace is this process's own
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]); // the name before it may contain anything
}

async function open(namespaces: readonly string[], options: BridgeOptions): Promise<Bridge> {
  const { HUD_LEASE } = process.env;
  const plan = JSON.stringify({ listen: options.listen, dials: options.dials, identity: options.identity });
  const child = spawn('nsenter', [...namespaces, process.execPath, '-e', `(${program.toString()})()`, plan], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    cwd: '/',
    env: { PATH: process.env['PATH'], ...(HUD_LEASE !== undefined && { HUD_LEASE }) },
  });
  const servers: Server[] = [];
  try {
    await withDeadline(nodeHost, collect(child, servers), START_TIMEOUT_MS, () => failed('it took longer than 10 s'));
    return bridgeOf(child, servers);
  } catch (error) {
    child.kill('SIGKILL');
    for (const server of servers) server.close();
    throw error;
  }
}

/** Settles once every listener has arrived. */
function collect(child: ChildProcess, servers: Server[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-MAX_STDERR_CHARS)));
    child.once('error', (cause) => reject(failed(`nsenter did not start: ${cause.message}`)));
    child.once('close', (code) => reject(failed(stderr.trim() || `it ended with ${code}`)));
    child.on('message', (message: Message, handle) => {
      if (message.kind === 'listening') servers.push(handle as Server);
      if (message.kind === 'ready') resolve();
    });
  });
}

function bridgeOf(child: ChildProcess, servers: readonly Server[]): Bridge {
  const dials = new Map<number, { resolve(socket: Socket): void; reject(error: Error): void }>();
  let lastId = 0;
  child.on('message', (message: Message, handle) => {
    if (message.kind === 'dialled') dials.get(message.id)?.resolve(handle as Socket);
    if (message.kind === 'refused') dials.get(message.id)?.reject(failed(message.why));
  });
  child.once('exit', () => {
    for (const { reject } of dials.values()) reject(failed('its program has ended'));
  });
  const dial = async (port: number): Promise<Socket> => {
    const id = (lastId += 1);
    const arrived = new Promise<Socket>((resolve, reject) => {
      dials.set(id, { resolve, reject });
      if (!child.connected) reject(failed('its program has ended'));
      else child.send({ id, port }, (error) => error && reject(error));
    });
    // One that comes too late is nobody's.
    const late = (): Error => {
      void arrived.then((socket) => socket.destroy()).catch(() => {});
      return failed(`nothing answered on port ${port}`);
    };
    try {
      return await withDeadline(nodeHost, arrived, DIAL_TIMEOUT_MS, late);
    } finally {
      dials.delete(id);
    }
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= shut(child, servers));
  return { servers, dial, close, [Symbol.asyncDispose]: close };
}

async function shut(child: ChildProcess, servers: readonly Server[]): Promise<void> {
  for (const server of servers) server.close();
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

function failed(why: string): HudError {
  return new HudError('CAPABILITY_FAILED', `The sandbox's network can't be reached from outside: ${why}.`, {
    hint: 'It needs nsenter (util-linux) and a sandbox that this user started; ports below 1024 inside need a server that is root.',
  });
}

/**
 * Runs in the namespace, as text: it may use nothing from outside itself. Ends with the process that started it,
 * whose end closes the channel between them.
 */
function program(): void {
  const { createServer, connect } = process.getBuiltinModule('node:net');
  const plan = JSON.parse(process.argv[1] ?? '{}') as {
    listen: { address: string; port: number }[];
    dials: boolean;
    identity?: { uid: number; gid: number };
  };
  const tell = (message: object, socket?: Server | Socket): Promise<void> =>
    new Promise((resolve) => process.send?.(message, socket, undefined, () => resolve()));

  const offer = async (host: string, port: number): Promise<void> => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host, port, backlog: 511 }, resolve));
    await tell({ kind: 'listening' }, server);
    server.close(); // this process's hold on it; the other one accepts
  };

  const dropPrivileges = (): void => {
    if (plan.identity === undefined || process.getuid?.() !== 0) return;
    process.setgroups?.([]);
    process.setgid?.(plan.identity.gid);
    process.setuid?.(plan.identity.uid);
  };

  const dial = ({ id, port }: { id: number; port: number }): void => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.pause(); // what the server says first is read by the other process
    socket.once('error', (error) => void tell({ kind: 'refused', id, why: error.message }));
    socket.once('connect', () => void tell({ kind: 'dialled', id }, socket));
  };

  const main = async (): Promise<void> => {
    for (const { address, port } of plan.listen) await offer(address, port);
    dropPrivileges();
    if (plan.dials) process.on('message', (message) => dial(message as { id: number; port: number }));
    await tell({ kind: 'ready' });
    if (!plan.dials) process.disconnect?.();
  };
  process.once('disconnect', () => process.exit());
  main().catch((error: Error) => {
    process.stderr.write(error.message);
    process.exit(1);
  });
}
