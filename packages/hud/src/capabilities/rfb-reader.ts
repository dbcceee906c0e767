/** Bytes as they arrive from a socket, handed out in the pieces that a parser asks for. */

/** From here on the sender is made to wait. */
const HIGH_WATER_BYTES = 1 << 20;

interface Want {
  size: number;
  resolve(bytes: Buffer): void;
  reject(error: unknown): void;
}

export class ByteReader {
  #chunks: Buffer[] = [];
  #size = 0;
  #want: Want | undefined;
  #failure: unknown;
  #hasFailed = false;

  /** @returns false once enough lies here unread; `onRoom` tells when it was taken */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#serve();
    return this.#want !== undefined || this.#size < HIGH_WATER_BYTES;
  }

  /** Called when the parser took what lay here. */
  onRoom: () => void = () => {};

  /** Nothing more will come: what is unread can still be taken, then the error is thrown. */
  fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#failure = error;
    const want = this.#want;
    this.#want = undefined;
    want?.reject(error);
  }

  /** The next bytes, exactly as many. One caller at a time; the result may share memory with what arrived. */
  take(size: number): Buffer | Promise<Buffer> {
    if (this.#size >= size) return this.#cut(size);
    if (this.#hasFailed) return Promise.reject(this.#failure);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#want = { size, resolve, reject };
    this.onRoom();
    return promise;
  }

  async u8(): Promise<number> {
    return (await this.take(1))[0]!;
  }

  async u16(): Promise<number> {
    return (await this.take(2)).readUInt16BE(0);
  }

  async u32(): Promise<number> {
    return (await this.take(4)).readUInt32BE(0);
  }

  /** Drops bytes without keeping them. */
  async skip(size: number): Promise<void> {
    for (let left = size; left > 0;) left -= (await this.take(Math.min(left, 1 << 16))).length;
  }

  #serve(): void {
    const want = this.#want;
    if (want === undefined || this.#size < want.size) return;
    this.#want = undefined;
    want.resolve(this.#cut(want.size));
  }

  #cut(size: number): Buffer {
    this.#size -= size;
    const first = this.#chunks[0];
    if (first === undefined || size === 0) return Buffer.alloc(0);
    if (first.length > size) {
      this.#chunks[0] = first.subarray(size);
      return first.subarray(0, size);
    }
    if (first.length === size) {
      this.#chunks.shift();
      return first;
    }
    return this.#gather(size);
  }

  #gather(size: number): Buffer {
    const bytes = Buffer.allocUnsafe(size);
    let at = 0;
    let used = 0;
    while (at < size) {
      const chunk = this.#chunks[used]!;
      const part = Math.min(chunk.length, size - at);
      chunk.copy(bytes, at, 0, part);
      at += part;
      if (part === chunk.length) used++;
      else this.#chunks[used] = chunk.subarray(part);
    }
    this.#chunks.splice(0, used);
    return bytes;
  }
}
