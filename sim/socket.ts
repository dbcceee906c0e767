/** One end of a simulated connection. */
import { Duplex } from 'node:stream';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';

export interface Link {
  random: Random;
  /** Milliseconds that a message is under way, at least and at most. */
  latency: [number, number];
  /** How likely a message arrives in two pieces. */
  splits: number;
  /** Bytes vanish, and neither end is told. */
  isBlackhole: boolean;
}

type Message = { kind: 'data'; bytes: Uint8Array } | { kind: 'end' } | { kind: 'reset' };

export class SimSocket extends Duplex {
  readonly process: SimProcess;
  readonly link: Link;
  other: SimSocket | undefined;
  /** When the last message that is under way to the other end arrives: none overtakes another. */
  #lastArrival = 0;
  #isSevered = false;
  #hasEnded = false;
  #heardEnd = false;

  constructor(process: SimProcess, link: Link) {
    super({ allowHalfOpen: true });
    this.process = process;
    this.link = link;
    process.sockets.add(this);
    process.refs += 1;
  }

  /** Its process has died: it does nothing any more, and the system tells the other end. */
  sever(): void {
    if (this.#isSevered || this.destroyed) return;
    this.#isSevered = true;
    if (this.link.random.chance(0.5)) this.#send({ kind: 'reset' });
    else this.#sendEnd();
  }

  /** Both ends see a reset. */
  break(): void {
    for (const end of [this, this.other]) {
      if (end !== undefined) end.process.world.schedule(0, end.process, 'connection reset', () => end.#receive({ kind: 'reset' }));
    }
  }

  override _read(): void {
    // What arrives is pushed as it comes: the windows of these conversations are never full.
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isSevered) return;
    if (bytes.length > 1 && this.link.random.chance(this.link.splits)) {
      const at = 1 + this.link.random.below(bytes.length - 1);
      this.#send({ kind: 'data', bytes: bytes.subarray(0, at) });
      this.#send({ kind: 'data', bytes: bytes.subarray(at) });
    } else this.#send({ kind: 'data', bytes });
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendEnd();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.process.sockets.delete(this)) this.process.refs -= 1;
    if (!this.#isSevered) this.#sendEnd();
    done(error);
  }

  #sendEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#send({ kind: 'end' });
  }

  #send(message: Message): void {
    const { other, link } = this;
    const { world } = this.process;
    const [least, most] = link.latency;
    const delay = least + link.random.unit() * (most - least);
    if (other === undefined || link.isBlackhole) return;
    this.#lastArrival = Math.max(this.#lastArrival, world.now + delay);
    world.schedule(this.#lastArrival - world.now, other.process, `receives ${message.kind}`, () => {
      if (!link.isBlackhole || message.kind === 'reset') other.#receive(message);
    });
  }

  #receive(message: Message): void {
    if (this.#isSevered) return;
    if (this.destroyed) {
      if (message.kind === 'data') this.#send({ kind: 'reset' }); // nobody reads here any more
      return;
    }
    if (message.kind === 'reset') this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    else if (message.kind === 'data') this.push(message.bytes);
    else if (!this.#heardEnd) {
      this.#heardEnd = true;
      this.push(null);
    }
  }
}
