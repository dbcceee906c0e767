/**
 * Takes the long lists of numbers out of JSON text while it comes. What is left is short, with a mark where each list was, and goes
 * the way of other bodies; the numbers never become values of their own, and no more than a piece of them is read at once.
 */
import { randomUUID } from 'node:crypto';
import { numberList, type NumberList } from 'hud/protocol';
import { Fault } from '../../fault.ts';
import { placeAtEnd } from './place.ts';
import { readNumbers, type Numbers } from './numbers.ts';
import type { TakingLimits } from './taken.ts';

interface Scanned {
  /** JSON with the mark and a number for each list. */
  text: Uint8Array;
  mark: string;
  lists: NumberList[];
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Read in one go: some thousand numbers, of which nothing is left when the garbage is collected. */
const PIECE = 32_768;
/** A list shorter than this many bytes stays in the text. What begins with as much of nothing but numbers is a list of them. */
const BEGINNING = 64;
/** No number is longer, blanks around it included. */
const MOST_NUMBER = 4_096;
/** What a list costs besides its numbers. */
const LIST_BYTES = 256;

export class ListScanner {
  readonly #limits: TakingLimits;
  readonly #mark = `list-${randomUUID()}-`;
  readonly #lists: NumberList[] = [];
  #text = Buffer.alloc(0);
  #textLength = 0;
  #inString = false;
  #isEscaped = false;
  /** Of the list that is being read. */
  #numbers: Numbers = { values: new Float64Array(1_024), count: 0, areWhole: true };
  #inList = false;
  /** The beginning of its next number. */
  #begun = '';
  #listBytes = 0;
  /** What begins with a bracket, and is understood once more has come. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(limits: TakingLimits) {
    this.#limits = limits;
  }

  /** @throws Fault 400 for a list of numbers with something else in it, 413 for more than the limits */
  write(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; from += PIECE) this.#scan(asBuffer(chunk.subarray(from, from + PIECE)), false);
  }

  /** @throws Fault 400 for a list that does not end */
  end(): Scanned {
    this.#scan(Buffer.alloc(0), true);
    if (this.#inList) throw new Fault(400, `${this.#place()}: the body ends within this list.`);
    return { text: this.#text.subarray(0, this.#textLength), mark: this.#mark, lists: this.#lists };
  }

  #scan(chunk: Buffer, isEnd: boolean): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    for (let at = 0; at < bytes.length;) at = this.#inList ? this.#readList(bytes, at) : this.#readText(bytes, at, isEnd);
  }

  /** @returns where a list begins, or the end */
  #readText(bytes: Buffer, from: number, isEnd: boolean): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN) {
        if (at + BEGINNING >= bytes.length && !isEnd) {
          this.#keep(bytes.subarray(from, at));
          this.#rest = Buffer.from(bytes.subarray(at));
          return bytes.length;
        }
        if (!beginsNumbers(bytes, at + 1)) continue;
        this.#keep(bytes.subarray(from, at));
        this.#keep(Buffer.from(`"${this.#mark}${this.#lists.length}"`));
        this.#inList = true;
        return at + 1;
      }
    }
    this.#keep(bytes.subarray(from));
    return bytes.length;
  }

  /** @returns where the text goes on, or the end */
  #readList(bytes: Buffer, from: number): number {
    const close = bytes.indexOf(CLOSE, from);
    const to = close === -1 ? bytes.lastIndexOf(COMMA) : close;
    if (to >= from) {
      this.#readNumbers(this.#begun + bytes.toString('latin1', from, to));
      this.#begun = '';
    }
    if (close >= 0) {
      this.#endList();
      return close + 1;
    }
    this.#begun += bytes.toString('latin1', to >= from ? to + 1 : from);
    if (this.#begun.length > MOST_NUMBER)
      throw new Fault(400, `${this.#place()}: entry ${this.#numbers.count} does not end within ${MOST_NUMBER} bytes.`);
    return bytes.length;
  }

  #readNumbers(text: string): void {
    const room = this.#numbers.values.byteLength;
    const problem = readNumbers(text, this.#numbers);
    if (problem !== undefined) throw new Fault(400, `${this.#place()}: ${problem}.`);
    this.#limits.take(this.#numbers.values.byteLength - room);
    this.#allow(this.#numbers.count * 8);
  }

  #endList(): void {
    const { values, count, areWhole } = this.#numbers;
    const list = numberList(areWhole ? 'int32' : 'float64', count);
    list.set(values.subarray(0, count));
    this.#listBytes += list.byteLength;
    this.#allow(0);
    this.#limits.take(list.byteLength + LIST_BYTES);
    const { mostLists } = this.#limits;
    if (this.#lists.push(list) > mostLists) throw new Fault(413, `The body has more than ${mostLists} lists of numbers. Send it in parts.`);
    this.#numbers = { values, count: 0, areWhole: true };
    this.#inList = false;
  }

  #allow(more: number): void {
    const { mostNumbers } = this.#limits;
    if (this.#listBytes + more > mostNumbers)
      throw new Fault(413, `The body's lists have more numbers than ${Math.floor(mostNumbers / 1_048_576)} MiB take. Send it in parts.`);
  }

  #keep(bytes: Uint8Array): void {
    const { mostText, take } = this.#limits;
    const length = this.#textLength + bytes.length;
    if (length > mostText) {
      const most = Math.floor(mostText / 1_048_576);
      throw new Fault(413, `What the body has besides long lists of numbers is larger than ${most} MiB. Send it in parts.`);
    }
    take(bytes.length);
    if (length > this.#text.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, Math.min(2 * this.#text.length, mostText), 4_096));
      larger.set(this.#text.subarray(0, this.#textLength));
      this.#text = larger;
    }
    this.#text.set(bytes, this.#textLength);
    this.#textLength = length;
  }

  /** The list that is being read, as `inputs[0].samples[2].output_logprobs`. */
  #place(): string {
    return placeAtEnd(this.#text.subarray(0, this.#textLength).toString());
  }
}

/** What lists of numbers consist of: 1 for digits and a minus, with which a number begins, 2 for the rest. */
const OF_NUMBERS = new Uint8Array(256);
for (const byte of Buffer.from('-0123456789')) OF_NUMBERS[byte] = 1;
for (const byte of Buffer.from('+.eE, \t\n\r')) OF_NUMBERS[byte] = 2;

function beginsNumbers(bytes: Buffer, from: number): boolean {
  const to = from + BEGINNING;
  if (to > bytes.length) return false;
  let at = from;
  while (at < to && bytes[at]! <= 0x20) at += 1;
  if (at === to || OF_NUMBERS[bytes[at]!] !== 1) return false;
  while (at < to && OF_NUMBERS[bytes[at]!] !== 0) at += 1;
  return at === to;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
