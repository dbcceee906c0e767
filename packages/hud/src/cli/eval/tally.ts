/** Counts that the displays of a batch share. */
import type { RunEvent } from '../../eval/index.ts';
import type { Run } from '../../client/index.ts';
import { duration } from '../terminal/wording.ts';

type Held = NonNullable<Extract<RunEvent, { type: 'held' }>['held']>;

export class Tally {
  /** Runs of the whole job. */
  total: number;
  /** Of those the record had already when it went on. */
  before = 0;
  done = 0;
  running = 0;
  retried = 0;
  held: Held | undefined;
  readonly #faults = new Map<string, number>();
  readonly #startedAt = performance.now();
  #graded = 0;
  #sum = 0;

  constructor(total: number) {
    this.total = total;
  }

  count(event: RunEvent): void {
    if (event.type === 'job-started') this.#resume(event);
    if (event.type === 'held') this.held = event.held;
    if (event.type === 'run-started') this.running += 1;
    if (event.type === 'run-retried') {
      this.running -= 1;
      this.retried += 1;
    }
    if (event.type !== 'run-ended') return;
    this.running -= 1;
    this.#add(event.run);
  }

  #resume({ job, total }: Extract<RunEvent, { type: 'job-started' }>): void {
    this.total = total;
    this.before = job.runs.length;
    for (const run of job.runs) this.#add(run);
  }

  #add(run: Run): void {
    this.done += 1;
    if (run.class === 'graded') {
      this.#graded += 1;
      this.#sum += run.reward;
    } else {
      this.#faults.set(run.class ?? 'cancelled', (this.#faults.get(run.class ?? 'cancelled') ?? 0) + 1);
    }
  }

  /** `resumed: 12 of 30 were done`; undefined for a job that begins. */
  resumedText(): string | undefined {
    return this.before === 0 ? undefined : `resumed: ${this.before} of ${this.total} were done`;
  }

  /** `12/30 done   mean 0.830   4 running   faults: 2 boot   1 retried` */
  parts(): string[] {
    const faults = [...this.#faults].map(([name, count]) => `${count} ${name}`).join(', ');
    return [
      `${this.done}/${this.total} done`,
      ...(this.#graded === 0 ? [] : [`mean ${(this.#sum / this.#graded).toFixed(3)}`]),
      `${this.running} running`,
      ...(faults === '' ? [] : [`faults: ${faults}`]),
      ...(this.retried === 0 ? [] : [`${this.retried} retried`]),
    ];
  }

  times(): string {
    const elapsedMs = performance.now() - this.#startedAt;
    const made = this.done - this.before;
    const left = made === 0 || this.done === this.total ? '' : `, about ${duration((elapsedMs / made) * (this.total - this.done))} left`;
    return `${duration(elapsedMs)}${left}`;
  }
}

const GIB = 1024 ** 3;

/** `held back by descriptors: 976 of 1024 in use` */
export function heldText({ limit, used, of }: Held): string {
  if (limit === 'load') return `held back by load: the processors are ${used} % busy`;
  if (limit === 'memory') return `held back by memory: ${(used / GIB).toFixed(1)} of ${(of / GIB).toFixed(1)} GiB in use`;
  return `held back by ${limit}: ${used} of ${of} in use`;
}
