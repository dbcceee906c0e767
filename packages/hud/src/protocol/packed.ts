/**
 * Bodies with millions of numbers: JSON whose long lists follow it as they are in memory. All of it is little-endian.
 *
 *     4 bytes      length of the head
 *     the head     JSON: {"mark": "…", "lists": [["int32", 32768], ["float64", 3], …], "body": …}
 *     the lists    one after the other, in the order of `lists`, with nothing between them
 *
 * Where a text of `body` is the mark and a number n, as in `mark17`, the n-th list stands, from 0, in one place. The mark is drawn for each body,
 * so that no text of the user's is taken for a place. It says the same as the JSON with the lists in their places, and no number
 * is rounded on the way.
 */
import { z } from 'zod';

/** The content-type of such a body. */
export const PACKED_TYPE = 'application/vnd.hud.packed';

export const PackedHead = z.object({
  mark: z.string().min(16).max(100),
  /** Type and length of each. */
  lists: z.array(z.tuple([z.enum(['int32', 'float64']), z.int().min(0)])),
  body: z.unknown(),
});
export type PackedHead = z.output<typeof PackedHead>;

export type NumberList = Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** All zeros. */
export function numberList(type: PackedHead['lists'][number][0], length: number): NumberList {
  return type === 'int32' ? new Int32Array(length) : new Float64Array(length);
}

/**
 * Puts lists where their marks stand, each once: a second mark of the same list stays a text, so that a short body has no more
 * numbers than it brought. Changes the value, which must be fresh from a parser that bounds its depth.
 * @returns it, or the list that takes its place
 */
export function placeLists(value: unknown, mark: string, lists: readonly NumberList[]): unknown {
  return placed(value, mark, [...lists]);
}

/** @param left those without a place yet */
function placed(value: unknown, mark: string, left: (NumberList | undefined)[]): unknown {
  if (typeof value === 'string') return value.startsWith(mark) ? (taken(value.slice(mark.length), left) ?? value) : value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) value[i] = placed(value[i], mark, left);
  } else if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      if (name === '__proto__') continue; // assigning it would change what the object is; nobody reads it
      members[name] = placed(members[name], mark, left);
    }
  }
  return value;
}

function taken(number: string, left: (NumberList | undefined)[]): NumberList | undefined {
  const index = Number(number);
  const list = left[index];
  if (list !== undefined) left[index] = undefined;
  return list;
}
