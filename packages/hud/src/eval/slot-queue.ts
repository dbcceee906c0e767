/**
 * In which order runs start. The first repeat of the next few tasks goes ahead, to learn how long each
 * takes; of those the longest begins next, because what starts last must be short if all are to end
 * together. A group that has begun is started as a whole before another. Retries come last.
 */
import type { Task } from '../protocol/task.ts';

export interface Slot {
  task: Task;
  /** 0-based place among all slots of the job. */
  order: number;
  repeat: number;
  /** 1 for the first try, whichever process made it. */
  attempt: number;
  /** How often this process has tried it again. */
  tries: number;
  groupId: string;
}

interface Group {
  slots: Slot[];
  /** When its first run started, and how long it took once it ended; in milliseconds. */
  startedAt?: number;
  tookMs?: number;
}

export class SlotQueue {
  readonly #now: () => number;
  readonly #lookahead: number;
  /** Not begun, in order; from `#next` on. */
  readonly #groups: Group[];
  #next = 0;
  /** Whose first run went ahead. */
  readonly #scouted: Group[] = [];
  #begun: Group | undefined;
  readonly #retries: Slot[] = [];
  readonly #byFirst = new Map<Slot, Group>();
  #size = 0;

  /**
   * @param groups the runs of each task, none empty
   * @param options `lookahead`: how many tasks may be known ahead; 0 keeps the given order
   */
  constructor(groups: readonly Slot[][], options: { now: () => number; lookahead: number }) {
    this.#groups = groups.map((slots) => ({ slots: [...slots] }));
    this.#now = options.now;
    this.#lookahead = options.lookahead;
    for (const slots of groups) this.#size += slots.length;
  }

  /** Slots that wait. */
  get size(): number {
    return this.#size;
  }

  take(): Slot | undefined {
    const slot = this.#takeNext();
    if (slot !== undefined) this.#size -= 1;
    return slot;
  }

  /** Once more, after everything else. */
  retry(slot: Slot): void {
    this.#retries.push(slot);
    this.#size += 1;
  }

  ended(slot: Slot): void {
    const group = this.#byFirst.get(slot);
    if (group?.startedAt !== undefined) group.tookMs = this.#now() - group.startedAt;
    this.#byFirst.delete(slot);
  }

  #takeNext(): Slot | undefined {
    if (this.#begun !== undefined && this.#begun.slots.length > 0) return this.#begun.slots.shift();
    const next = this.#groups[this.#next];
    if (next !== undefined && (this.#lookahead === 0 || this.#scouted.length < this.#lookahead)) return this.#scout(next);
    const longest = this.#longest();
    if (longest === undefined) return this.#retries.shift();
    this.#scouted.splice(this.#scouted.indexOf(longest), 1);
    this.#begun = longest;
    return longest.slots.shift();
  }

  #scout(group: Group): Slot {
    this.#next += 1;
    const first = group.slots.shift() as Slot;
    if (this.#lookahead === 0) this.#begun = group;
    else if (group.slots.length > 0) this.#watch(group, first);
    return first;
  }

  #watch(group: Group, first: Slot): void {
    group.startedAt = this.#now();
    this.#scouted.push(group);
    this.#byFirst.set(first, group);
  }

  /** One that still runs has taken at least as long as it has been running. */
  #longest(): Group | undefined {
    const now = this.#now();
    let longest: Group | undefined;
    let length = -1;
    for (const group of this.#scouted) {
      const ms = group.tookMs ?? now - (group.startedAt ?? now);
      if (ms > length) [longest, length] = [group, ms];
    }
    return longest;
  }
}
