/** How much of what others send is in memory at once. */
import { Fault } from '../../fault.ts';

export class Load {
  readonly #most: number;
  #held = 0;

  /** @param most bytes, of all requests together */
  constructor(most: number) {
    this.#most = most;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** @throws Fault 503, which every sender tries again, when there is no room for more */
  take(bytes: number): void {
    if (this.#held + bytes > this.#most) throw new Fault(503, 'The platform takes in as much as it can; try again.', { retryAfter: 1 });
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** What one request holds of it. */
export class Held {
  readonly #load: Load;
  #bytes = 0;

  constructor(load: Load) {
    this.#load = load;
  }

  /** @throws Fault 503 */
  take(bytes: number): void {
    this.#load.take(bytes);
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    const most = Math.min(bytes, this.#bytes);
    this.#load.give(most);
    this.#bytes -= most;
  }

  giveAll(): void {
    this.give(this.#bytes);
  }
}
