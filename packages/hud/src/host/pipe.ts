/** Two ends of one connection inside this process. */
import { Duplex } from 'node:stream';
import type { Stream } from './host.ts';

/** What is written to one end is read from the other. Destroying one end ends the other, as a reset would. */
export function pipe(): [Stream, Stream] {
  const a = new PipeEnd();
  const b = new PipeEnd();
  a.other = b;
  b.other = a;
  return [a, b];
}

class PipeEnd extends Duplex {
  other: PipeEnd | undefined;
  /** Called when the other end has room again. */
  #resume: ((error?: Error) => void) | undefined;
  #hasEnded = false;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    const resume = this.other?.takeResume();
    resume?.();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { other } = this;
    if (other === undefined || other.destroyed) return done(gone());
    if (other.push(chunk)) done();
    else this.#resume = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.other?.endReading();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { other } = this;
    this.takeResume();
    // Not at once: what was written before is still to be read there.
    if (other !== undefined && !other.destroyed) queueMicrotask(() => other.hangUp());
    done(error);
  }

  takeResume(): ((error?: Error) => void) | undefined {
    const resume = this.#resume;
    this.#resume = undefined;
    return resume;
  }

  endReading(): void {
    if (this.#hasEnded || this.destroyed) return;
    this.#hasEnded = true;
    this.push(null);
  }

  /** The other end is gone: what it wrote can still be read, nothing can be written any more. */
  hangUp(): void {
    if (this.destroyed) return;
    if (this.readableLength === 0) this.destroy();
    else this.endReading();
    this.takeResume()?.(gone());
  }
}

function gone(): Error {
  return new Error('the other end is gone');
}
