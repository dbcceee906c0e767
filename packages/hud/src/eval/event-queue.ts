/** Between a producer that never waits and a reader that may be slow: bounded, and honest about what is cut. */

const MAX_QUEUED = 10_000;

export class EventQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #mayDrop: (item: T) => boolean;
  #end: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** @param mayDrop events that a full queue leaves out; the others always get through */
  constructor(mayDrop: (item: T) => boolean) {
    this.#mayDrop = mayDrop;
  }

  push(item: T): void {
    if (this.#items.length >= MAX_QUEUED && this.#mayDrop(item)) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** The reader gets what is queued, then the end or the error. */
  end(failure: { error?: unknown } = {}): void {
    this.#end ??= failure;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#items.length > 0) yield* this.#items.splice(0);
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
