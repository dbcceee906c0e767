/** What was refused of a request, in the order of what was sent. */
import { api } from 'hud/protocol';

export interface Rejection {
  /** From 0. */
  index: number;
  /** For people. */
  reason: string;
}

export class Rejections {
  readonly #listed: Rejection[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(index: number, reason: string): void {
    this.#count += 1;
    if (this.#listed.length < api.ingest.MAX_REJECTED_LISTED) this.#listed.push({ index, reason });
  }

  list(): Rejection[] {
    return this.#listed.toSorted((a, b) => a.index - b.index);
  }
}
