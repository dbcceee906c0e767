/** Reads single members out of JSON that flows by, byte by byte, and holds on to nothing else. */

/** A wanted object larger than this is no usage. */
const MAX_CAPTURE = 65_536;
const MAX_KEY = 64;
/** Members are looked for at most this deep. */
const MAX_DEPTH = 3;

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/** What lists have in a path in place of a name. */
const ELEMENT = '[]';

export class JsonSkim {
  /** `usage`, `response.usage`; in a list of objects, of any of them. */
  readonly #wanted: ReadonlySet<string>;
  readonly #onFound: (value: Record<string, unknown>) => void;
  #depth = 0;
  /** 1 when everything is in a list, whose members count as the top. */
  #offset = 0;
  #isInString = false;
  #isEscaped = false;
  #isKeyNext = false;
  /** Bytes of the key that is being read. */
  #key: number[] | undefined;
  /** By depth: the name under which what is open, or comes next, stands. */
  readonly #names: string[] = [];
  /** By depth, 1-based, as far as names matter: is it an object? */
  readonly #isObject: boolean[] = [];
  #captured: Buffer[] | undefined;
  #capturedSize = 0;
  #captureDepth = 0;
  #isBroken = false;

  constructor(wanted: readonly string[], onFound: (value: Record<string, unknown>) => void) {
    this.#wanted = new Set(wanted);
    this.#onFound = onFound;
  }

  /** The value that began has ended, or can't be read on. */
  get isDone(): boolean {
    return this.#isBroken || (this.#depth === 0 && this.#names.length > 0);
  }

  reset(): void {
    this.#depth = this.#offset = 0;
    this.#isInString = this.#isEscaped = this.#isKeyNext = this.#isBroken = false;
    this.#key = this.#captured = undefined;
    this.#names.length = this.#isObject.length = 0;
  }

  push(chunk: Buffer, from = 0, to = chunk.length): void {
    let captureFrom = from;
    for (let i = from; i < to && !this.#isBroken; i++) {
      const byte = chunk[i] as number;
      if (this.#isInString) this.#inString(byte);
      else if (byte === QUOTE) this.#beginString();
      else if (byte === OPEN || byte === OPEN_LIST) {
        if (this.#open(byte === OPEN)) captureFrom = i;
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        if (this.#captured !== undefined && this.#depth === this.#captureDepth) {
          this.#capture(chunk, captureFrom, i + 1);
          this.#endCapture();
        }
        this.#close();
      } else if (byte === COLON) this.#isKeyNext = false;
      else if (byte === COMMA) this.#isKeyNext = this.#isObject[this.#depth] === true;
    }
    this.#capture(chunk, captureFrom, to);
  }

  #beginString(): void {
    this.#isInString = true;
    if (this.#isKeyNext && this.#depth - this.#offset <= MAX_DEPTH) this.#key = [];
  }

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) {
      this.#isInString = false;
      if (this.#key !== undefined) this.#names[this.#depth] = Buffer.from(this.#key).toString('latin1');
      this.#key = undefined;
      return;
    }
    if (this.#key !== undefined && this.#key.length < MAX_KEY) this.#key.push(byte);
  }

  /** @returns whether what begins here is wanted */
  #open(isObject: boolean): boolean {
    if (this.#depth === 0 && !isObject) this.#offset = 1;
    const isWanted = isObject && this.#captured === undefined && this.#wanted.has(this.#path());
    this.#depth += 1;
    if (this.#depth - this.#offset <= MAX_DEPTH) {
      this.#isObject[this.#depth] = isObject;
      this.#names[this.#depth] = ELEMENT;
    }
    this.#isKeyNext = isObject;
    if (!isWanted) return false;
    this.#captured = [];
    this.#capturedSize = 0;
    this.#captureDepth = this.#depth;
    return true;
  }

  #path(): string {
    if (this.#depth - this.#offset > MAX_DEPTH - 1) return '';
    return this.#names.slice(1 + this.#offset, this.#depth + 1).join('.');
  }

  #close(): void {
    this.#depth -= 1;
    if (this.#depth < 0) this.#isBroken = true;
    this.#isKeyNext = false;
  }

  #capture(chunk: Buffer, from: number, to: number): void {
    if (this.#captured === undefined) return;
    this.#capturedSize += to - from;
    if (this.#capturedSize > MAX_CAPTURE) this.#captured = undefined;
    else this.#captured.push(Buffer.from(chunk.subarray(from, to)));
  }

  #endCapture(): void {
    const text = Buffer.concat(this.#captured ?? []).toString('utf8');
    this.#captured = undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return; // broken JSON tells no usage
    }
    this.#onFound(value as Record<string, unknown>);
  }
}
