/** What of a conversation is still sent when it has grown: old screenshots cost most and say least. */

/** Takes the place of a screenshot that is no longer sent. */
export const DROPPED_SCREENSHOT = '[An earlier screenshot is no longer shown.]';
const DEFAULT_KEEP = 5;

/**
 * The newest images of a conversation. They go in batches, `keep` at a time once there are twice as many: each
 * change to what was sent before makes the vendor's prompt cache useless, so it is made seldom.
 */
export class RecentImages {
  readonly #keep: number;
  readonly #drops: (() => void)[] = [];

  /** @param keep at least 1; Infinity drops none @default 5 */
  constructor(keep = DEFAULT_KEEP) {
    this.#keep = Math.max(1, keep);
  }

  /** @param drop puts a note in the place of the image, when its time has come */
  add(drop: () => void): void {
    this.#drops.push(drop);
    if (this.#drops.length < 2 * this.#keep) return;
    for (const old of this.#drops.splice(0, this.#drops.length - this.#keep)) old();
  }
}
