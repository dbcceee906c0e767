/** RFB servers for tests: one that follows a script, and the real ones. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Capability } from '../protocol/capability.ts';
import { ByteReader } from './rfb-reader.ts';

export const missing = (...programs: string[]): string | false => {
  const absent = programs.filter((name) => {
    try {
      execFileSync('which', [name]);
      return false;
    } catch {
      return true;
    }
  });
  return absent.length > 0 && `not installed: ${absent.join(', ')}`;
};

export function screenAt(port: number, params: Record<string, unknown> = {}): Capability {
  return { name: 'screen', protocol: 'rfb/3.8', url: `rfb://127.0.0.1:${port}`, params };
}

export interface Peer {
  read(size: number): Promise<Buffer>;
  write(bytes: Uint8Array | string): void;
  socket: Socket;
}

export interface ScriptedServer extends AsyncDisposable {
  port: number;
  /** What the script threw, other than that the client left. */
  failures: unknown[];
}

/** Runs the script for each connection; the connection ends with it. */
export async function scripted(script: (peer: Peer, connection: number) => Promise<void>): Promise<ScriptedServer> {
  const failures: unknown[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const reader = new ByteReader();
    socket.on('data', (chunk: Buffer) => void reader.push(chunk));
    const left = new Error('the client left');
    socket.on('error', () => reader.fail(left)).on('close', () => reader.fail(left));
    const peer: Peer = { socket, read: async (size) => await reader.take(size), write: (bytes) => void socket.write(bytes) };
    script(peer, ++connections)
      .catch((error: unknown) => error !== left && failures.push(error))
      .finally(() => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    failures,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Everything up to the client's encodings, without a password. @param order of the bytes of a pixel, `x` for the unused one */
export async function greet(
  peer: Peer,
  { width, height, order = 'bgrx' }: { width: number; height: number; order?: string },
): Promise<void> {
  peer.write('RFB 003.008\n');
  await peer.read(12);
  peer.write(Buffer.from([1, 1]));
  await peer.read(1);
  peer.write(Buffer.alloc(4));
  await peer.read(1);
  peer.write(serverInit({ width, height, order }));
  await readEncodings(peer);
}

export function serverInit({ width, height, order = 'bgrx' }: { width: number; height: number; order?: string }): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt16BE(width, 0);
  head.writeUInt16BE(height, 2);
  const isBigEndian = order.startsWith('x');
  head.set([32, 24, isBigEndian ? 1 : 0, 1, 0, 255, 0, 255, 0, 255], 4);
  for (const [i, letter] of ['r', 'g', 'b'].entries()) head[14 + i] = 8 * (isBigEndian ? 3 - order.indexOf(letter) : order.indexOf(letter));
  head.writeUInt32BE(4, 20);
  return Buffer.concat([head, Buffer.from('test')]);
}

export async function readEncodings(peer: Peer): Promise<number[]> {
  const head = await peer.read(4);
  if (head[0] !== 2) throw new Error(`SetEncodings expected, got ${head.toString('hex')}`);
  const list = await peer.read(head.readUInt16BE(2) * 4);
  return Array.from({ length: list.length / 4 }, (_, i) => list.readInt32BE(i * 4));
}

/** The header of a rectangle, after its bytes. */
export function rectangle(x: number, y: number, width: number, height: number, encoding: number, ...data: Uint8Array[]): Buffer {
  const head = Buffer.alloc(12);
  [x, y, width, height].forEach((value, i) => head.writeUInt16BE(value, i * 2));
  head.writeInt32BE(encoding, 8);
  return Buffer.concat([head, ...data]);
}

export function update(...rectangles: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([0, 0, rectangles.length >> 8, rectangles.length & 255]), ...rectangles]);
}

export interface RealServer extends AsyncDisposable {
  port: number;
  /** For programs that draw on it. */
  env: NodeJS.ProcessEnv;
  /** Of the process that speaks RFB. */
  pid: number;
  /** A program on its display, ended with it. */
  run(command: string, ...args: string[]): ChildProcess;
}

let nextDisplay = 1_000 + (process.pid % 20_000);

export async function startXtigervnc(options: { size?: string; args?: string[] } = {}): Promise<RealServer> {
  const display = `:${nextDisplay++}`;
  const port = await freePort();
  const args = [display, '-geometry', options.size ?? '640x480', '-depth', '24', '-localhost', '-rfbport', `${port}`];
  const server = spawn('Xtigervnc', [...args, '-nolisten', 'tcp', '-noreset', ...(options.args ?? ['-SecurityTypes', 'None'])], {
    stdio: 'ignore',
  });
  await answering(port);
  return running(server, { display, port });
}

export async function startX11vnc(options: { size?: string; args?: string[] } = {}): Promise<RealServer> {
  const display = `:${nextDisplay++}`;
  const port = await freePort();
  const x = spawn('Xvfb', [display, '-screen', '0', `${options.size ?? '640x480'}x24`, '-nolisten', 'tcp', '-noreset'], {
    stdio: 'ignore',
  });
  const args = ['-display', display, '-rfbport', `${port}`, '-localhost', '-forever', '-shared', '-quiet', '-noxdamage', '-noipv6'];
  let server = spawn('x11vnc', [...args, ...(options.args ?? ['-nopw'])], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 20; attempt++) {
    // It ends when the X server is not up yet.
    if (await Promise.race([answering(port).then(() => true), once(server, 'exit').then(() => false)])) break;
    server = spawn('x11vnc', [...args, ...(options.args ?? ['-nopw'])], { stdio: 'ignore' });
  }
  return running(server, { display, port }, [x]);
}

function running(server: ChildProcess, { display, port }: { display: string; port: number }, others: ChildProcess[] = []): RealServer {
  const env = { ...process.env, DISPLAY: display };
  const children = [...others, server];
  return {
    port,
    env,
    pid: server.pid!,
    run(command, ...args) {
      const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
      children.push(child);
      return child;
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children.toReversed()) await end(child);
    },
  };
}

/** Asked first, so that an X server takes its lock file with it. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const isGone = await Promise.race([gone.then(() => true), setTimeout(2_000, false)]);
  if (!isGone) child.kill('SIGKILL');
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answering(port: number): Promise<void> {
  const limit = AbortSignal.timeout(15_000);
  for (;;) {
    const socket = createConnection({ host: '127.0.0.1', port });
    try {
      await once(socket, 'data', { signal: limit });
      return;
    } catch (error) {
      if (limit.aborted) throw error;
      await setTimeout(25);
    } finally {
      socket.on('error', () => {}).destroy();
    }
  }
}
