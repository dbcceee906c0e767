/** A load, the faults over it, and the reckoning at the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DriverSeat, ENDS, Proxy, ServerSeat, type ActorOptions } from './actors.ts';
import { Barrage } from './barrage.ts';
import { readBook, type Graded, type Told } from './books.ts';
import type { FaultPage } from './fault-page.ts';
import { Leftovers, SETTLE_MS } from './leftovers.ts';
import { planLoads, slotsOf, type Slot } from './load.ts';
import type { DrillOptions } from './options.ts';
import type { PlannedFault } from './plan.ts';
import { Progress } from './progress.ts';
import type { DrillResult } from './result.ts';
import type { Scene } from './strike.ts';
import { readRecord, verifyRecord, type Finding, type ReadRecord } from './verify.ts';

const TICK_MS = 100;
const CENSUS_MS = 1_000;
const SERVERS = 2;
const LAST_RUN_MS = 30_000;
/** How often the record is verified while the faults strike. */
const CHECKS = 12;
/** Findings that are told before the end. */
const SHOWN = 10;

export interface DrillContext extends ActorOptions {
  page: FaultPage;
  options: DrillOptions;
  faults: readonly PlannedFault[];
  /** Told ten times a second. */
  onProgress: (line: string) => void;
  /** Told of the first few at once. */
  onFinding: (finding: Finding) => void;
}

/** @returns what was found, once everything that the drill started should be gone */
export async function runDrill(context: DrillContext): Promise<DrillResult> {
  using proxy = await Proxy.start();
  return await new Drill(context, proxy).run();
}

class Drill {
  readonly #context: DrillContext;
  readonly #startedAt = performance.now();
  readonly #slots: Slot[];
  readonly #drivers: DriverSeat[];
  readonly #servers: ServerSeat[] = [];
  readonly #progress: Progress;
  readonly #leftovers: Leftovers;
  readonly #barrage: Barrage;
  readonly #findings = new Map<string, Finding>();
  #checks = 0;

  constructor(context: DrillContext, proxy: Proxy) {
    const { ground, options, tag, page, faults } = context;
    this.#context = context;
    const loads = planLoads(options.rollouts);
    this.#slots = loads.flatMap(slotsOf);
    const report = (finding: Finding): void => this.#report(finding);
    this.#progress = new Progress({ ground, report });
    this.#leftovers = new Leftovers({ tag, ground, report });
    const announce = (): void => {
      const ports = this.#servers.flatMap(({ port }) => port ?? []);
      void proxy.send({ type: 'servers', ports });
    };
    for (let number = 1; number <= SERVERS; number++) this.#servers.push(new ServerSeat(number, announce, context));
    let driver = 0;
    this.#drivers = loads.map((load) => new DriverSeat(load, () => ++driver, { ...context, url: proxy.url }));
    const scene: Scene = { tag, ground, page, proxy, drivers: this.#drivers, servers: this.#servers };
    const checkEach = Math.max(10, Math.ceil(faults.length / CHECKS));
    this.#barrage = new Barrage({
      faults,
      rollouts: this.#slots.length,
      scene,
      progress: this.#progress,
      isOver: () => this.#isDone || this.#isLate,
      onStruck: (count) => void (count % checkEach === 0 && this.#checkMeanwhile()),
    });
  }

