/** Takes `{"telemetry": [span, …]}` apart while it arrives, so that no more of it is in memory than one span. */
import { Fault } from '../../fault.ts';
import { Nesting } from './nesting.ts';

type Expected = 'object' | 'key' | 'colon' | 'value' | 'next member' | 'element' | 'next element' | 'nothing';

const WANTED = '"telemetry"';
/** Of a member's name, in bytes. */
const MAX_KEY = 256;

export class TelemetryBody {
  readonly #nesting = new Nesting();
  #expected: Expected = 'object';
  /** Begun in earlier chunks. */
  #parts: Uint8Array[] = [];
  #size = 0;
  /** What a value that is under way is. */
  #inside: 'key' | 'element' | 'skipped' | 'scalar' | undefined;
  #key = '';
  #mayClose = false;
  #hasSpans = false;

  /**
   * @returns the texts of the elements that ended in this chunk; valid until the next call
   * @throws Fault 400 at the first byte that can't belong to such a body
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const elements: Uint8Array[] = [];
    for (let at = 0; at < chunk.length;) at = this.#inside === undefined ? this.#between(chunk, at) : this.#within(chunk, at, elements);
    return elements;
  }

  /** @throws Fault 400 when the body is not complete */
  end(): void {
    if (this.#expected !== 'nothing') throw malformed('it ends early');
    if (!this.#hasSpans) throw malformed('it has no member telemetry');
  }

  /** One byte outside of any value. @returns where to go on */
  #between(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] as number;
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return at + 1;
    const symbol = String.fromCharCode(byte);
    switch (this.#expected) {
      case 'object':
        return this.#take(symbol === '{', 'key', at, true);
      case 'key':
        if (symbol === '}' && this.#mayClose) return this.#take(true, 'nothing', at);
        return this.#begin(symbol === '"', 'key', at);
      case 'colon':
        return this.#take(symbol === ':', 'value', at);
      case 'value':
        return this.#member(symbol, at);
      case 'next member':
        return this.#take(symbol === ',' || symbol === '}', symbol === ',' ? 'key' : 'nothing', at);
      case 'element':
        if (symbol === ']' && this.#mayClose) return this.#take(true, 'next member', at);
        return this.#begin(symbol !== ']' && symbol !== ',', '{["'.includes(symbol) ? 'element' : 'scalar', at);
      case 'next element':
        return this.#take(symbol === ',' || symbol === ']', symbol === ',' ? 'element' : 'next member', at);
      default:
        throw malformed('something follows its end');
    }
  }

  #member(symbol: string, at: number): number {
    if (this.#key !== WANTED) return this.#begin(true, '{["'.includes(symbol) ? 'skipped' : 'scalar', at);
    if (this.#hasSpans) throw malformed('it has two members telemetry');
    this.#hasSpans = true;
    return this.#take(symbol === '[', 'element', at, true);
  }

  #take(isRight: boolean, next: Expected, at: number, mayClose = false): number {
    if (!isRight) throw malformed(this.#expected === 'object' ? 'it is no object' : `its ${this.#expected} is missing`);
    this.#expected = next;
    this.#mayClose = mayClose;
    return at + 1;
  }

  /** The value's first byte is at `at`, and is read again as part of it. */
  #begin(isRight: boolean, inside: 'key' | 'element' | 'skipped' | 'scalar', at: number): number {
    if (!isRight) throw malformed(`its ${this.#expected} is missing`);
    this.#inside = inside;
    return at;
  }

  #within(chunk: Uint8Array, from: number, elements: Uint8Array[]): number {
    const end = this.#inside === 'scalar' ? endOfScalar(chunk, from) : this.#nesting.advance(chunk, from, chunk.length);
    const isWhole = end >= 0;
    const to = isWhole ? end : chunk.length;
    const isKept = this.#inside !== 'skipped' && !(this.#inside === 'scalar' && this.#expected === 'value');
    if (isKept) this.#parts.push(chunk.subarray(from, to));
    this.#size += to - from;
    if (this.#size > MAX_KEY && (this.#inside === 'key' || this.#inside === 'scalar')) throw malformed('a name or a number is too long');
    if (isWhole) this.#finish(elements);
    return to;
  }

  #finish(elements: Uint8Array[]): void {
    const [only] = this.#parts;
    const bytes = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    if (this.#inside === 'key') {
      this.#key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
      this.#expected = 'colon';
    } else if (this.#expected === 'element') {
      elements.push(bytes);
      this.#expected = 'next element';
    } else {
      this.#expected = 'next member';
    }
    this.#parts = [];
    this.#size = 0;
    this.#inside = undefined;
  }
}

/** @returns the place of the byte after it; -1 when the chunk does not show it */
function endOfScalar(chunk: Uint8Array, from: number): number {
  for (let at = from; at < chunk.length; at += 1) if (' \n\r\t,]}'.includes(String.fromCharCode(chunk[at] as number))) return at;
  return -1;
}

function malformed(why: string): Fault {
  return new Fault(400, `The body is not {"telemetry": [span, …]}: ${why}.`);
}
