/** Keeps the start and the end of a byte stream of any length, in bounded memory. */
import { TextDecoder } from 'node:util';

export class ClippedOutput {
  readonly #headBytes: number;
  readonly #tailBytes: number;
  readonly #head: Buffer[] = [];
  readonly #tail: Buffer[] = [];
  #headSize = 0;
  #tailSize = 0;
  #total = 0;

  /** @param maxBytes kept in all: a quarter from the start, the rest from the end, where programs say how it went */
  constructor(maxBytes: number) {
    this.#headBytes = Math.floor(maxBytes / 4);
    this.#tailBytes = maxBytes - this.#headBytes;
  }

  push(chunk: Buffer): void {
    this.#total += chunk.length;
    const forHead = chunk.subarray(0, this.#headBytes - this.#headSize);
    if (forHead.length > 0) this.#head.push(Buffer.from(forHead)); // copied, so that a slice does not hold its chunk
    this.#headSize += forHead.length;
    this.#pushTail(chunk.subarray(forHead.length));
  }

  /** All of it, or both ends around a line that says how many bytes are missing; never half a character. */
  text(): string {
    const tail = Buffer.concat(this.#tail);
    const kept = tail.subarray(Math.max(0, tail.length - this.#tailBytes));
    if (this.#headSize + kept.length === this.#total) return decoder().decode(Buffer.concat([...this.#head, kept]));
    // `stream` leaves out a character that the cut has torn.
    const start = decoder().decode(Buffer.concat(this.#head), { stream: true });
    const end = decoder().decode(kept.subarray(continuationBytes(kept)));
    return `${start}\n[... ${this.#total - this.#headSize - kept.length} bytes cut ...]\n${end}`;
  }

  #pushTail(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#tail.push(chunk.length > this.#tailBytes ? Buffer.from(chunk.subarray(-this.#tailBytes)) : chunk);
    this.#tailSize += this.#tail.at(-1)?.length ?? 0;
    for (let first = this.#tail[0]; first !== undefined && this.#tailSize - first.length >= this.#tailBytes; first = this.#tail[0]) {
      this.#tail.shift();
      this.#tailSize -= first.length;
    }
  }
}

/** Bytes that are no UTF-8 become U+FFFD; a byte order mark stays. */
function decoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}

/** How many bytes at the start belong to a character whose first byte is missing. */
function continuationBytes(bytes: Buffer): number {
  const first = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return first > 0 && first <= 3 ? first : 0;
}
