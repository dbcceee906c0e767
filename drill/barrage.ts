/** The faults one after the other, as the load goes on; and how long each took to get over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind, PlannedFault } from './plan.ts';
import { lastShare, type Progress } from './progress.ts';
import type { StruckFault } from './result.ts';
import { strike, type Scene, type Struck } from './strike.ts';

const POLL_MS = 20;
/** How long a fault waits for something to hit. */
const AIM_MS = 3_000;
/** In place of a fault that found nothing to hit. */
const STAND_IN: FaultKind = 'kill driver';
const MAX_ACTIVE = 3;
/** Without progress a fault strikes all the same after so long: that is when faults meet a recovery. */
const IMPATIENT_MS = 6_000;

interface OpenFault extends StruckFault {
  /** Whose rollouts suffer; undefined: all. */
  load?: string;
  endedAt?: number;
}

export interface BarrageOptions {
  faults: readonly PlannedFault[];
  rollouts: number;
  scene: Scene;
  progress: Progress;
  /** Nothing is left to disturb, or there is no time. */
  isOver: () => boolean;
  /** Called after each fault, with how many struck so far. */
  onStruck: (count: number) => void;
}

export class Barrage {
  readonly #options: BarrageOptions;
  readonly #startedAt = performance.now();
  readonly #struck: OpenFault[] = [];
  readonly missed: FaultKind[] = [];
  #active = 0;

  constructor(options: BarrageOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#struck.length;
  }

  get struck(): StruckFault[] {
    return this.#struck.map(({ endedAt: _end, load: _load, ...fault }) => fault);
  }

  /** Settles when every fault has struck and is over. */
  async run(): Promise<void> {
    const { faults, isOver, onStruck } = this.#options;
    for (const [i, fault] of faults.entries()) {
      await this.#turn((i + 0.5) / faults.length);
      if (isOver()) break;
      await this.#strike(fault);
      onStruck(this.count);
    }
    while (this.#active > 0) await sleep(POLL_MS);
    // As many as were asked for have to be met by somebody.
    for (let met = this.#met(); met < faults.length && !isOver(); met++)
      await this.#tryStrike({ kind: STAND_IN, ms: 0, aim: met / faults.length });
  }

  #met(): number {
    return this.#struck.filter((fault) => !isUnmet(fault)).length;
  }

  /** Rollouts of these loads were graded. */
  recovered(loads: ReadonlySet<string>): void {
    const now = performance.now();
    for (const fault of this.#struck) {
      if (fault.recoveredSeconds !== undefined || fault.endedAt === undefined) continue;
      if (fault.load === undefined ? loads.size > 0 : loads.has(fault.load)) fault.recoveredSeconds = (now - fault.endedAt) / 1000;
    }
  }

  /** Waits until that share of the rollouts is graded, or nothing goes on. */
  async #turn(share: number): Promise<void> {
    const { rollouts, progress, isOver } = this.#options;
    const since = performance.now();
    while (!isOver()) {
      const isStuck = performance.now() - Math.max(progress.gradedAt, since) > IMPATIENT_MS;
      if ((isStuck || progress.total >= share * lastShare(rollouts) * rollouts) && this.#active < MAX_ACTIVE) return;
      await sleep(POLL_MS);
    }
  }

  async #strike(planned: PlannedFault): Promise<void> {
    if (await this.#tryStrike(planned)) return;
    this.missed.push(planned.kind);
    await this.#tryStrike({ ...planned, kind: STAND_IN });
  }

  /** @returns false when there was nothing to hit, not even after a while */
  async #tryStrike(fault: PlannedFault): Promise<boolean> {
    const until = performance.now() + AIM_MS;
    for (;;) {
      const now = performance.now();
      const struck = await strike(fault, this.#options.scene);
      if (struck !== undefined) {
        void this.#follow(fault.kind, struck, now);
        return true;
      }
      if (now >= until || this.#options.isOver()) return false;
      await sleep(POLL_MS);
    }
  }

  async #follow(kind: FaultKind, { hit, over }: NonNullable<Struck>, now: number): Promise<void> {
    const entry: OpenFault = { kind, at: (now - this.#startedAt) / 1000, ...hit };
    this.#struck.push(entry);
    this.#active += 1;
    const more = await over;
    this.#active -= 1;
    entry.endedAt = performance.now();
    if (more !== undefined) entry.more = more;
  }
}

/** It struck, and nobody did what would have failed. */
export function isUnmet({ more }: StruckFault): boolean {
  return more === '0 calls';
}
