/** Batches of `forward` that wait for their `backward`: once, on the weights that they were computed with. */
import { Fault } from '../fault.ts';
import { newId } from '../storage/tasksets/tasksets.ts';
import type { Trajectory, Turn } from './inputs.ts';

export interface Forward {
  turns: readonly Turn[];
  trajectories: readonly Trajectory[];
  groupSize: number | undefined;
  headId: string | null;
  /** Milliseconds since 1970. */
  createdAt: number;
}

const VALID_MS = 60 * 60_000;
/** Of one model, and tokens of them all together; the oldest goes. */
const MOST_OPEN = 8;
const MOST_TOKENS = 2 ** 24;
const MOST_REMEMBERED = 1_000;

export class Forwards {
  readonly #open = new Map<string, Forward>();
  /** Ids that were good once, and why they are not any more. */
  readonly #gone = new Map<string, string>();

  add(forward: Forward): string {
    const id = newId();
    this.#open.set(id, forward);
    for (const oldest of this.#open.keys()) {
      if (oldest === id || (this.#open.size <= MOST_OPEN && this.#tokens() <= MOST_TOKENS)) break;
      this.#forget(oldest, 'newer ones took its place');
    }
    return id;
  }

  /** @throws Fault 404 for an id that was never given, 409 for one that is used or stale */
  find(id: string, { headId, now }: { headId: string | null; now: number }): Forward {
    const forward = this.#open.get(id);
    if (forward !== undefined && now - forward.createdAt > VALID_MS) this.#forget(id, 'it is older than an hour');
    if (forward !== undefined && forward.headId !== headId) this.#forget(id, 'the weights have changed since');
    const found = this.#open.get(id);
    if (found !== undefined) return found;
    const why = this.#gone.get(id);
    if (why === undefined) throw new Fault(404, `There is no forward '${id.slice(0, 100)}' of this model; call \`forward\` first.`);
    throw new Fault(409, `Forward '${id}' is no longer open: ${why}. Call \`forward\` again.`);
  }

  use(id: string): void {
    this.#forget(id, 'it was used already');
  }

  /** The weights have changed. */
  drop(): void {
    for (const id of this.#open.keys()) this.#forget(id, 'the weights have changed since');
  }

  #tokens(): number {
    const each = [...this.#open.values()].flatMap(({ turns }) => turns.map(({ targets }) => targets.length));
    return each.reduce((sum, length) => sum + length, 0);
  }

  #forget(id: string, why: string): void {
    this.#open.delete(id);
    this.#gone.set(id, why);
    if (this.#gone.size > MOST_REMEMBERED) this.#gone.delete(this.#gone.keys().next().value ?? '');
  }
}
