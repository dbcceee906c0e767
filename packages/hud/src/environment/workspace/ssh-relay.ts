/** A command's output on its way into a channel. */
import type { Readable, Writable } from 'node:stream';
import type { ServerChannel } from 'ssh2';
import { nodeHost } from '../../host/node.ts';
import type { Timer } from '../../host/host.ts';
import type { SandboxProcess } from './sandbox.ts';
import { forgetWritten } from './ssh-internals.ts';

/** After the command's end its output is read for so long, not counting the time for which the peer takes none. */
const GRACE_MS = 1_000;
/** Read ahead of the channel. */
const QUEUE_BYTES = 256 * 1024;

export interface RelayOptions {
  process: SandboxProcess;
  channel: ServerChannel;
  /** Nobody listens any more. */
  signal: AbortSignal;
}

/** Settles when the command has ended and its output was handed to the channel, or when the signal fired. Never rejects. */
export async function relayOutput({ process, channel, signal }: RelayOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const relay = new Relay(channel, resolve);
  relay.take(process.stdout, channel);
  relay.take(process.stderr, channel.stderr);
  void process.exited.then(() => relay.exited());
  const onAbort = (): void => relay.stop();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) relay.stop();
  await promise;
  signal.removeEventListener('abort', onAbort);
  await process.exited;
}

interface Piece {
  target: Writable;
  bytes: Buffer;
}

class Relay {
  readonly #channel: ServerChannel;
  readonly #done: () => void;
  readonly #sources = new Set<Readable>();
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #isExited = false;
  #isStopped = false;
  #graceMs = GRACE_MS;
  #grace: { timer: Timer; since: number } | undefined;

  constructor(channel: ServerChannel, done: () => void) {
    this.#channel = channel;
    this.#done = done;
  }

  take(source: Readable, target: Writable): void {
    this.#sources.add(source);
    source.on('data', (bytes: Buffer) => this.#add({ target, bytes }));
    const ended = (): void => {
      this.#sources.delete(source);
      this.#next();
    };
    source.once('end', ended);
    source.once('close', ended);
    source.on('error', ended); // of a pty whose last process is gone, e.g.
  }

  exited(): void {
    this.#isExited = true;
    this.#next();
  }

  /** What is queued is forgotten. */
  stop(): void {
    this.#isStopped = true;
    this.#cut();
    this.#done();
  }

  #add(piece: Piece): void {
    if (this.#isStopped) return;
    this.#queue.push(piece);
    this.#queuedBytes += piece.bytes.length;
    if (this.#queuedBytes >= QUEUE_BYTES) for (const source of this.#sources) source.pause();
    this.#next();
  }

  /** One piece at a time: ssh2 mixes the two streams up when both wait for the peer's window. */
  #next(): void {
    if (this.#isWriting || this.#isStopped) return;
    const piece = this.#queue.shift();
    if (piece === undefined) return this.#idle();
    this.#holdGrace();
    this.#isWriting = true;
    piece.target.write(piece.bytes, () => {
      this.#isWriting = false;
      forgetWritten(this.#channel);
      const wasFull = this.#queuedBytes >= QUEUE_BYTES;
      this.#queuedBytes -= piece.bytes.length;
      if (wasFull && this.#queuedBytes < QUEUE_BYTES) for (const source of this.#sources) source.resume();
      this.#next();
    });
  }

  #idle(): void {
    if (!this.#isExited) return;
    if (this.#sources.size === 0) {
      this.#holdGrace();
      return this.#done();
    }
    this.#grace ??= { since: nodeHost.monotonic(), timer: nodeHost.setTimer(this.#graceMs, () => this.#cut()) };
  }

  #holdGrace(): void {
    if (this.#grace === undefined) return;
    this.#grace.timer.cancel();
    this.#graceMs = Math.max(0, this.#graceMs - (nodeHost.monotonic() - this.#grace.since));
    this.#grace = undefined;
  }

  /** Something in the background still holds the output, or nobody wants it. */
  #cut(): void {
    this.#holdGrace();
    for (const source of this.#sources) source.removeAllListeners('data').pause();
    this.#sources.clear();
    this.#next();
  }
}
