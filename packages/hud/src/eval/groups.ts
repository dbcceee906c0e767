/** Groups of repeats as a whole: when all have ended, and when the rest is no longer waited for. */
import type { Run } from '../client/run.ts';
import type { Host, Timer } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { Slot } from './slot-queue.ts';

interface GroupState {
  left: number;
  runs: Run[];
  deadline?: { timer: Timer; abort: AbortController };
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
      if (first !== undefined) this.#groups.set(first.groupId, { left: slots.length, runs: [] });
    }
  }

  /** @returns the signal for this run: the batch's, and the group's deadline where there is one */
  started(slot: Slot, signal: AbortSignal): AbortSignal {
    const group = this.#groups.get(slot.groupId);
    if (group === undefined || this.#seconds === undefined) return signal;
    group.deadline ??= this.#deadline(this.#seconds);
    return AbortSignal.any([signal, group.deadline.abort.signal]);
  }

  /** @returns the group when this was its last run */
  ended(slot: Slot, run: Run): EndedGroup | undefined {
    const group = this.#groups.get(slot.groupId);
    if (group === undefined) return undefined;
    group.runs.push(run);
    group.left -= 1;
    if (group.left > 0) return undefined;
    group.deadline?.timer.cancel();
    this.#groups.delete(slot.groupId);
    return { groupId: slot.groupId, runs: group.runs.toSorted((a, b) => a.repeat - b.repeat) };
  }

  [Symbol.dispose](): void {
    for (const { deadline } of this.#groups.values()) deadline?.timer.cancel();
  }

  #deadline(seconds: number): NonNullable<GroupState['deadline']> {
    const abort = new AbortController();
    const late = (): void => abort.abort(new HudError('ROLLOUT_TIMEOUT', `its group was released after ${seconds} s`));
    return { abort, timer: this.#host.setTimer(seconds * 1000, late) };
  }
}
