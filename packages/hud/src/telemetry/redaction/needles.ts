/** Finds many texts at once in one pass over bytes, skipping most of them (Wu and Manber, 1994). */

export interface Needle {
  /** At least {@link MIN_NEEDLE_BYTES} bytes. */
  bytes: Uint8Array;
  name: string;
}

export interface Hit {
  start: number;
  /** Just past its last byte. */
  end: number;
  needle: Needle;
}

export const MIN_NEEDLE_BYTES = 4;

/** The pass looks at pairs of bytes: 65,536 of them, most in no needle, so that it mostly jumps. */
const PAIRS = 65_536;

export class Needles {
  /** Of the shortest needle: so many bytes of each are looked at first. */
  readonly #width: number;
  /** How far the pass may jump when it stands behind this pair; 0: some needle may end its first part here. */
  readonly #jumps: Uint8Array;
  /** Those whose first part ends with the pair, longest first. */
  readonly #endings = new Map<number, Needle[]>();

  constructor(needles: readonly Needle[]) {
    this.#width = Math.min(255, ...needles.map(({ bytes }) => bytes.length));
    this.#jumps = new Uint8Array(PAIRS).fill(this.#width - 1);
    for (const needle of needles.toSorted((a, b) => b.bytes.length - a.bytes.length)) this.#add(needle);
  }

  #add(needle: Needle): void {
    const { bytes } = needle;
    for (let i = 1; i < this.#width; i += 1) {
      const pair = pairAt(bytes, i);
      this.#jumps[pair] = Math.min(this.#jumps[pair] ?? 0, this.#width - 1 - i);
    }
    const last = pairAt(bytes, this.#width - 1);
    const others = this.#endings.get(last);
    if (others === undefined) this.#endings.set(last, [needle]);
    else others.push(needle);
  }

  /** The first ones from the left that do not overlap, the longest where several begin. */
  find(text: Uint8Array): Hit[] {
    const hits: Hit[] = [];
    const jumps = this.#jumps;
    const before = this.#width - 1;
    for (let at = before; at < text.length;) {
      const jump = jumps[((text[at - 1] as number) << 8) | (text[at] as number)] as number;
      if (jump > 0) {
        at += jump;
        continue;
      }
      const start = at - before;
      const needle = this.#endings.get(pairAt(text, at))?.find(({ bytes }) => isAt(text, start, bytes));
      if (needle === undefined) {
        at += 1;
        continue;
      }
      const end = start + needle.bytes.length;
      hits.push({ start, end, needle });
      at = end + before;
    }
    return hits;
  }
}

function pairAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at - 1] as number) << 8) | (bytes[at] as number);
}

function isAt(text: Uint8Array, start: number, bytes: Uint8Array): boolean {
  if (start + bytes.length > text.length) return false;
  for (let i = 0; i < bytes.length; i += 1) if (text[start + i] !== bytes[i]) return false;
  return true;
}
