/**
 * One JSON object per line. Reads bytes in any cut, bounds what it holds, and leaves the bytes
 * after a frame untouched, because after `tunnel.open` they belong to another protocol.
 */
import { HudError } from './errors.ts';
import { isPlainObject, parseJson, stringifyJson, type JsonObject } from './json.ts';
import { MAX_FRAME_BYTES } from './messages.ts';

const NEWLINE = 0x0a;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
// Drops a byte order mark at the start of a line, as Python does.
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The bytes of one frame, newline included. Non-ASCII travels raw: escaped it would be up to six times larger. */
export function encodeFrame(message: JsonObject): Uint8Array {
  return encoder.encode(`${stringifyJson(message)}\n`);
}

/**
 * Cuts a byte stream into frames. Not a stream itself: the owner feeds it and asks for frames, so
 * that it can stop reading while a handler runs, or take the rest away as raw bytes.
 *
 * A chunk that arrives while nothing waits is read in place. Otherwise bytes gather in one growing buffer,
 * so that neither one-byte chunks nor a line of the greatest length cost quadratic time.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #buffer: Uint8Array = EMPTY;
  /** The bytes not consumed yet are those of `#buffer` in [start, end). */
  #start = 0;
  #end = 0;
  /** Up to here the bytes are known to hold no newline, so that a long line is scanned once. */
  #scanned = 0;
  /** The buffer is ours to write into, not a chunk that the owner still holds. */
  #isOwnBuffer = false;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#start === this.#end) {
      this.#hold(chunk, 0, chunk.length, false);
      this.#scanned = 0;
      return;
    }
    if (!this.#isOwnBuffer || this.#end + chunk.length > this.#buffer.length) this.#grow(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next complete frame, or undefined when more bytes are needed.
   * @throws HudError FRAME_TOO_LARGE as soon as the line exceeds the limit, PROTOCOL_ERROR for bytes
   *   that are not one JSON object
   */
  next(): JsonObject | undefined {
    const newline = this.#findNewline();
    this.#assertFits((newline ?? this.#end) - this.#start);
    if (newline === undefined) return undefined;
    const line = this.#buffer.subarray(this.#start, newline);
    this.#start = newline + 1;
    if (this.#start === this.#end) this.#clear();
    return parseFrame(line);
  }

  /** The last line of a stream that ended without a newline, if there is one. */
  last(): JsonObject | undefined {
    this.#assertFits(this.bufferedBytes);
    const rest = this.rest();
    return rest.length === 0 ? undefined : parseFrame(rest);
  }

  /** Everything not consumed yet; the reader is empty afterwards. */
  rest(): Uint8Array {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    this.#clear();
    return rest;
  }

  #findNewline(): number | undefined {
    const from = Math.max(this.#start, this.#scanned);
    const at = this.#buffer.subarray(from, this.#end).indexOf(NEWLINE);
    this.#scanned = at < 0 ? this.#end : from + at;
    return at < 0 ? undefined : from + at;
  }

  #assertFits(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new HudError('FRAME_TOO_LARGE', `A line of more than ${this.#maxBytes} bytes arrived on the control channel.`, {
      rpcCode: -32700,
      hint: 'Send large data through a capability stream, or raise the frame limit on both peers.',
    });
  }

  /** Moves what is left into a buffer of our own with room for `more` bytes; one line alone never takes more than the limit. */
  #grow(more: number): void {
    const left = this.bufferedBytes;
    const needed = left + more;
    const roomy = needed > this.#maxBytes ? Math.ceil(needed * 1.25) : Math.min(needed * 2, this.#maxBytes + 1);
    const buffer = new Uint8Array(roomy);
    buffer.set(this.#buffer.subarray(this.#start, this.#end));
    this.#scanned = Math.max(0, this.#scanned - this.#start);
    this.#hold(buffer, 0, left, true);
  }

  #clear(): void {
    this.#hold(EMPTY, 0, 0, false);
    this.#scanned = 0;
  }

  #hold(buffer: Uint8Array, start: number, end: number, isOwn: boolean): void {
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
    this.#isOwnBuffer = isOwn;
  }
}

function parseFrame(line: Uint8Array): JsonObject {
  let text: string;
  try {
    text = decoder.decode(line);
  } catch (cause) {
    throw new HudError('PROTOCOL_ERROR', 'A line on the control channel is not UTF-8.', { rpcCode: -32700, cause });
  }
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new HudError('PROTOCOL_ERROR', `A line on the control channel is not JSON: ${excerpt(text)}`, { rpcCode: -32700, cause });
  }
  if (isPlainObject(value)) return value;
  throw new HudError('PROTOCOL_ERROR', `A line on the control channel is not a JSON object: ${excerpt(text)}`, { rpcCode: -32600 });
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
