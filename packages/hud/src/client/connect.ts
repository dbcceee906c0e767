/** Dial until the environment answers, say hello, keep the line alive. */
import { nodeHost } from '../host/node.ts';
import { sleep, withDeadline, type Host, type Stream, type Timer } from '../host/host.ts';
import { decode, encode } from '../protocol/codec.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { HelloParams, HelloResult, MAX_FRAME_BYTES } from '../protocol/messages.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';

/** Where to connect: a `Runtime`, or anything with its address. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** The control secret, where the environment demands one. */
  readonly secret?: string | undefined;
  /** `ready_timeout`: seconds, overrides `readyTimeout`. */
  readonly params?: Record<string, unknown>;
}

export interface ConnectOptions {
  signal?: AbortSignal;
  /** Longest wait for the environment to answer, in seconds. @default 240 */
  readyTimeout?: number;
  /** Resume this session instead of opening one. */
  session?: { id: string; secret?: string };
  /** Let whoever asks grade this session's task once the connection is closed. @default false */
  adoptable?: boolean;
  /** Idle time after which the peer is asked for a sign of life, in milliseconds; 0 never asks. @default 10_000 */
  heartbeatMs?: number;
  /** Silence after which it counts as dead, in milliseconds. @default 20_000 */
  patienceMs?: number;
  host?: Host;
}

const RETRY_MS = 500;
const ATTEMPT_MS = 10_000;
const FIRST_RETRY_MS = 20; // a child that has just announced its port is there at once

/**
 * @throws HudError RUNTIME_UNREACHABLE when nothing answered in time, naming the last reason;
 *   at once when the environment answered with an error
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  const host = options.host ?? nodeHost;
  const readyMs = readyTimeoutMs(address, options);
  const deadline = host.monotonic() + readyMs;
  const dial = async (signal?: AbortSignal): Promise<Stream> =>
    await host.dial({ host: address.host, port: address.port, timeoutMs: ATTEMPT_MS, ...(signal ? { signal } : {}) });
  let waitMs = FIRST_RETRY_MS;
  for (;;) {
    options.signal?.throwIfAborted();
    const remainingMs = Math.max(1, deadline - host.monotonic());
    try {
      return await attempt(host, address, options, Math.min(ATTEMPT_MS, remainingMs));
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isRetryable(error)) throw error;
      if (host.monotonic() + waitMs >= deadline) throw unreachable(address, readyMs, error);
    }
    await sleep(host, waitMs, options.signal);
    waitMs = RETRY_MS;
  }

  async function attempt(h: Host, a: Address, o: ConnectOptions, limitMs: number): Promise<Client> {
    const stream = await h.dial({ host: a.host, port: a.port, timeoutMs: limitMs, ...(o.signal ? { signal: o.signal } : {}) });
    const connection = new Connection(stream);
    const params = encode(HelloParams, {
      maxFrame: MAX_FRAME_BYTES,
      secret: a.secret,
      sessionId: o.session?.id,
      sessionSecret: o.session?.secret,
      adoptable: o.adoptable,
    });
    try {
      const work = connection.call('hello', params, o.signal ? { signal: o.signal } : {});
      const reply = await withDeadline(h, work, limitMs, () => silent(limitMs));
      const hello = decode(HelloResult, reply, { what: "The environment's hello" });
      if (hello.maxFrame !== undefined) connection.peerFrameBytes = hello.maxFrame;
      const greet = async (): Promise<HelloResult> =>
        decode(HelloResult, await connection.call('hello', encode(HelloParams, { sessionId: hello.sessionId, maxFrame: MAX_FRAME_BYTES })));
      const client = new Client({ host: h, connection, hello, dial, greet });
      keepAlive(h, connection, greet, o);
      return client;
    } catch (error) {
      connection.close();
      throw error;
    }
  }
}

/** A peer that reported an error has answered; asking again would only repeat it. */
function isRetryable(error: unknown): boolean {
  return error instanceof HudError && (error.code === 'RUNTIME_UNREACHABLE' || error.code === 'CONNECTION_LOST');
}

/**
 * Asks for a sign of life while the session is idle. A call in flight is not disturbed: the server
 * answers strictly in order, so a long grade says nothing about its health.
 */
function keepAlive(host: Host, connection: Connection, greet: () => Promise<unknown>, options: ConnectOptions): void {
  const everyMs = options.heartbeatMs ?? 10_000;
  const patienceMs = options.patienceMs ?? 20_000;
  if (everyMs <= 0) return;
  let timer: Timer | undefined;
  const next = (): void => {
    timer = host.setTimer(everyMs, () => void beat(), { unref: true });
  };
  connection.closed.addEventListener('abort', () => timer?.cancel(), { once: true });
  const beat = async (): Promise<void> => {
    if (connection.closed.aborted) return;
    if (connection.isIdle) {
      try {
        await withDeadline(
          host,
          greet(),
          patienceMs,
          () => new HudError('CONNECTION_LOST', `The environment gave no sign of life for ${patienceMs} ms.`),
        );
      } catch (error) {
        // An error frame is a sign of life, though from a peer that wants no heartbeats.
        if (error instanceof HudError && error.rpcCode !== undefined) return;
        connection.close(error instanceof HudError ? error : undefined);
        return;
      }
    }
    next();
  };
  next();
}

function readyTimeoutMs(address: Address, options: ConnectOptions): number {
  const override = address.params?.ready_timeout;
  if (override === undefined) return (options.readyTimeout ?? 240) * 1000;
  if (typeof override !== 'number' || !Number.isFinite(override) || override <= 0) {
    throw new HudError('BAD_ARGUMENT', `The runtime's ready_timeout must be a number of seconds above 0, got ${String(override)}.`);
  }
  return override * 1000;
}

function silent(limitMs: number): HudError {
  return new HudError('CONNECTION_LOST', `The environment accepted the connection but did not say hello within ${Math.round(limitMs)} ms.`);
}

function unreachable(address: Address, readyMs: number, cause: unknown): HudError {
  return new HudError(
    'RUNTIME_UNREACHABLE',
    `No environment answered at ${address.host}:${address.port} within ${readyMs / 1000} s: ${messageOf(cause)}`,
    {
      hint: 'Start one with `hud serve env.ts`, or pass another runtime.',
      cause,
    },
  );
}
