/** Notices a peer that has stopped answering, also while it works on a call. */
import { withDeadline, type Host, type Stream } from '../host/host.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import { encodeFrame } from '../protocol/frames.ts';
import { request } from '../protocol/messages.ts';
import type { Connection } from './connection.ts';

/** Whether the peer's process runs, where somebody can tell: one that computes can't answer and is alive all the same. */
export type PeerState = 'running' | 'stopped' | 'gone' | undefined;

export interface LivenessOptions {
  /** How often a silent peer is asked for a sign of life, in milliseconds; 0 never asks. @default 2_500 */
  heartbeatMs?: number;
  /**
   * Silence after which it counts as dead, in milliseconds; noticed at the next heartbeat. A Python peer
   * that works on a call gets 16 times as long, for it can't be asked on that connection. @default 7_500
   */
  patienceMs?: number;
}

export interface Peer {
  host: Host;
  connection: Connection;
  /** It answers `ping` while it works: our own servers. */
  answersPing: boolean;
  /** Asks on the connection itself; only while no call is in flight. */
  greet: () => Promise<unknown>;
  dial: (signal?: AbortSignal) => Promise<Stream>;
  probe: (() => PeerState) | undefined;
}

const HEARTBEAT_MS = 2_500;
const PATIENCE_MS = 7_500;
const BUSY_FACTOR = 16;
/** Longest that a process may compute without looking at its connections. */
const BLOCKED_MS = 600_000;

/** Watches until the connection closes; closes it with CONNECTION_LOST when the peer is dead. */
export function keepAlive(peer: Peer, options: LivenessOptions): void {
  const everyMs = options.heartbeatMs ?? HEARTBEAT_MS;
  if (everyMs <= 0) return;
  const watchers = watchersOf.get(peer.host) ?? new Map<number, Watcher>();
  watchersOf.set(peer.host, watchers);
  const watcher = watchers.get(everyMs) ?? new Watcher(peer.host, everyMs);
  watchers.set(everyMs, watcher);
  watcher.add(new Watched(peer, options.patienceMs ?? PATIENCE_MS));
}

const watchersOf = new WeakMap<Host, Map<number, Watcher>>();

/** One clock for all connections that are asked equally often. */
class Watcher {
  readonly #host: Host;
  readonly #everyMs: number;
  readonly #watched = new Set<Watched>();
  #isRunning = false;

  constructor(host: Host, everyMs: number) {
    this.#host = host;
    this.#everyMs = everyMs;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#isRunning) this.#next();
  }

  #next(): void {
    this.#isRunning = true;
    this.#host.setTimer(this.#everyMs, () => this.#beat(), { unref: true });
  }

  #beat(): void {
    for (const watched of this.#watched) if (!watched.beat()) this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#isRunning = false;
    else this.#next();
  }
}

class Watched {
  readonly #peer: Peer;
  readonly #patienceMs: number;
  #seen: string;
  #aliveAt: number;
  #way: Way | undefined;
  #isOver = false;

  constructor(peer: Peer, patienceMs: number) {
    this.#peer = peer;
    this.#patienceMs = patienceMs;
    this.#seen = peer.connection.activity;
    this.#aliveAt = peer.host.monotonic();
  }

  /** @returns false when there is nothing left to watch */
  beat(): boolean {
    const { connection, host, probe } = this.#peer;
    if (this.#isOver || connection.closed.aborted) return false;
    const now = host.monotonic();
    if (connection.activity !== this.#seen) this.#aliveAt = now;
    this.#seen = connection.activity;
    const silentMs = now - this.#aliveAt;
    if (silentMs + 1 >= limitMs(this.#peer, this.#way, this.#patienceMs)) {
      // One millisecond early: a timer may be, and the next beat would be a whole heartbeat late.
      connection.close(silence(silentMs, probe?.()));
      return false;
    }
    if (this.#way === undefined) void this.#ask();
    return true;
  }

  async #ask(): Promise<void> {
    const { answersPing, connection, host } = this.#peer;
    this.#way = answersPing ? 'ping' : connection.isIdle ? 'greet' : 'beside';
    try {
      if (await asked(this.#way, this.#peer, this.#patienceMs)) this.#aliveAt = host.monotonic();
    } catch (error) {
      // An error frame is a sign of life, though from a peer that wants no heartbeats.
      if (isHudError(error) && error.rpcCode !== undefined) this.#isOver = true;
    } finally {
      this.#way = undefined;
    }
  }
}

/** How a peer is asked: on its connection, by a call or past all calls, or on a connection of its own. */
type Way = 'ping' | 'greet' | 'beside';

function limitMs({ connection, answersPing, probe }: Peer, way: Way | undefined, patienceMs: number): number {
  if (probe?.() === 'running') return Math.max(BLOCKED_MS, patienceMs);
  return answersPing || way === 'greet' || connection.isIdle ? patienceMs : patienceMs * BUSY_FACTOR;
}

/** @returns true for a sign of life that the connection itself does not show */
async function asked(way: Way, { host, connection, greet, dial }: Peer, patienceMs: number): Promise<boolean> {
  const late = (): HudError => new HudError('CONNECTION_LOST', 'no answer yet');
  if (way === 'beside') return await answersBeside(host, dial, patienceMs);
  await withDeadline(host, way === 'ping' ? connection.ping() : greet(), patienceMs, late);
  return false;
}

/** A connection of its own, for a server that answers none but the running call on the other. */
async function answersBeside(host: Host, dial: Peer['dial'], patienceMs: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const stream = await dial();
  stream
    .once('data', () => resolve(true))
    .once('error', reject)
    .once('close', () => resolve(false));
  stream.write(encodeFrame(request(1, 'hello', {})));
  try {
    return await withDeadline(host, promise, patienceMs, () => new HudError('CONNECTION_LOST', 'no answer yet'));
  } finally {
    stream.on('error', () => {}).destroy();
  }
}

function silence(silentMs: number, state: PeerState): HudError {
  const seconds = (silentMs / 1000).toFixed(1);
  const why =
    state === 'stopped' ? ': its process is stopped' : state === 'running' ? ': its process has been computing all that time' : '';
  return new HudError('CONNECTION_LOST', `The environment gave no sign of life for ${seconds} s${why}.`, {
    hint:
      state === undefined
        ? 'It hangs, is out of reach, or blocks its event loop: heavy work of a template belongs into a process or worker of its own. `patience` sets how long to wait.'
        : 'Heavy work of a template belongs into a process or worker of its own.',
  });
}
