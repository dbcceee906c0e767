/**
 * One simulated machine: a virtual clock, the processes on it, and everything that is going to happen.
 * Events run one by one, in order of their time; all that follows from one in promises and streams has
 * settled before the next begins. So a seed decides everything.
 */
import { createHash } from 'node:crypto';
import { EventHeap, type SimEvent } from './event-heap.ts';
import { SimProcess } from './process.ts';
import { Random } from './random.ts';
import type { Flaws } from './scenario.ts';

/** What must hold. `crash`: nothing of the product may throw where nobody catches. */
export type Invariant =
  | 'graded-once'
  | 'verdict-lost'
  | 'slot-once'
  | 'orphan'
  | 'sums'
  | 'hang'
  | 'ran-dry'
  | 'crash'
  | 'failed-run'
  | 'spans';

export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

export interface WorldOptions {
  seed: number;
  /** A folder of its own in memory, for the database. */
  directory: string;
  flaws: Flaws;
  /** Told every event, for a log. */
  onLog?: (line: string) => void;
}

/** More than any seed needs: beyond it something turns in a circle. */
const MAX_EVENTS = 400_000;
const FIRST_PID = 100;
let worlds = 0;

export class World {
  /** No other world of this real process has it: what the product remembers of one must mean nothing in the next. */
  readonly name = `world-${++worlds}`;
  readonly random: Random;
  readonly directory: string;
  readonly flaws: Flaws;
  readonly processes: SimProcess[] = [];
  /** Private temporary folders that exist. */
  readonly folders = new Set<string>();
  /** Faults that were injected, by kind. */
  readonly faults: Record<string, number> = {};
  /** No fault is injected any more: what is under way must come to its end. */
  isQuiet = false;
  /** Milliseconds of virtual time. */
  now = 0;
  events = 0;
  readonly #seed: number;
  readonly #heap = new EventHeap();
  readonly #hash = createHash('sha256');
  readonly #onLog: ((line: string) => void) | undefined;
  #lines: string[] = [];
  #isOver = false;
  #violation: Violation | undefined;

  constructor(options: WorldOptions) {
    this.#seed = options.seed;
    this.directory = options.directory;
    this.flaws = options.flaws;
    this.#onLog = options.onLog;
    this.random = this.stream('world');
  }

  /** Random numbers that nobody else draws from. */
  stream(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  spawn(name: string): SimProcess {
    const process = new SimProcess(this, FIRST_PID + this.processes.length, name);
    this.processes.push(process);
    this.log(process, `starts as ${name}`);
    return process;
  }

  /**
   * Runs `act` after `delayMs`, unless the process has died by then; in a paused one it waits until that goes on.
   * @param process undefined for what happens to the world itself
   */
  schedule(delayMs: number, process: SimProcess | undefined, what: string, act: () => void): SimEvent {
    const event: SimEvent = { at: this.now + Math.max(0, delayMs), order: 0, process, what, act, isCancelled: false };
    this.#heap.push(event);
    return event;
  }

  /** For the story, which no process tells. */
  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.schedule(ms, undefined, 'the story goes on', resolve));
  }

  log(process: SimProcess | undefined, what: string): void {
    const line = `${this.now.toFixed(3)} ${process?.pid ?? 'world'} ${what}`;
    this.#lines.push(line);
    if (this.#lines.length >= 256) this.#digest();
    this.#onLog?.(line);
  }

  injected(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    this.log(undefined, `fault: ${kind}`);
  }

  /** The first violation is the seed's result; what comes after it may only follow from it. */
  fail(invariant: Invariant, message: string): void {
    if (this.#violation !== undefined) return;
    this.#violation = new Violation(invariant, message.replaceAll(this.directory, '<directory>'));
    this.log(undefined, `VIOLATION ${invariant}: ${this.#violation.message}`);
  }

  /** Of everything that happened, in order. Ends the log. */
  fingerprint(): string {
    this.#digest();
    return this.#hash.digest('hex');
  }

  /**
   * Lets time pass until the story is told.
   * @throws Violation; whatever the story throws
   */
  async play(story: Promise<void>): Promise<void> {
    const over = (): void => void (this.#isOver = true);
    story.then(over, over);
    await settled();
    while (!this.#isOver && this.#violation === undefined) {
      const event = this.#heap.pop();
      if (event === undefined) this.fail('hang', `nothing is going to happen any more, and ${this.#waiting()}`);
      else await this.#happen(event);
    }
    if (this.#violation !== undefined) throw this.#violation;
    await story;
  }

  async #happen(event: SimEvent): Promise<void> {
    const { process } = event;
    if (event.isCancelled || process?.isAlive === false) return;
    if (process?.isPaused) return void process.held.push(event);
    if (++this.events > MAX_EVENTS) return this.fail('hang', `the end was not reached within ${MAX_EVENTS} events; ${this.#waiting()}`);
    this.now = Math.max(this.now, event.at);
    this.log(process, event.what);
    event.act();
    await settled();
    if (process?.isAlive && process.refs === 0 && process.isBusy)
      this.fail('ran-dry', `process ${process.pid} waits with nothing that keeps it alive: it would have exited silently`);
  }

  #waiting(): string {
    const busy = this.processes.filter((process) => process.isAlive && process.isBusy);
    return `${busy.length} processes are still at work: ${busy.map(({ pid, name }) => `${name} ${pid}`).join(', ') || 'none'}`;
  }

  #digest(): void {
    this.#hash.update(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }
}

/** Ticks and promises run dry before the next turn of the real event loop begins. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
