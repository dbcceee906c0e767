/** A request's body of any size, made piece by piece: a batch can be longer than a string, and takes seconds to write. */
import type { JsonObject } from '../protocol/json.ts';

/** The loop is given way to after this much work, in milliseconds. */
const SLICE_MS = 20;

/** JSON in UTF-8. Lists are written member by member. @param signal ends it between two members */
export async function bytesOf(body: JsonObject, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Buffer[] = [];
  const pause = pauses(signal);
  for (const [i, [name, value]] of Object.entries(body).entries()) {
    parts.push(Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`));
    if (!Array.isArray(value)) {
      parts.push(Buffer.from(JSON.stringify(value)));
      continue;
    }
    parts.push(Buffer.from('['));
    for (const [at, member] of value.entries()) {
      parts.push(Buffer.from(`${at === 0 ? '' : ','}${JSON.stringify(member)}`));
      await pause();
    }
    parts.push(Buffer.from(']'));
  }
  parts.push(Buffer.from(parts.length === 0 ? '{}' : '}'));
  return Buffer.concat(parts);
}

/** To be called between two pieces of long work. */
export function pauses(signal: AbortSignal | undefined): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    since = performance.now();
  };
}
