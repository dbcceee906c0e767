/** Follows JSON text byte by byte: where a value ends, and whether it is one that is safe to parse. */
import { Fault } from '../../fault.ts';

/** Deeper than any span is, and far from what ends a recursion. */
export const MAX_DEPTH = 200;
/** Of one span: a few bytes of text can become fifty of memory each. */
export const MAX_VALUES = 4_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export class Nesting {
  #depth = 0;
  #values = 0;
  #inString = false;
  #isEscaped = false;
  readonly #mostValues: number;

  constructor(mostValues = MAX_VALUES) {
    this.#mostValues = mostValues;
  }

  /** Something was opened and not closed. */
  get isOpen(): boolean {
    return this.#depth > 0 || this.#inString;
  }

  reset(): void {
    this.#depth = 0;
    this.#values = 0;
    this.#inString = false;
    this.#isEscaped = false;
  }

  /**
   * Goes on with the next bytes of the text.
   * @returns the place after the byte that closed the outermost object, array or string; -1 when none did
   * @throws Fault 400 for what nests too deep, or has too many values
   */
  advance(bytes: Uint8Array, from: number, to: number): number {
    let depth = this.#depth;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at];
      if (this.#inString) {
        at = this.#endOfString(bytes, at, to);
        if (this.#inString) break;
        if (depth === 0) return this.#closed(at + 1);
      } else if (byte === QUOTE) {
        this.#inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > MAX_DEPTH) throw tooDeep();
        if (++this.#values > this.#mostValues) throw tooMany(this.#mostValues);
      } else if (byte === COMMA) {
        if (++this.#values > this.#mostValues) throw tooMany(this.#mostValues);
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (--depth <= 0) return this.#closed(at + 1);
      }
    }
    this.#depth = depth;
    return -1;
  }

  #closed(end: number): number {
    this.reset();
    return end;
  }

  /** @returns the place of its closing quote, or the last one looked at */
  #endOfString(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      at += 1;
    }
    for (; at < to; at += 1) {
      const byte = bytes[at];
      if (byte === BACKSLASH) {
        at += 1;
        if (at === to) this.#isEscaped = true;
      } else if (byte === QUOTE) {
        this.#inString = false;
        return at;
      }
    }
    return to;
  }
}

/** @throws Fault 400 for text that is not safe to parse; says nothing about whether it is JSON */
export function assertShallow(bytes: Uint8Array, mostValues = MAX_VALUES): void {
  const nesting = new Nesting(mostValues);
  for (let at = 0; at >= 0 && at < bytes.length;) at = nesting.advance(bytes, at, bytes.length);
}

function tooDeep(): Fault {
  return new Fault(400, `The body nests deeper than ${MAX_DEPTH} levels.`);
}

function tooMany(most: number): Fault {
  return new Fault(400, `One object of the body has more than ${most.toLocaleString('en')} values. Put data into a file.`);
}
