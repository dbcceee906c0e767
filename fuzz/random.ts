/** Random numbers that a seed repeats, so that any input can be made again. */

/** The generator sfc32, seeded by the hash of a text. Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string | Uint8Array) {
    const bytes = typeof seed === 'string' ? Buffer.from(seed) : seed;
    this.#a = hash(bytes, 0x811c9dc5);
    this.#b = hash(bytes, 0x9e3779b9);
    this.#c = bytes.length;
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * limit);
  }

  /** A whole number in [min, max]. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** A whole number in [1, max], small ones far more often. */
  small(max: number): number {
    return 1 + this.below(1 + this.below(1 + this.below(max)));
  }

  chance(probability: number): boolean {
    return this.#next() < probability * 0x1_0000_0000;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('There is nothing to pick from.');
    return item;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** FNV-1a over the bytes. */
function hash(bytes: Uint8Array, start: number): number {
  let value = start;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}
