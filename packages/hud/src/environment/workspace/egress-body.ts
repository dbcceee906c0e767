/** Request bodies of unknown length, collected within bounds. */
import type { IncomingMessage } from 'node:http';

/** Of one body. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Of all bodies that are being held in this process: a hundred clients must not fill its memory. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
let held = 0;

/** @returns the body without its chunks; undefined when it is malformed, too long or cut off. Never rejects. */
export async function readDechunked(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length;
      held += part.length;
      if (size > MAX_BODY_BYTES || held > MAX_HELD_BYTES) return undefined;
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch {
    return undefined; // broken chunks and lost connections alike: the client's fault, and told as such
  } finally {
    held -= size;
  }
}
