/** Long work in pieces: whoever else waits for this thread goes in between. */
import { setImmediate as turn } from 'node:timers/promises';

/** Longest work without a pause, in milliseconds, but for the piece that exceeds it. */
const SLICE_MS = 10;

export class Breath {
  #since = performance.now();

  /** Between two pieces. */
  async taken(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await turn();
    this.#since = performance.now();
  }
}
