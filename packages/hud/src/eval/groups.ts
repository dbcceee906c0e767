/** Groups of repeats as a whole: when all have ended, and when the rest is no longer waited for. */
import type { Run } from '../client/run.ts';
import type { Host, Timer } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { Slot } from './slot-queue.ts';

interface GroupState {
  left: number;
  runs: Run[];
  running: Set<AbortController>;
  deadline?: Timer;
  releasedBy?: HudError;
}

/** All runs of one group, in order of repeat; those that its deadline released are of class `timeout`. */
export interface EndedGroup {
  groupId: string;
  runs: Run[];
}

export class GroupDeadlines implements Disposable {
  readonly #host: Host;
  readonly #seconds: number | undefined;
  readonly #groups = new Map<string, GroupState>();

  constructor(options: { host: Host; groupTimeout: number | undefined; groups: readonly Slot[][] }) {
    this.#host = options.host;
    this.#seconds = options.groupTimeout;
    for (const slots of options.groups) {
      const [first] = slots;
      if (first !== undefined) this.#groups.set(first.groupId, { left: slots.length, runs: [], running: new Set() });
    }
  }

  /** From now on the group's deadline interrupts this run; at once, when it has passed. */
  started(slot: Slot, interrupt: AbortController): void {
    const group = this.#groups.get(slot.groupId);
    if (group === undefined || this.#seconds === undefined) return;
    group.deadline ??= this.#deadline(group, this.#seconds);
    group.running.add(interrupt);
    if (group.releasedBy !== undefined) interrupt.abort(group.releasedBy);
  }

  /** @returns the group when this was its last run */
  ended(slot: Slot, run: Run): EndedGroup | undefined {
    const group = this.#groups.get(slot.groupId);
    if (group === undefined) return undefined;
    group.runs.push(run);
    group.left -= 1;
    if (group.left > 0) return undefined;
    group.deadline?.cancel();
    this.#groups.delete(slot.groupId);
    return { groupId: slot.groupId, runs: group.runs.toSorted((a, b) => a.repeat - b.repeat) };
  }

  [Symbol.dispose](): void {
    for (const { deadline } of this.#groups.values()) deadline?.cancel();
  }

  #deadline(group: GroupState, seconds: number): Timer {
    return this.#host.setTimer(seconds * 1000, () => {
      group.releasedBy = new HudError('ROLLOUT_TIMEOUT', `its group was released after ${seconds} s`);
      for (const interrupt of group.running) interrupt.abort(group.releasedBy);
    });
  }
}
