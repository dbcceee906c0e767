/** A session as it is told while it runs: a curve that is redrawn, or a line for each step. */
import { LiveBlock } from '../eval/live-block.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { textWidth, truncate } from '../terminal/width.ts';
import { duration } from '../terminal/wording.ts';
import { picture, shortNumber } from './picture.ts';
import type { Evaluation, Round } from './journal.ts';
import type { SessionListener } from './session.ts';

export interface TrainProgress extends SessionListener, Disposable {
  /** The first Ctrl-C came. */
  interrupted(): void;
}

export interface ProgressOptions {
  isQuiet: boolean;
  /** Of the whole session. */
  steps: number;
  /** Done before. */
  rounds: readonly Round[];
}

export function makeTrainProgress(terminal: Terminal, options: ProgressOptions): TrainProgress {
  if (options.isQuiet) return { onPhase: none, onNote: none, onRound: none, onEvaluation: none, interrupted: none, [Symbol.dispose]: none };
  return terminal.isTTY ? new LiveCurve(terminal, options) : new Lines(terminal, options);
}

function none(): void {}

/** `step 3 of 30  reward 0.31 ± 0.08  spread in 6 of 8 groups  130 tokens/s  lag 0  kl 0.0003  entropy 1.62  1.1 s` */
export function roundLine(round: Round, steps: number): string {
  const { number, spreadGroups, groups, lag, metrics, checkpointId, rollouts, graded } = round;
  const { kl_sample_train: kl, entropy = metrics.entropy_sampled } = metrics;
  return [
    `step ${String(number).padStart(String(steps).length)} of ${steps}`,
    `reward ${estimate(round)}`,
    `spread in ${spreadGroups} of ${groups} groups`,
    ...(graded < rollouts ? [`${rollouts - graded} left out`] : []),
    tokenRate([round]),
    ...(lag === null ? [] : [`lag ${lag}`]),
    ...(kl === undefined ? [] : [`kl ${shortNumber(kl)}`]),
    ...(entropy === undefined ? [] : [`entropy ${shortNumber(entropy)}`]),
    duration(round.rolloutMs + round.stepMs),
    ...(checkpointId === null ? [NO_STEP] : []),
  ].join('   ');
}

const NO_STEP = 'no step: every reward equals those of its group';

export function evaluationLine(evaluation: Evaluation): string {
  const when = evaluation.after === 0 ? 'before training' : `after ${evaluation.after} steps`;
  return `${when}: reward ${estimate(evaluation)} on ${evaluation.graded} of ${evaluation.runs} tasks`;
}

/** `0.31 ± 0.08`, the half width of the 95 % interval. */
export function estimate({ reward, interval }: Pick<Evaluation, 'reward' | 'interval'>): string {
  if (reward === null) return 'none';
  return `${reward.toFixed(2)}${interval === null ? '' : ` ± ${((interval[1] - interval[0]) / 2).toFixed(2)}`}`;
}

/** Sampled while rolling out. */
export function tokenRate(rounds: readonly Round[]): string {
  const tokens = rounds.reduce((sum, round) => sum + round.tokens, 0);
  const ms = rounds.reduce((sum, round) => sum + round.rolloutMs, 0);
  return `${Math.round(ms === 0 ? 0 : (tokens * 1000) / ms)} tokens/s`;
}

const INTERRUPTED = 'Interrupted: rollouts are cancelled, a step that has begun is finished. Ctrl-C again stops at once.';

class Lines implements TrainProgress {
  readonly #terminal: Terminal;
  readonly #steps: number;

  constructor(terminal: Terminal, { steps }: ProgressOptions) {
    this.#terminal = terminal;
    this.#steps = steps;
  }

  onPhase(): void {}

  onNote(text: string): void {
    this.#terminal.line(text);
  }

  onRound(round: Round): void {
    this.#terminal.line(roundLine(round, this.#steps));
  }

  onEvaluation(evaluation: Evaluation): void {
    this.#terminal.line(evaluationLine(evaluation));
  }

  interrupted(): void {
    this.#terminal.line(INTERRUPTED);
  }

  [Symbol.dispose](): void {}
}

const MOST_ROWS = 14;
const FRAME_MS = 100;
/** Lines below the picture, and above it the one on which the window scrolls. */
const OTHER_ROWS = 5;

class LiveCurve implements TrainProgress {
  readonly #terminal: Terminal;
  readonly #block: LiveBlock;
  readonly #steps: number;
  readonly #rounds: Round[];
  readonly #timer: NodeJS.Timeout;
  #phase = '';
  #remark = '';

  constructor(terminal: Terminal, { steps, rounds }: ProgressOptions) {
    this.#terminal = terminal;
    this.#block = new LiveBlock(terminal.stream);
    this.#steps = steps;
    this.#rounds = [...rounds];
    this.#timer = setInterval(() => this.#draw(), FRAME_MS).unref();
  }

  onPhase({ text, done, total }: { text: string; done?: number; total?: number }): void {
    this.#phase = total === undefined ? text : `${text}  ${done} of ${total}`;
  }

  onNote(text: string): void {
    this.#block.print(wrapped(text, this.#terminal.columns - 1));
  }

  onRound(round: Round): void {
    this.#rounds.push(round);
    this.#draw();
  }

  onEvaluation(evaluation: Evaluation): void {
    this.#block.print([this.#fit(evaluationLine(evaluation))]);
  }

  interrupted(): void {
    this.#remark = INTERRUPTED;
    this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#block[Symbol.dispose]();
  }

  #draw(): void {
    const { dim, bold, yellow, columns, stream } = this.#terminal;
    const rows = Math.min(MOST_ROWS, (stream.rows || 24) - OTHER_ROWS); // what scrolls out of the window can't be redrawn
    const last = this.#rounds.at(-1);
    this.#block.update([
      ...picture(this.#rounds, { columns, rows }, this.#terminal),
      ...(last === undefined ? [] : [bold(this.#fit(newest(last, this.#steps, this.#rounds)))]),
      dim(this.#fit(this.#phase)),
      ...(this.#remark === '' ? [] : [yellow(this.#fit(this.#remark))]),
    ]);
  }

  #fit(text: string): string {
    return truncate(text, this.#terminal.columns - 1);
  }
}

/** Between words; what is longer than a line is cut. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && textWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(truncate(word, width));
  }
  return lines;
}

const RECENT = 5;

/** `step 3 of 30   reward 0.31 ± 0.08   1.1 s   about 30 s to go`, with what the picture does not say. */
function newest(round: Round, steps: number, rounds: readonly Round[]): string {
  const { number, rollouts, graded, rolloutMs, stepMs, checkpointId } = round;
  const recent = rounds.slice(-RECENT);
  const each = recent.reduce((sum, one) => sum + one.rolloutMs + one.stepMs, 0) / recent.length;
  return [
    `step ${number} of ${steps}`,
    `reward ${estimate(round)}`,
    ...(graded < rollouts ? [`${rollouts - graded} left out`] : []),
    ...(checkpointId === null ? [NO_STEP] : []),
    duration(rolloutMs + stepMs),
    ...(number < steps ? [`about ${duration(each * (steps - number))} to go`] : []),
  ].join('   ');
}
