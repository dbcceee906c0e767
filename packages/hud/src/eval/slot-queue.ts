/**
 * In which order runs start. The first repeat of every task goes ahead, to learn how long each takes;
 * then the longest task comes next, because what starts last must be short if all are to end together.
 * A group that has begun is started as a whole before another. Retries come last.
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
  /** Slots of this group in the batch. */
  groupSize: number;
}

interface Group {
  /** Not started yet, the next one last. */
  slots: Slot[];
  startedAt: number;
  tookMs: number;
}

export interface QueueOptions {
  /** Milliseconds, never going back. */
  now: () => number;
  /** Groups start in the given order, each as a whole. */
  inOrder: boolean;
}

export class SlotQueue {
  readonly #options: QueueOptions;
  /** Not begun, the next one last. */
  readonly #groups: Group[];
  /** First runs that went ahead and still run, the oldest first. */
  readonly #scouts = new Map<Slot, Group>();
  /** Groups whose first run has ended, the longest last. */
  readonly #known: Group[] = [];
  #begun: Group | undefined;
  readonly #retries: Slot[] = [];
  #size = 0;

  /** @param groups the runs of each task, none empty */
  constructor(groups: readonly Slot[][], options: QueueOptions) {
    this.#options = options;
    this.#groups = groups.map((slots) => ({ slots: slots.toReversed(), startedAt: 0, tookMs: 0 })).toReversed();
    for (const slots of groups) this.#size += slots.length;
  }

  /** Slots that wait. */
  get size(): number {
    return this.#size;
  }

  take(): Slot | undefined {
    const slot = this.#begun?.slots.pop() ?? this.#scout() ?? this.#begin() ?? this.#retries.shift();
    if (slot !== undefined) this.#size -= 1;
    return slot;
  }

  /** Once more, after everything else. */
  retry(slot: Slot): void {
    this.#retries.push(slot);
    this.#size += 1;
  }

  ended(slot: Slot): void {
    const group = this.#scouts.get(slot);
    if (group === undefined) return;
    this.#scouts.delete(slot);
    group.tookMs = this.#options.now() - group.startedAt;
    this.#known.splice(this.#known.findLastIndex(({ tookMs }) => tookMs <= group.tookMs) + 1, 0, group);
  }

  #scout(): Slot | undefined {
    const group = this.#groups.pop();
    const first = group?.slots.pop();
    if (group === undefined || first === undefined) return undefined;
    if (this.#options.inOrder) {
      this.#begun = group;
    } else if (group.slots.length > 0) {
      group.startedAt = this.#options.now();
      this.#scouts.set(first, group);
    }
    return first;
  }

  /** The group that takes longest; one whose first run still runs has taken at least as long as that. */
  #begin(): Slot | undefined {
    const [running] = this.#scouts;
    const known = this.#known.at(-1);
    const runningMs = running === undefined ? -1 : this.#options.now() - running[1].startedAt;
    if (running !== undefined && runningMs >= (known?.tookMs ?? 0)) {
      this.#scouts.delete(running[0]);
      this.#begun = running[1];
    } else {
      this.#begun = this.#known.pop();
    }
    return this.#begun?.slots.pop();
  }
}
