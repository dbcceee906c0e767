/** Output of a command with a limit: the beginning and the end are kept, the middle is cut. */

const MARKER = Buffer.from('[truncated]');

/** Bytes of one stream, of which no more are held than a limit can show. */
export class Capture {
  readonly #limitBytes: number;
  readonly #first: Uint8Array[] = [];
  readonly #last: Uint8Array[] = [];
  #firstBytes = 0;
  #lastBytes = 0;
  /** That ever came. */
  totalBytes = 0;

  /** Holds at most twice `limitBytes` and a chunk. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Uint8Array): void {
    this.totalBytes += chunk.length;
    const room = Math.min(chunk.length, this.#limitBytes - this.#firstBytes);
    if (room > 0) {
      this.#first.push(room === chunk.length ? chunk : chunk.subarray(0, room));
      this.#firstBytes += room;
    }
    if (room === chunk.length) return;
    this.#last.push(chunk.subarray(Math.max(room, 0)));
    this.#lastBytes += chunk.length - Math.max(room, 0);
    while (this.#lastBytes - (this.#last[0]?.length ?? 0) >= this.#limitBytes) this.#lastBytes -= this.#last.shift()?.length ?? 0;
  }

  /** The first `bytes`, at most the limit. */
  head(bytes: number): Buffer {
    return Buffer.concat(this.#first).subarray(0, bytes);
  }

  /** The last `bytes`, at most the limit. */
  tail(bytes: number): Buffer {
    if (bytes === 0) return Buffer.alloc(0);
    return Buffer.concat(this.#lastBytes >= bytes ? this.#last : [...this.#first, ...this.#last]).subarray(-bytes);
  }

  all(): Buffer {
    return Buffer.concat(this.#first);
  }
}

export interface Output {
  stdout: string;
  stderr: string;
}

/**
 * Cuts `[truncated]` out of the middle of stdout followed by stderr, so that both and the marker together have no
 * more than `limitBytes` of UTF-8. A character that the cut would break goes with the middle.
 */
export function boundOutput({ stdout, stderr }: Output, limitBytes: number): Output {
  return boundCaptures(captureOf(stdout), captureOf(stderr), limitBytes);
}

function captureOf(text: string): Capture {
  const bytes = Buffer.from(text);
  const capture = new Capture(bytes.length);
  capture.add(bytes);
  return capture;
}

/** The same for bytes as they came; what is no UTF-8 becomes U+FFFD. */
export function boundCaptures(out: Capture, err: Capture, limitBytes: number): Output & { isTruncated: boolean } {
  if (out.totalBytes + err.totalBytes <= limitBytes) {
    return { stdout: out.all().toString(), stderr: err.all().toString(), isTruncated: false };
  }
  if (limitBytes <= MARKER.length) {
    return { stdout: MARKER.subarray(0, limitBytes).toString(), stderr: '', isTruncated: true };
  }
  const head = Math.floor((limitBytes - MARKER.length) / 2);
  const tail = limitBytes - MARKER.length - head;
  const errTail = Math.min(tail, err.totalBytes);
  if (out.totalBytes > head) {
    const stdout = around(out.head(head), out.tail(Math.min(tail - errTail, out.totalBytes - head)));
    return { stdout, stderr: endOf(err, errTail), isTruncated: true };
  }
  const stderr = around(err.head(head - out.totalBytes), err.tail(errTail));
  return { stdout: out.all().toString(), stderr, isTruncated: true };
}

function around(head: Buffer, tail: Buffer): string {
  return `${withoutHalfLast(head).toString()}${MARKER.toString()}${withoutHalfFirst(tail).toString()}`;
}

function endOf(capture: Capture, bytes: number): string {
  return (bytes === capture.totalBytes ? capture.all() : withoutHalfFirst(capture.tail(bytes))).toString();
}

function withoutHalfLast(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return charLength(byte) > back ? bytes.subarray(0, -back) : bytes;
    if (byte < 0x80) return bytes;
  }
  return bytes;
}

function charLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

function withoutHalfFirst(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start);
}
