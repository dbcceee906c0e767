/** Spans that this process committed last, for whoever follows it all: they need not be read back from the file. */
import type { Cell } from './rows.ts';
import { rowOf } from './span-rows.ts';
import type { SpanFeed } from './store.ts';

const MOST_ROWS = 8_192;
const MOST_CHARACTERS = 8 * 1024 * 1024;

export class RecentSpans {
  /** In the order of all spans, without a gap: what another process committed between them ends the row. */
  #rows: Cell[][] = [];
  /** The place of the first of them. */
  #first = 0;
  #characters = 0;
  #isFollowed = false;

  /**
   * These are committed.
   * @param last the place of the last; undefined when some of them were there before, and have other places
   */
  add(rows: readonly Cell[][], last: number | undefined): void {
    if (!this.#isFollowed || rows.length === 0) return;
    const first = last === undefined ? undefined : last - rows.length + 1;
    if (first === undefined || first !== this.#first + this.#rows.length) this.#rows = [];
    if (first === undefined) return;
    if (this.#rows.length === 0) [this.#first, this.#characters] = [first, 0];
    for (const row of rows) this.#characters += sizeOf(row);
    this.#rows.push(...rows);
    let dropped = 0;
    while (this.#rows.length - dropped > MOST_ROWS || this.#characters > MOST_CHARACTERS) {
      this.#characters -= sizeOf(this.#rows[dropped++] ?? []);
    }
    if (dropped > 0) this.#rows.splice(0, dropped);
    this.#first += dropped;
  }

  /** @returns undefined when the file has to be asked: others may have come, or these are not here any more */
  since(cursor: number, limit: number): SpanFeed | undefined {
    this.#isFollowed = true;
    const from = cursor + 1 - this.#first;
    if (from < 0 || from >= this.#rows.length) return undefined;
    const rows = this.#rows.slice(from, from + limit).map(rowOf);
    return { rows, cursor: cursor + rows.length };
  }
}

function sizeOf(row: readonly Cell[]): number {
  return String(row.at(-1) ?? '').length;
}
