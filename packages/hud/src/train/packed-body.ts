/** A batch as the platform reads it fastest: its numbers as they are in memory, see `protocol/packed.ts`. */
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { nodeHost } from '../host/node.ts';
import type { JsonObject } from '../protocol/json.ts';
import { PACKED_TYPE, type PackedHead } from '../protocol/packed.ts';
import { pauses } from './body.ts';

export interface EncodedBody {
  bytes: Uint8Array<ArrayBuffer>;
  headers: Record<string, string>;
}

type Numbers = readonly number[];
type ListType = PackedHead['lists'][number][0];

/** Shorter lists stay in the JSON. */
const LONG = 16;
/** Fewer numbers than this in long lists are written as JSON in no time. */
const WORTH_PACKING = 20_000;
/** Bytes; on the way to another machine it takes less time to compress than to send them. */
const WORTH_COMPRESSING = 1_048_576;

/**
 * @param isFar the platform is on another machine, and a long body is compressed
 * @returns undefined for what is short, or says nothing that JSON would not say as fast
 */
export async function packedBody(
  body: JsonObject,
  { isFar, signal }: { isFar: boolean; signal?: AbortSignal },
): Promise<EncodedBody | undefined> {
  const mark = `list-${nodeHost.randomHex(16)}-`;
  const long: Numbers[] = [];
  const placed = withoutLists(body, mark, long);
  if (long.reduce((sum, { length }) => sum + length, 0) < WORTH_PACKING) return undefined;
  const pause = pauses(signal);
  const types: ListType[] = [];
  for (const list of long) {
    types.push(typeOf(list));
    await pause();
  }
  const described = long.map(({ length }, i): PackedHead['lists'][number] => [types[i]!, length]);
  const head = Buffer.from(JSON.stringify({ mark, lists: described, body: placed } satisfies PackedHead));
  const size = described.reduce((sum, [type, length]) => sum + length * (type === 'int32' ? 4 : 8), 4 + head.length);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  let at = 4 + head.length;
  for (const [i, list] of long.entries()) {
    const packed = types[i] === 'int32' ? new Int32Array(list) : new Float64Array(list);
    bytes.set(new Uint8Array(packed.buffer), at);
    at += packed.byteLength;
    await pause();
  }
  return await encoded(bytes, isFar);
}

async function encoded(bytes: Uint8Array<ArrayBuffer>, isFar: boolean): Promise<EncodedBody> {
  const headers = { 'content-type': PACKED_TYPE };
  if (!isFar || bytes.length < WORTH_COMPRESSING) return { bytes, headers };
  const compressed = await promisify(zstdCompress)(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return { bytes: Uint8Array.from(compressed), headers: { ...headers, 'content-encoding': 'zstd' } };
}

/** The same value with marks in the place of its long lists of numbers, which are added to `long`. */
function withoutLists(value: unknown, mark: string, long: Numbers[]): unknown {
  if (Array.isArray(value)) {
    if (value.length >= LONG && isNumbers(value)) return `${mark}${long.push(value) - 1}`;
    return value.map((member) => withoutLists(member, mark, long));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutLists(member, mark, long)]));
}

/** Finite ones: others have no JSON. */
function isNumbers(list: readonly unknown[]): list is Numbers {
  for (let i = 0; i < list.length; i += 1) if (!Number.isFinite(list[i])) return false;
  return true;
}

function typeOf(list: Numbers): ListType {
  for (let i = 0; i < list.length; i += 1) if ((list[i]! | 0) !== list[i] || Object.is(list[i], -0)) return 'float64';
  return 'int32';
}
