/** What is told about a batch while it runs: steps of a single run, a live block, or a line now and then. */
import type { Run } from '../../client/index.ts';
import type { RunEvent } from '../../eval/index.ts';
import { stepSummary } from '../steps.ts';
import { literalLine } from '../terminal/literal.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { truncate } from '../terminal/width.ts';
import { duration, plural, reward } from '../terminal/wording.ts';
import { LiveBlock } from './live-block.ts';

export interface Progress extends Disposable {
  on(event: RunEvent): void;
  /** The first Ctrl-C came. */
  interrupted(): void;
}

export interface ProgressOptions {
  total: number;
  isQuiet: boolean;
  /** Steps of every run too. */
  isVerbose: boolean;
}

export function makeProgress(terminal: Terminal, options: ProgressOptions): Progress {
  if (options.isQuiet) return { on: () => {}, interrupted: () => {}, [Symbol.dispose]: () => {} };
  const tally = new Tally(options.total);
  if (options.total === 1 || options.isVerbose) return new StepLog(terminal, tally);
  return terminal.isTTY ? new LiveProgress(terminal, tally) : new LineProgress(terminal, tally);
}

/** Counts that the displays share. */
class Tally {
  readonly total: number;
  readonly startedAt = performance.now();
  readonly faults = new Map<string, number>();
  done = 0;
  running = 0;
  #graded = 0;
  #sum = 0;

  constructor(total: number) {
    this.total = total;
  }

  count(event: RunEvent): void {
    if (event.type === 'run-started') this.running += 1;
    if (event.type !== 'run-ended') return;
    const { run } = event;
    this.running -= 1;
    this.done += 1;
    if (run.class === 'graded') {
      this.#graded += 1;
      this.#sum += run.reward;
    } else {
      this.faults.set(run.class ?? 'cancelled', (this.faults.get(run.class ?? 'cancelled') ?? 0) + 1);
    }
  }

  get elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  /** `12/30 done   mean 0.83   4 running   faults: 2 boot` */
  parts(): string[] {
    const faults = [...this.faults].map(([name, count]) => `${count} ${name}`).join(', ');
    return [
      `${this.done}/${this.total} done`,
      ...(this.#graded === 0 ? [] : [`mean ${(this.#sum / this.#graded).toFixed(3)}`]),
      `${this.running} running`,
      ...(faults === '' ? [] : [`faults: ${faults}`]),
    ];
  }

  times(): string {
    const left =
      this.done === 0 || this.done === this.total
        ? ''
        : `, about ${duration((this.elapsedMs / this.done) * (this.total - this.done))} left`;
    return `${duration(this.elapsedMs)}${left}`;
  }
}

function endLine(run: Run, { red, green }: Terminal): string {
  const name = `${literalLine(run.slug)} #${run.repeat + 1}`;
  if (run.class === 'graded') return `${green(reward(run.reward))}  ${name}`;
  return `${red(run.class ?? 'cancelled')}  ${name}  ${literalLine(run.error?.message ?? '')}`;
}

/** One line a step. */
class StepLog implements Progress {
  readonly #terminal: Terminal;
  readonly #tally: Tally;
  readonly #turns = new WeakMap<Run, number>();

  constructor(terminal: Terminal, tally: Tally) {
    this.#terminal = terminal;
    this.#tally = tally;
  }

  on(event: RunEvent): void {
    this.#tally.count(event);
    if (event.type === 'step') this.#step(event);
    if (event.type === 'run-ended' && this.#tally.total > 1) this.#terminal.line(endLine(event.run, this.#terminal));
  }

  interrupted(): void {
    this.#terminal.line(`Interrupted: cancelling ${plural(this.#tally.running, 'run')}. Ctrl-C again stops at once.`);
  }

  [Symbol.dispose](): void {}

  #step({ run, step }: Extract<RunEvent, { type: 'step' }>): void {
    const turn = (this.#turns.get(run) ?? 0) + (step.source === 'agent' ? 1 : 0);
    this.#turns.set(run, turn);
    const summary = stepSummary(step, turn, this.#terminal);
    if (summary === undefined) return;
    const prefix = this.#tally.total > 1 ? this.#terminal.dim(`${literalLine(run.slug)} #${run.repeat + 1}  `) : '';
    this.#terminal.line(prefix + summary);
  }
}

const FRAME_MS = 100;
const NEWEST = 5;

/** A block of counts over the newest ended runs, redrawn ten times a second at most. */
class LiveProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #tally: Tally;
  readonly #block: LiveBlock;
  readonly #timer: NodeJS.Timeout;
  #newest: string[] = [];
  #remark = '';

  constructor(terminal: Terminal, tally: Tally) {
    this.#terminal = terminal;
    this.#tally = tally;
    this.#block = new LiveBlock(terminal.stream);
    this.#timer = setInterval(() => this.#draw(), FRAME_MS).unref();
    this.#draw();
  }

  on(event: RunEvent): void {
    this.#tally.count(event);
    if (event.type !== 'run-ended') return;
    const { run } = event;
    const name = `${literalLine(run.slug)} #${run.repeat + 1}`;
    const text =
      run.class === 'graded'
        ? `${reward(run.reward).padStart(9)}  ${name}`
        : `${(run.class ?? '').padStart(9)}  ${name}  ${literalLine(run.error?.message ?? '')}`;
    this.#newest = [...this.#newest.slice(1 - NEWEST), text];
  }

  interrupted(): void {
    this.#remark = 'Interrupted: cancelling what runs. Ctrl-C again stops at once.';
    this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#block[Symbol.dispose]();
  }

  #draw(): void {
    const { dim, yellow, columns, stream } = this.#terminal;
    const roomForRuns = Math.max(0, (stream.rows || 24) - 4); // what scrolls out of the window can't be redrawn
    const fit = (text: string): string => truncate(text, columns - 1);
    this.#block.update([
      ...this.#newest.slice(Math.max(0, this.#newest.length - roomForRuns)).map((line) => dim(fit(line))),
      fit(`${bar(this.#tally.done / this.#tally.total)} ${this.#tally.parts().join('   ')}`),
      dim(fit(this.#tally.times())),
      ...(this.#remark === '' ? [] : [yellow(fit(this.#remark))]),
    ]);
  }
}

function bar(share: number): string {
  const width = 20;
  const filled = Math.round(share * width);
  return `${'━'.repeat(filled)}${'─'.repeat(width - filled)}`;
}

const LINE_EVERY_MS = 5_000;

/** One line every few seconds, for logs. */
class LineProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #tally: Tally;
  readonly #timer: NodeJS.Timeout;
  #told = -1;

  constructor(terminal: Terminal, tally: Tally) {
    this.#terminal = terminal;
    this.#tally = tally;
    this.#timer = setInterval(() => this.#tell(), LINE_EVERY_MS).unref();
  }

  on(event: RunEvent): void {
    this.#tally.count(event);
  }

  interrupted(): void {
    this.#terminal.line(`Interrupted: cancelling ${plural(this.#tally.running, 'run')}. Ctrl-C again stops at once.`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    if (this.#tally.done === this.#told) return;
    this.#told = this.#tally.done;
    this.#terminal.line(`${this.#tally.parts().join('   ')}   ${this.#tally.times()}`);
  }
}
