/** Dial until the environment answers, say hello, keep the line alive. */
import { nodeHost } from '../host/node.ts';
import { sleep, withDeadline, type Host, type Stream } from '../host/host.ts';
import { decode, encode } from '../protocol/codec.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { HelloParams, HelloResult, MAX_FRAME_BYTES } from '../protocol/messages.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import { keepAlive, type LivenessOptions, type PeerState } from './liveness.ts';

/** Where to connect: a `Runtime`, or anything with its address. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** The control secret, where the environment demands one. */
  readonly secret?: string | undefined;
  /** `ready_timeout`: seconds, overrides `readyTimeout`. */
  readonly params?: Record<string, unknown>;
  /** How to reach it without a port: an environment in this process, which needs no watching either. */
  readonly dial?: (() => Promise<Stream>) | undefined;
  /** Whether its process runs, where that can be told. */
  readonly probe?: (() => PeerState) | undefined;
}

export interface ConnectOptions extends LivenessOptions {
  signal?: AbortSignal;
  /** Longest wait for the environment to answer, in seconds. @default 240 */
  readyTimeout?: number;
  /** Resume this session instead of opening one. */
  session?: { id: string; secret?: string };
  /** Let whoever asks grade this session's task once the connection is closed. @default false */
  adoptable?: boolean;
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
}

async function attempt(host: Host, address: Address, options: ConnectOptions, limitMs: number): Promise<Client> {
  const { signal, session } = options;
  const dial = async (until?: AbortSignal, timeoutMs = ATTEMPT_MS): Promise<Stream> =>
    address.dial === undefined
      ? await host.dial({ host: address.host, port: address.port, timeoutMs, ...(until ? { signal: until } : {}) })
      : await address.dial();
  const connection = new Connection(await dial(signal, limitMs));
  const params = encode(HelloParams, {
    maxFrame: MAX_FRAME_BYTES,
    secret: address.secret,
    sessionId: session?.id,
    sessionSecret: session?.secret,
    adoptable: options.adoptable,
  });
  try {
    const work = connection.call('hello', params, signal ? { signal } : {});
    const reply = await withDeadline(host, work, limitMs, () => silent(limitMs));
    const hello = decode(HelloResult, reply, { what: "The environment's hello" });
    if (hello.maxFrame !== undefined) connection.peerFrameBytes = hello.maxFrame;
    const greet = async (): Promise<HelloResult> =>
      decode(HelloResult, await connection.call('hello', encode(HelloParams, { sessionId: hello.sessionId, maxFrame: MAX_FRAME_BYTES })));
    const client = new Client({ host, connection, hello, dial, greet });
    const answersPing = hello.ping === true;
    if (address.dial === undefined) keepAlive({ host, connection, answersPing, greet, dial, probe: address.probe }, options);
    return client;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A peer that reported an error has answered; asking again would only repeat it. */
function isRetryable(error: unknown): boolean {
  return error instanceof HudError && (error.code === 'RUNTIME_UNREACHABLE' || error.code === 'CONNECTION_LOST');
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
