/** What is told about a batch while it runs: steps of a single run, a live block, or a line now and then. */
import type { Run } from '../../client/index.ts';
import type { RunEvent } from '../../eval/index.ts';
import { stepSummary } from '../steps.ts';
import { literalLine } from '../terminal/literal.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { truncate } from '../terminal/width.ts';
import { plural, reward } from '../terminal/wording.ts';
import { LiveBlock } from './live-block.ts';
import { heldText, Tally } from './tally.ts';

export interface Progress extends Disposable {
  on(event: RunEvent): void;
  /** The first Ctrl-C came. */
  interrupted(): void;
}

export interface ProgressOptions {
  /** Runs to make; what a resumed job has done already not counted in. */
  total: number;
  isQuiet: boolean;
  /** Steps of every run too. */
  isVerbose: boolean;
}

export function makeProgress(terminal: Terminal, options: ProgressOptions): Progress {
  if (options.isQuiet) return { on: () => {}, interrupted: () => {}, [Symbol.dispose]: () => {} };
  const tally = new Tally(options.total);
  if (options.total === 1 || options.isVerbose) return new StepLog(terminal, tally, { isSingle: options.total === 1 });
  return terminal.isTTY ? new LiveProgress(terminal, tally) : new LineProgress(terminal, tally);
}

function endLine(run: Run, { red, green }: Terminal): string {
  const name = `${literalLine(run.slug)} #${run.repeat + 1}`;
  if (run.class === 'graded') return `${green(reward(run.reward))}  ${name}`;
  return `${red(run.class ?? 'cancelled')}  ${name}  ${literalLine(run.error?.message ?? '')}`;
}

const HELD_EVERY_MS = 5_000;

/** One line a step. */
class StepLog implements Progress {
  readonly #terminal: Terminal;
  readonly #tally: Tally;
  readonly #isSingle: boolean;
  readonly #turns = new WeakMap<Run, number>();
  #heldToldAt = -Infinity;

  constructor(terminal: Terminal, tally: Tally, options: { isSingle: boolean }) {
    this.#terminal = terminal;
    this.#tally = tally;
    this.#isSingle = options.isSingle;
  }

  on(event: RunEvent): void {
    this.#tally.count(event);
    if (event.type === 'job-started') tellResumed(this.#tally, (line) => this.#terminal.line(line));
    if (event.type === 'step') this.#step(event);
    if (event.type === 'held') this.#held();
    if (event.type === 'run-retried') this.#terminal.line(retryLine(event.run, this.#terminal));
    if (event.type === 'run-ended' && !this.#isSingle) this.#terminal.line(endLine(event.run, this.#terminal));
  }

  interrupted(): void {
    this.#terminal.line(interruptedText(this.#tally));
  }

  [Symbol.dispose](): void {}

  /** Load comes and goes many times a second. */
  #held(): void {
    const now = performance.now();
    if (this.#tally.held === undefined || now - this.#heldToldAt < HELD_EVERY_MS) return;
    this.#heldToldAt = now;
    this.#terminal.line(this.#terminal.yellow(heldText(this.#tally.held)));
  }

  #step({ run, step }: Extract<RunEvent, { type: 'step' }>): void {
    const turn = (this.#turns.get(run) ?? 0) + (step.source === 'agent' ? 1 : 0);
    this.#turns.set(run, turn);
    const summary = stepSummary(step, turn, this.#terminal);
    if (summary === undefined) return;
    const prefix = this.#isSingle ? '' : this.#terminal.dim(`${literalLine(run.slug)} #${run.repeat + 1}  `);
    this.#terminal.line(prefix + summary);
  }
}

function tellResumed(tally: Tally, tell: (line: string) => void): void {
  const text = tally.resumedText();
  if (text !== undefined) tell(text);
}

function retryLine(run: Run, { yellow }: Terminal): string {
  return `${yellow('trying again')}  ${literalLine(run.slug)} #${run.repeat + 1}, attempt ${run.attempt + 1}: ${literalLine(run.error?.message ?? run.class ?? '')}`;
}

function interruptedText({ running }: Tally): string {
  return `Interrupted: cancelling ${plural(running, 'run')}. Ctrl-C again stops at once.`;
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
    if (event.type === 'job-started') tellResumed(this.#tally, (line) => this.#block.print([line]));
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
    const roomForRuns = Math.max(0, (stream.rows || 24) - 5); // what scrolls out of the window can't be redrawn
    const { held } = this.#tally;
    const fit = (text: string): string => truncate(text, columns - 1);
    this.#block.update([
      ...this.#newest.slice(Math.max(0, this.#newest.length - roomForRuns)).map((line) => dim(fit(line))),
      fit(`${bar(this.#tally.done / Math.max(1, this.#tally.total))} ${this.#tally.parts().join('   ')}`),
      dim(fit(this.#tally.times())),
      ...(held === undefined ? [] : [yellow(fit(heldText(held)))]),
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
  #told = '';

  constructor(terminal: Terminal, tally: Tally) {
    this.#terminal = terminal;
    this.#tally = tally;
    this.#timer = setInterval(() => this.#tell(), LINE_EVERY_MS).unref();
  }

  on(event: RunEvent): void {
    this.#tally.count(event);
    if (event.type === 'job-started') tellResumed(this.#tally, (line) => this.#terminal.line(line));
  }

  interrupted(): void {
    this.#terminal.line(interruptedText(this.#tally));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** Nothing while nothing changes. */
  #tell(): void {
    const { done, retried, held } = this.#tally;
    const state = `${done} ${retried} ${held?.limit}`;
    if (state === this.#told) return;
    this.#told = state;
    const parts = [...this.#tally.parts(), this.#tally.times(), ...(held === undefined ? [] : [heldText(held)])];
    this.#terminal.line(parts.join('   '));
  }
}
