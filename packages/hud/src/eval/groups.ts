/** Groups of repeats as a whole: when all have ended, and when the rest is no longer waited for. */
import type { Run } from '../client/run.ts';
import type { Host, Timer } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { Job } from './job.ts';
import type { Slot } from './slot-queue.ts';

interface GroupState {
  /** Runs that have not ended. */
  left: number;
  runs: Run[];
  running?: Set<AbortController>;
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
  /** Begun and not ended. */
  readonly #groups = new Map<string, GroupState>();
  readonly #recorded = new Map<string, Run[]>();

  /** @param options `job`: its runs that the record had belong to their groups as well */
  constructor(options: { host: Host; groupTimeout: number | undefined; job: Job }) {
    this.#host = options.host;
    this.#seconds = options.groupTimeout;
    for (const run of options.job.runs) {
      const { groupId = '' } = run;
      this.#recorded.set(groupId, [...(this.#recorded.get(groupId) ?? []), run]);
    }
  }

  /** From now on the group's deadline interrupts this run; at once, when it has passed. */
  started(slot: Slot, interrupt: AbortController): void {
    const group = this.#groupOf(slot);
    if (this.#seconds === undefined) return;
    group.deadline ??= this.#deadline(group, this.#seconds);
    (group.running ??= new Set()).add(interrupt);
    if (group.releasedBy !== undefined) interrupt.abort(group.releasedBy);
  }

  /** @returns the group when this was its last run */
  ended(slot: Slot, run: Run): EndedGroup | undefined {
    const group = this.#groupOf(slot);
    group.runs.push(run);
    group.left -= 1;
    if (group.left > 0) return undefined;
    group.deadline?.cancel();
    this.#groups.delete(slot.groupId);
    const runs = [...(this.#recorded.get(slot.groupId) ?? []), ...group.runs];
    return { groupId: slot.groupId, runs: runs.toSorted((a, b) => a.repeat - b.repeat) };
  }

  #groupOf({ groupId, groupSize }: Slot): GroupState {
    const group = this.#groups.get(groupId) ?? { left: groupSize, runs: [] };
    this.#groups.set(groupId, group);
    return group;
  }

  [Symbol.dispose](): void {
    for (const { deadline } of this.#groups.values()) deadline?.cancel();
  }

  #deadline(group: GroupState, seconds: number): Timer {
    return this.#host.setTimer(seconds * 1000, () => {
      group.releasedBy = new HudError('ROLLOUT_TIMEOUT', `its group was released after ${seconds} s`);
      for (const interrupt of group.running ?? []) interrupt.abort(group.releasedBy);
    });
  }
}
