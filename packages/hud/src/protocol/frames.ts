/**
 * One JSON object per line. Reads bytes in any cut, bounds what it holds, and leaves the bytes
 * after a frame untouched, because after `tunnel.open` they belong to another protocol.
 */
import { HudError } from './errors.ts';
import { isPlainObject, parseJson, stringifyJson, type JsonObject } from './json.ts';
import { MAX_FRAME_BYTES } from './messages.ts';

const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** The bytes of one frame, newline included. Non-ASCII travels raw: escaped it would be up to six times larger. */
export function encodeFrame(message: JsonObject): Uint8Array {
  return encoder.encode(`${stringifyJson(message)}\n`);
}

/**
 * Cuts a byte stream into frames. Not a stream itself: the owner feeds it and asks for frames, so
 * that it can stop reading while a handler runs, or take the rest away as raw bytes.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes of the first chunks known to hold no newline, so that a long line is scanned once. */
  #scannedChunks = 0;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get bufferedBytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * The next complete frame, or undefined when more bytes are needed.
   * @throws HudError FRAME_TOO_LARGE as soon as the line exceeds the limit, PROTOCOL_ERROR for bytes
   *   that are not one JSON object
   */
  next(): JsonObject | undefined {
    const line = this.#takeLine();
    return line === undefined ? undefined : parseFrame(line);
  }

  /** The last line of a stream that ended without a newline, if there is one. */
  last(): JsonObject | undefined {
    const rest = this.rest();
    return rest.length === 0 ? undefined : parseFrame(rest);
  }

  /** Everything not consumed yet; the reader is empty afterwards. */
  rest(): Uint8Array {
    const rest = concat(this.#chunks, this.#bytes);
    this.#chunks = [];
    this.#bytes = 0;
    this.#scannedChunks = 0;
    return rest;
  }

  #takeLine(): Uint8Array | undefined {
    let before = 0;
    for (let i = 0; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i] as Uint8Array;
      const at = i < this.#scannedChunks ? -1 : chunk.indexOf(NEWLINE);
      if (at >= 0) {
        this.#assertFits(before + at);
        const line = concat([...this.#chunks.slice(0, i), chunk.subarray(0, at)], before + at);
        const rest = chunk.subarray(at + 1);
        this.#chunks = rest.length === 0 ? this.#chunks.slice(i + 1) : [rest, ...this.#chunks.slice(i + 1)];
        this.#bytes -= line.length + 1;
        this.#scannedChunks = 0;
        return line;
      }
      before += chunk.length;
    }
    this.#scannedChunks = this.#chunks.length;
    this.#assertFits(this.#bytes);
    return undefined;
  }

  #assertFits(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new HudError('FRAME_TOO_LARGE', `A line of more than ${this.#maxBytes} bytes arrived on the control channel.`, {
      rpcCode: -32700,
      hint: 'Send large data through a capability stream, or raise the frame limit on both peers.',
    });
  }
}

function parseFrame(line: Uint8Array): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line);
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

function concat(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
