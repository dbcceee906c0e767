/** The real host: system clock, system randomness, TCP with Nagle off. */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { HudError, messageOf } from '../protocol/errors.ts';
import type { DialOptions, Host, Listener, Peer, Stream, Timer } from './host.ts';
import { destroyTarget } from './destroy.ts';
import { isOwnerAlive, ownerId } from './owner.ts';

export const nodeHost: Host = {
  get owner() {
    return ownerId();
  },
  isOwnerAlive,
  destroy: async (kind, target) => {
    if (kind === 'process') await destroyTarget(target);
  },
  now: () => Date.now(),
  monotonic: () => performance.now(),
  randomHex,
  setTimer,
  defer: (fn) => void setImmediate(fn),
  openForSync: async (path) => {
    const file = await open(path, 'r+');
    return { sync: () => file.datasync(), close: () => file.close() };
  },
  listen,
  dial,
};

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

/** The system is asked for many at once: one question costs as much as a thousand answers. */
function randomHex(bytes: number): string {
  if (bytes > pool.length) pool = randomBytes(Math.max(POOL_BYTES, bytes));
  const text = pool.toString('hex', 0, bytes);
  pool = pool.subarray(bytes);
  return text;
}

const MAX_TIMER_MS = 2_147_483_647; // setTimeout wraps beyond this and would fire at once

function setTimer(ms: number, fn: () => void, options: { unref?: boolean } = {}): Timer {
  const timeout = setTimeout(fn, Math.min(ms, MAX_TIMER_MS));
  if (options.unref) timeout.unref();
  return new NodeTimer(timeout);
}

class NodeTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(timeout: NodeJS.Timeout) {
    this.#timeout = timeout;
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timeout);
  }
}

async function listen(address: { host: string; port: number }, onConnection: (stream: Stream, peer: Peer) => void): Promise<Listener> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => onConnection(socket, peerOf(socket)));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: address.host, port: address.port, backlog: 511 }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw listenError(address, cause);
  }
  server.off('error', reject);
  server.on('error', () => {}); // an accept that fails (no descriptors left) must not end the process
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= new Promise((done) => server.close(() => done())));
  return { host: address.host, port, close, [Symbol.asyncDispose]: close };
}

async function dial({ host, port, timeoutMs, signal }: DialOptions): Promise<Stream> {
  signal?.throwIfAborted();
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal?.reason);
  socket.once('connect', resolve).once('error', reject);
  signal?.addEventListener('abort', onAbort, { once: true });
  using _timer = setTimer(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    await promise;
    return socket;
  } catch (cause) {
    socket.on('error', () => {}).destroy();
    signal?.throwIfAborted();
    throw new HudError('RUNTIME_UNREACHABLE', `Nothing answered at ${host}:${port}: ${reasonOf(cause)}.`, {
      hint: 'Start an environment with `hud serve env.ts`, or pass another runtime.',
      cause,
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    socket.off('error', reject);
  }
}

function peerOf(socket: Socket): Peer {
  const address = socket.remoteAddress ?? '';
  return { address, isLoopback: /^(::ffff:)?127\.|^::1$/.test(address) };
}

function reasonOf(cause: unknown): string {
  const code = (cause as { code?: unknown } | null)?.code;
  return code === 'ECONNREFUSED' ? 'connection refused' : messageOf(cause);
}

function listenError(address: { host: string; port: number }, cause: unknown): HudError {
  if ((cause as { code?: unknown } | null)?.code === 'EADDRINUSE') {
    return new HudError('PORT_IN_USE', `Port ${address.port} on ${address.host} is taken by another process.`, {
      hint: 'Stop that process, or choose another port; port 0 takes any free one.',
      cause,
    });
  }
  return new HudError('RUNTIME_UNREACHABLE', `Can't listen on ${address.host}:${address.port}: ${messageOf(cause)}.`, { cause });
}
