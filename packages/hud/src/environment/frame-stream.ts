/** Frames pulled one by one from a connection: nothing is read while nobody asks, so a peer can't pile up requests. */
import type { Host, Stream } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { FrameReader, encodeFrame } from '../protocol/frames.ts';
import type { JsonObject } from '../protocol/json.ts';

const LINGER_MS = 1_000;
const AHEAD_BYTES = 64 * 1024;

export class FrameStream {
  readonly stream: Stream;
  readonly #reader: FrameReader;
  #ended = false;
  #wake: (() => void) | undefined;

  readonly #onData = (chunk: Uint8Array): void => {
    this.#reader.push(chunk);
    // One frame ahead is enough: whoever sends more waits until those before are answered.
    if (this.#wake === undefined && this.#reader.bufferedBytes > AHEAD_BYTES) this.stream.pause();
    else this.#wake?.();
  };

  constructor(stream: Stream, maxFrameBytes: number) {
    this.stream = stream;
    this.#reader = new FrameReader(maxFrameBytes);
    stream.on('data', this.#onData);
    stream.on('end', () => this.#finish());
    stream.on('close', () => this.#finish());
    stream.on('error', () => this.#finish());
  }

  /**
   * The next frame; undefined when the peer has ended. A last line without its newline counts.
   * @throws HudError FRAME_TOO_LARGE, PROTOCOL_ERROR
   */
  async next(): Promise<JsonObject | undefined> {
    for (;;) {
      const frame = this.#reader.next();
      if (frame !== undefined) return frame;
      if (this.#ended) return this.#reader.last();
      if (this.stream.isPaused()) this.stream.resume();
      await this.#readable();
    }
  }

  /** Stops reading frames. @returns the bytes after the last one: they belong to whatever comes next */
  release(): Uint8Array {
    this.stream.off('data', this.#onData).pause();
    return this.#reader.rest();
  }

  /** Settles when the bytes are handed to the system, which is how a slow reader slows its own session. */
  async write(message: JsonObject): Promise<void> {
    await this.writeBytes(encodeFrame(message));
  }

  async writeBytes(bytes: Uint8Array): Promise<void> {
    if (this.stream.destroyed || this.stream.writableEnded) throw gone();
    if (this.stream.write(bytes)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onClose = (): void => reject(gone());
    this.stream.once('drain', resolve).once('close', onClose);
    try {
      await promise;
    } finally {
      this.stream.off('drain', resolve).off('close', onClose);
    }
  }

  /**
   * Ends our side and drops the connection once the peer has ended its own, or soon after: dropping it
   * at once could take back a last reply that is still under way.
   */
  close(host: Host): void {
    const { stream } = this;
    if (stream.destroyed) return;
    const linger = host.setTimer(LINGER_MS, () => stream.destroy(), { unref: true });
    stream.once('close', () => linger.cancel());
    stream.off('data', this.#onData);
    stream.resume();
    stream.end(() => {
      if (this.#ended) stream.destroy();
      else stream.once('end', () => stream.destroy());
    });
  }

  #readable(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

function gone(): HudError {
  return new HudError('CONNECTION_LOST', 'The peer has gone.');
}
