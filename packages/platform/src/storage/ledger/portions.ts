/** Rows for one statement each: few different numbers of rows, so that few statements are ever prepared. */

const MAX_ROWS = 128;

/** As many rows at a time as a power of two, at most 128. */
export function* portions<T>(rows: readonly T[]): Generator<readonly T[]> {
  let size = MAX_ROWS;
  for (let at = 0; at < rows.length; at += size) {
    while (size > rows.length - at) size /= 2;
    yield rows.slice(at, at + size);
  }
}
