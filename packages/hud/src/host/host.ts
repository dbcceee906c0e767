/**
 * Time, randomness, sockets, processes and the database's disk, as the scheduler, the session protocol,
 * the store and the leases see them. `node.ts` is the real one; a simulator can stand in for it and
 * replay any run.
 */
import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';
import type { Duplex } from 'node:stream';
import type { JsonObject } from '../protocol/json.ts';

/** A connected byte stream. `end()` half-closes; `destroy()` drops both directions. */
export type Stream = Duplex;

export interface Listener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; open connections live on. May be called twice. */
  close(): Promise<void>;
}

export interface Timer extends Disposable {
  /** May be called twice, and after the timer fired. */
  cancel(): void;
}

export interface Peer {
  /** As the socket reports it, `''` when unknown. */
  address: string;
  /** Both ends are on this machine's loopback. */
  isLoopback: boolean;
}

export interface SyncedFile {
  /** Settles when everything that was written to the file before the call survives the loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DialOptions {
  host: string;
  port: number;
  /** Longest wait for the connection, in milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface Host {
  /** This process, as the owner of what it creates: `pid:startTime@machine`, never given to another process. */
  readonly owner: string;
  /** Does the process that `owner` names still run? One on another machine, or hidden from this process, counts as alive. */
  isOwnerAlive(owner: string): boolean;
  /**
   * Ends what a lease of the given kind names, and settles when nothing of it is left. May be repeated.
   * Kinds: `process`, with the members of `ProcessTarget`; others are left alone.
   */
  destroy(kind: string, target: JsonObject): Promise<void>;
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start. Never goes back. */
  monotonic(): number;
  /** Unpredictable lower-case hex, two digits a byte. */
  randomHex(bytes: number): string;
  /** Runs `fn` once after `ms`. Does not keep the process alive when `unref` is set. */
  setTimer(ms: number, fn: () => void, options?: { unref?: boolean }): Timer;
  /** Runs `fn` once this turn of the event loop is over. */
  defer(fn: () => void): void;
  /** Opens an SQLite file. @default the driver that Node brings along */
  openDatabase?(path: string, options: DatabaseSyncOptions): DatabaseSync;
  /** Opens a file that others write, to bring what they wrote to the disk. */
  openForSync(path: string): Promise<SyncedFile>;
  /**
   * Binds a TCP port (0: any free one) and hands over each connection.
   * @throws HudError PORT_IN_USE, RUNTIME_UNREACHABLE
   */
  listen(address: { host: string; port: number }, onConnection: (stream: Stream, peer: Peer) => void): Promise<Listener>;
  /** @throws HudError RUNTIME_UNREACHABLE with the system's reason; CANCELLED when the signal fired */
  dial(options: DialOptions): Promise<Stream>;
}

/**
 * Waits, or throws the signal's reason as soon as it fires.
 * @param ms 0 or less returns at once
 */
export async function sleep(host: Host, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (ms <= 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal?.reason);
  using _timer = host.setTimer(ms, resolve);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * The promise's value, or `onTimeout()` thrown when it takes longer than `ms`. The work itself goes on:
 * its late failure is swallowed here, its late success is the caller's to undo.
 */
export function withDeadline<T>(host: Host, work: Promise<T>, ms: number, onTimeout: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = host.setTimer(ms, () => reject(onTimeout()));
    const settled = (settle: () => void): void => {
      timer.cancel();
      settle();
    };
    work.then(
      (value) => settled(() => resolve(value)),
      (error: unknown) => settled(() => reject(error)),
    );
  });
}

/** The promise's value, or the signal's reason as soon as it fires. The work itself goes on. */
export function withSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    // Listened to in any case: a failure that nobody waits for must not end the process.
    const settled = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    work.then(
      (value) => settled(() => resolve(value)),
      (error: unknown) => settled(() => reject(error)),
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** The controller fires with the first of the signals, until disposed of. Costs less than `AbortSignal.any`. */
export function linkSignals(controller: AbortController, signals: readonly AbortSignal[]): Disposable {
  const onAbort = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', onAbort);
  }
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) signal.removeEventListener('abort', onAbort);
    },
  };
}
