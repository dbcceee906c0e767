/** The server names in the first bytes of a TLS connection, read without taking part in it. */

export type Opening =
  | { kind: 'more'; bytesNeeded: number } // not all of it has arrived; with fewer bytes than these there is no point in asking again
  | { kind: 'other' } // not TLS
  | { kind: 'malformed' } // begins like TLS, and then is not
  | { kind: 'tls'; names: string[] };

/** Of a ClientHello; key shares of today's algorithms take 2 KiB. */
export const MAX_HELLO_BYTES = 65_536;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** @param bytes that the client has sent so far */
export function readOpening(bytes: Buffer): Opening {
  if (bytes.length === 0) return { kind: 'more', bytesNeeded: 1 };
  if (bytes[0] !== HANDSHAKE_RECORD || (bytes.length > 1 && bytes[1] !== 3)) return { kind: 'other' };
  const handshake = joinRecords(bytes);
  if (handshake === undefined) return { kind: 'malformed' };
  if (handshake.length >= 1 && handshake[0] !== CLIENT_HELLO) return { kind: 'malformed' };
  const end = handshake.length < 4 ? 4 : 4 + handshake.readUIntBE(1, 3);
  if (end > MAX_HELLO_BYTES || bytes.length > 2 * MAX_HELLO_BYTES) return { kind: 'malformed' };
  if (handshake.length < end || end === 4) return { kind: 'more', bytesNeeded: bytes.length + Math.max(1, end - handshake.length) };
  try {
    return { kind: 'tls', names: serverNames(new Reader(handshake.subarray(4, end))) };
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'malformed' };
    throw error;
  }
}

/** A hello may be cut into records anywhere. */
function joinRecords(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const length = bytes.readUInt16BE(at + 3);
    const isHandshake = bytes[at] === HANDSHAKE_RECORD && bytes[at + 1] === 3 && length > 0;
    // What follows a whole hello (early data) is none of our business.
    if (!isHandshake) return isWhole(parts) ? Buffer.concat(parts) : undefined;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return Buffer.concat(parts);
}

function isWhole(parts: readonly Buffer[]): boolean {
  const joined = Buffer.concat(parts);
  return joined.length >= 4 && joined.length >= 4 + joined.readUIntBE(1, 3);
}

function serverNames(hello: Reader): string[] {
  hello.skip(2 + 32); // version, random
  hello.vector(1); // session id
  hello.vector(2); // cipher suites
  hello.vector(1); // compression methods
  const names: string[] = [];
  if (hello.isAtEnd) return names;
  const extensions = hello.vector(2);
  while (!extensions.isAtEnd) {
    const type = extensions.uint(2);
    const content = extensions.vector(2);
    if (type === SERVER_NAME && !content.isAtEnd) names.push(...hostNames(content.vector(2)));
  }
  return names;
}

function hostNames(list: Reader): string[] {
  const names: string[] = [];
  while (!list.isAtEnd) {
    const type = list.uint(1);
    const name = list.vector(2).text();
    if (type === HOST_NAME) names.push(name);
  }
  return names;
}

/** Throws RangeError past the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  skip(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new RangeError('cut short');
    this.#at += count;
  }

  uint(size: number): number {
    this.skip(size);
    return this.#bytes.readUIntBE(this.#at - size, size);
  }

  /** What a length of `size` bytes announces. */
  vector(size: number): Reader {
    const length = this.uint(size);
    this.skip(length);
    return new Reader(this.#bytes.subarray(this.#at - length, this.#at));
  }

  text(): string {
    return this.#bytes.toString('latin1');
  }
}
