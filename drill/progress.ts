/** What the drivers were told so far, load by load: how far they are, who hangs, who has to slow down. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENDS, type DriverSeat } from './actors.ts';
import { BookReader, type Told } from './books.ts';
import type { Ground } from './ground.ts';
import { SETTLE_MS } from './leftovers.ts';
import type { Finding } from './verify.ts';

const HUNG_MS = 90_000;
/** How long an agent thinks, on average: the slowest load, and one that is far ahead. */
const FAST_MS = 250;
const SLOW_MS = 15_000;
const REST_MS = 4_000;
/** Added for being ahead by all of the load. */
const AHEAD_MS = 30_000;
/** More rollouts than are ever in flight: those can't be held back for the faults to come. */
const IN_FLIGHT = 60;

/** Share of the rollouts after which the rest waits for the last faults. */
export function lastShare(rollouts: number): number {
  return Math.max(0.3, Math.min(0.94, 1 - IN_FLIGHT / rollouts));
}

export class Progress {
  readonly #pacePath: string;
  readonly #told: BookReader<Told>;
  readonly #report: (finding: Finding) => void;
  readonly #graded = new Map<string, number>();
  /** When a driver of the load was last told anything. */
  readonly #movedAt = new Map<string, number>();
  readonly #hung = new Set<DriverSeat>();
  /** Times since when jobs were refused, once reported. */
  readonly #refused = new Set<number>();
  readonly #startedAt = performance.now();
  total = 0;
  /** When the last rollout was graded. */
  gradedAt = performance.now();
  /** A load hangs although its driver was killed for it. */
  isHopeless = false;

  constructor(options: { ground: Ground; report: (finding: Finding) => void }) {
    this.#pacePath = join(options.ground.folder, 'pace.json');
    this.#told = new BookReader(options.ground.book('events'));
    this.#report = options.report;
  }

  /** @returns the loads of which rollouts were graded since the last call */
  look(drivers: readonly DriverSeat[]): Set<string> {
    const now = performance.now();
    const graded = new Set<string>();
    for (const line of this.#told.read()) {
      this.#movedAt.set(line.load, now);
      if (line.type === 'job') succeed(drivers, line.load, now);
      if (line.type !== 'ended' || line.class !== 'graded') continue;
      this.total += 1;
      this.gradedAt = now;
      this.#graded.set(line.load, (this.#graded.get(line.load) ?? 0) + 1);
      graded.add(line.load);
    }
    for (const seat of drivers) this.#watch(seat, now);
    return graded;
  }

  /** Whoever is ahead thinks longer, so that all loads last until the end. */
  pace(drivers: readonly DriverSeat[], hasFaultsLeft: boolean): void {
    const shares = new Map(drivers.map((seat) => [seat.load.name, this.#of(seat) / sizeOf(seat)]));
    const least = Math.min(1, ...shares.values());
    const restMs = least > lastShare(drivers.reduce((sum, seat) => sum + sizeOf(seat), 0)) && hasFaultsLeft ? REST_MS : 0;
    const msOf = (share: number): number => Math.round(Math.min(SLOW_MS, FAST_MS + AHEAD_MS * (share - least) + restMs));
    const text = JSON.stringify(Object.fromEntries([...shares].map(([name, share]) => [name, msOf(share)])));
    writeFileSync(`${this.#pacePath}.new`, text);
    renameSync(`${this.#pacePath}.new`, this.#pacePath);
  }

  /** `groups 12/56, …` */
  text(drivers: readonly DriverSeat[]): string {
    return drivers.map((seat) => `${seat.load.name} ${this.#of(seat)}/${sizeOf(seat)}`).join(', ');
  }

  close(): void {
    this.#told.close();
  }

  #of({ load }: DriverSeat): number {
    return this.#graded.get(load.name) ?? 0;
  }

  #watch(seat: DriverSeat, now: number): void {
    const { load, owner, refusedAt } = seat;
    if (refusedAt !== undefined && now - refusedAt > SETTLE_MS && !this.#refused.has(refusedAt)) {
      this.#refused.add(refusedAt);
      this.#report({ rule: 'hung', detail: `${load.name} has no driver, and new ones are refused it (${owner})` });
    }
    if (seat.ends.at(-1) === ENDS.refusedByItself)
      this.#report({ rule: 'hung', detail: `a driver of ${load.name} was refused its own job (${seat.deaths.at(-1)?.owner})` });
    const quietMs = now - (this.#movedAt.get(load.name) ?? this.#startedAt);
    if (seat.isComplete || quietMs < HUNG_MS) return;
    this.#report({ rule: 'hung', detail: `${load.name} did nothing for ${Math.round(quietMs / 1000)} s; its driver was ${owner}` });
    this.isHopeless ||= this.#hung.has(seat);
    this.#hung.add(seat);
    this.#movedAt.set(load.name, now);
    seat.process?.kill('SIGKILL');
  }
}

/** A job went on: from here on nothing of its earlier drivers may last. */
function succeed(drivers: readonly DriverSeat[], load: string, now: number): void {
  const seat = drivers.find((driver) => driver.load.name === load);
  if (seat === undefined) return;
  seat.refusedAt = undefined;
  for (const death of seat.deaths) death.succeededAt ??= now;
}

function sizeOf({ load }: DriverSeat): number {
  return load.tasks * load.group;
}
