/** Arrays of texts in PostgreSQL's binary form. As text, the quotes of JSON cost more than everything else of a span. */
import { withoutNul } from '../database.ts';

/** Number of dimensions, whether there are NULLs, type of the elements, their count, the first's index. */
const HEAD_BYTES = 20;
const TEXT_OID = 25;

/** For a place that is cast to `text[]`. */
export function textArray(given: readonly string[]): Buffer {
  const texts = given.map((text) => withoutNul(text) as string);
  const sizes = texts.map((text) => Buffer.byteLength(text));
  const array = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + 4 + size, HEAD_BYTES));
  let at = 0;
  for (const number of [1, 0, TEXT_OID, texts.length, 1]) at = array.writeInt32BE(number, at);
  for (const [index, text] of texts.entries()) {
    at = array.writeInt32BE(sizes[index] ?? 0, at);
    at += array.write(text, at);
  }
  return array;
}
