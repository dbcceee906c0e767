/** One zlib stream whose pieces arrive with the rectangles of a screen, each to be inflated as soon as it is here. */
import { constants, inflateRawSync } from 'node:zlib';
import { HudError, messageOf } from '../protocol/errors.ts';

const WINDOW_BYTES = 1 << 15;
/** What a server may leave unflushed; real ones flush with each rectangle. */
const MAX_UNFLUSHED_BYTES = 1 << 22;
/** The end of a flush: an empty stored block, after which the next piece starts on a whole byte. */
const FLUSH_MARK = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/**
 * Node inflates a stream either asynchronously, one thread's turn for each of a screen's hundred rectangles, or whole. Since
 * servers flush with each rectangle, a piece can stand for itself, given the 32 KiB before it as the dictionary.
 * A piece that was not flushed is inflated again together with the next one.
 */
export class InflateStream {
  #hasHeader = false;
  #window: Buffer = Buffer.alloc(0);
  #unflushed: Buffer = Buffer.alloc(0);
  #unflushedOutput = 0;

  /**
   * What the piece adds to the output.
   * @param maxBytes more of it is an error, thrown before it takes memory
   * @throws HudError PROTOCOL_ERROR
   */
  push(piece: Buffer, maxBytes: number): Buffer {
    const input = Buffer.concat([this.#unflushed, this.#hasHeader ? piece : this.#dropHeader(piece)]);
    const output = this.#inflate(input, maxBytes + this.#unflushedOutput);
    const fresh = output.subarray(this.#unflushedOutput);
    if (FLUSH_MARK.equals(input.subarray(-4))) this.#flushed(output);
    else this.#keep(input, output.length);
    return fresh;
  }

  reset(): void {
    this.#hasHeader = false;
    this.#window = this.#unflushed = Buffer.alloc(0);
    this.#unflushedOutput = 0;
  }

  #dropHeader(piece: Buffer): Buffer {
    const isZlib = piece.length >= 2 && (piece[0]! & 0x0f) === 8 && piece.readUInt16BE(0) % 31 === 0 && (piece[1]! & 0x20) === 0;
    if (!isZlib) throw new HudError('PROTOCOL_ERROR', 'The screen sent compressed data that does not begin as zlib does.');
    this.#hasHeader = true;
    return piece.subarray(2);
  }

  #inflate(input: Buffer, maxBytes: number): Buffer {
    try {
      return inflateRawSync(input, {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: Math.max(1, maxBytes),
        chunkSize: Math.min(1 << 22, Math.max(1024, maxBytes)),
        ...(this.#window.length > 0 && { dictionary: this.#window }),
      });
    } catch (cause) {
      throw new HudError('PROTOCOL_ERROR', `The screen sent compressed data that can't be read: ${messageOf(cause)}.`, { cause });
    }
  }

  #flushed(output: Buffer): void {
    const joined = output.length >= WINDOW_BYTES ? output : Buffer.concat([this.#window, output]);
    this.#window = Buffer.from(joined.subarray(-WINDOW_BYTES)); // a copy: the output may be large
    this.#unflushed = Buffer.alloc(0);
    this.#unflushedOutput = 0;
  }

  #keep(input: Buffer, outputBytes: number): void {
    if (input.length > MAX_UNFLUSHED_BYTES) throw new HudError('PROTOCOL_ERROR', 'The screen compresses without ever flushing.');
    this.#unflushed = Buffer.from(input);
    this.#unflushedOutput = outputBytes;
  }
}