  async run(): Promise<DrillResult> {
    const over = new AbortController();
    const watching = Promise.all([
      every(TICK_MS, () => this.#look(), over.signal),
      every(CENSUS_MS, () => this.#leftovers.look(this.#drivers), over.signal),
    ]);
    try {
      await Promise.race([this.#barrage.run(), watching]); // which fails if it ends
      while (!this.#isDone && !this.#isLate) await sleep(TICK_MS);
      if (!this.#isDone) this.#report({ rule: 'hung', detail: `given up after ${Math.round(this.#seconds)} s` });
    } finally {
      await Promise.all(this.#drivers.map((seat) => seat.stop()));
      over.abort();
      await watching;
      this.#progress.close();
    }
    return await this.#conclude();
  }

  get #isDone(): boolean {
    return this.#drivers.every(({ isComplete }) => isComplete);
  }

  get #isLate(): boolean {
    return this.#progress.isHopeless || this.#seconds >= this.#context.options.minutes * 60;
  }

  get #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  #report(finding: Finding): void {
    const key = `${finding.rule} ${finding.detail}`;
    if (!this.#findings.has(key) && this.#findings.size < SHOWN) this.#context.onFinding(finding);
    this.#findings.set(key, finding);
  }

  #look(): void {
    const { faults, onProgress } = this.#context;
    this.#barrage.recovered(this.#progress.look(this.#drivers));
    this.#progress.pace(this.#drivers, this.#barrage.count < faults.length);
    onProgress(
      `${Math.round(this.#seconds)} s  ${this.#progress.total}/${this.#slots.length} graded (${this.#progress.text(this.#drivers)})  ` +
        `${this.#barrage.count}/${faults.length} faults  ${sum(this.#drivers)} drivers  ${this.#findings.size} findings`,
    );
  }

  #checkMeanwhile(): void {
    try {
      this.#check(false);
    } catch {
      // A full disk has no room for a reader's index either. The last check must succeed.
    }
  }

  #check(isOver: boolean): { record: ReadRecord; grades: Graded[] } {
    const { ground } = this.#context;
    // In this order: what was told is recorded by then, and what is recorded is graded by then.
    const told = readBook<Told>(ground.book('events'));
    const record = readRecord(ground.database);
    const grades = readBook<Graded>(ground.book('grades'));
    this.#checks += 1;
    for (const finding of record.findings) this.#report(finding);
    for (const finding of verifyRecord({ slots: this.#slots, runs: record.runs, told, grades }, isOver)) this.#report(finding);
    return { record, grades };
  }

  async #conclude(): Promise<DrillResult> {
    const driverStarts = sum(this.#drivers);
    const seconds = this.#seconds;
    const isComplete = this.#isDone;
    // The jobs are complete: these run nothing, and reap what the last faults left.
    for (const seat of this.#drivers) {
      const late = setTimeout(() => seat.process?.kill('SIGKILL'), LAST_RUN_MS);
      const end = await seat.runOnce().finally(() => clearTimeout(late));
      if (isComplete && end !== ENDS.complete)
        this.#report({ rule: 'lost', detail: `${seat.load.name} was complete, and then it was not (${end})` });
    }
    await Promise.all(this.#servers.map((seat) => seat.stop()));
    await sleep(SETTLE_MS);
    const { record, grades } = this.#check(true);
    const left = { ...this.#leftovers.last(), leases: record.leases };
    for (const detail of Object.values(left).flat()) this.#report({ rule: 'left over', detail });
    const counted = new Set(record.runs.filter((run) => run.class === 'graded').map((run) => run.traceId));
    return {
      seed: this.#context.options.seed,
      rollouts: this.#slots.length,
      graded: counted.size,
      seconds,
      planned: this.#context.faults.length,
      faults: this.#barrage.struck,
      missed: this.#barrage.missed,
      driverStarts,
      serverStarts: sum(this.#servers),
      driverEnds: tally(this.#drivers.flatMap((seat) => seat.ends)),
      attempts: tally(record.runs.map((run) => run.class ?? 'open')),
      unrecordedGrades: grades.filter(({ traceId }) => !counted.has(traceId)).length,
      checks: this.#checks,
      left,
      longestOrphanSeconds: this.#leftovers.longestMs / 1000,
      findings: [...this.#findings.values()],
    };
  }
}

async function every(ms: number, act: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    act();
    await sleep(ms, undefined, { signal }).catch(() => {}); // the signal ends the loop
  }
}

function sum(seats: readonly { starts: number }[]): number {
  return seats.reduce((total, { starts }) => total + starts, 0);
}

/** How often each came. */
export function tally(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}
