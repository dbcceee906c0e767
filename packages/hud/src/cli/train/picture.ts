/** The rounds of a session as a picture: the reward with its interval, below it a line each for what else tells how it goes. */
import type { Terminal } from '../terminal/terminal.ts';
import { textWidth } from '../terminal/width.ts';
import { plot, plotColumns, sparkline } from './curve.ts';
import type { Round } from './journal.ts';

export interface PictureSize {
  columns: number;
  /** Lines of all of it; what has no room is left out, the reward last. */
  rows: number;
}

const MOST_REWARD_ROWS = 8;
const LEAST_REWARD_ROWS = 3;
const MOST_COLUMNS = 100;
/** Of the axis at the left. */
const AXIS = 7;

/** @returns no more lines than there are rows; none before there is a reward */
export function* picture(rounds: readonly Round[], { columns, rows }: PictureSize, { dim }: Pick<Terminal, 'dim'>): Generator<string> {
  const known = rounds.flatMap(({ number, reward, interval }) => (reward === null ? [] : [{ number, reward, interval }]));
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || rows < LEAST_REWARD_ROWS) return;
  const width = Math.max(10, Math.min(MOST_COLUMNS, columns - AXIS - 1));
  const lines = seriesLines(rounds, Math.min(columns, MOST_COLUMNS + AXIS));
  const shown = lines.slice(0, Math.max(0, rows - LEAST_REWARD_ROWS - 1));
  const height = Math.min(MOST_REWARD_ROWS, rows - shown.length - 1);
  const upper = known.map(({ reward, interval }) => interval?.[1] ?? reward);
  const values = known.map(({ reward }) => reward);
  yield* plot(values, { width, rows: height, band: { upper, paint: dim } });
  yield dim(`${' '.repeat(AXIS - 1)}${ends(first.number, last.number, plotColumns(known.length, width))}`.trimEnd());
  yield* shown;
}

/** `1                 20`: the numbers of the first and the last round below their columns. */
function ends(first: number, last: number, width: number): string {
  const [left, right] = [String(first), String(last)];
  const gap = width - left.length - right.length;
  return gap < 1 ? left : `${left}${' '.repeat(gap)}${right}`;
}

interface Series {
  name: string;
  /** Null where a round has none. */
  values: (number | null)[];
  /** The newest value, in words. */
  last: string;
}

const TWO_BESIDE = 88;
const NAME = 10;
const LAST = 10;

/** One or two on a line, as there is room. */
function seriesLines(rounds: readonly Round[], columns: number): string[] {
  const beside = columns >= TWO_BESIDE ? 2 : 1;
  const width = Math.floor((columns - 1 - (beside - 1) * 3) / beside) - NAME - LAST;
  const cells = seriesOf(rounds).map(({ name, values, last }) => {
    const line = sparkline(values, width);
    return `${name.padEnd(NAME)}${line}${' '.repeat(Math.max(0, width - textWidth(line)))}${last.padStart(LAST)}`;
  });
  return Array.from({ length: Math.ceil(cells.length / beside) }, (_none, row) =>
    cells.slice(row * beside, (row + 1) * beside).join('   '),
  );
}

/** What to look at first stands first. Of a metric the engine's own is better than the estimate. */
function seriesOf(rounds: readonly Round[]): Series[] {
  const of = (name: string, value: (round: Round) => number | null | undefined, words: (value: number) => string): Series[] => {
    const values = rounds.map((round) => value(round) ?? null);
    const last = values.findLast((one) => one !== null) ?? null;
    return last === null ? [] : [{ name, values, last: words(last) }];
  };
  const metric =
    (...names: string[]) =>
    ({ metrics }: Round): number | undefined =>
      names.flatMap((name) => metrics[name] ?? []).map(withoutNoise)[0];
  return [
    ...of(
      'spread in',
      ({ spreadGroups, groups }) => (groups === 0 ? null : spreadGroups / groups),
      () => spreadWords(rounds.at(-1)),
    ),
    ...of('loss', metric('loss:sum', 'loss:mean', 'loss'), shortNumber),
    ...of('entropy', metric('entropy', 'entropy_sampled'), shortNumber),
    ...of('KL', metric('kl_sample_train'), shortNumber),
    ...of('tokens/s', ratePerSecond, (value) => String(Math.round(value))),
    ...of(
      'lag',
      ({ lag }) => lag,
      (value) => `${value}`,
    ),
  ];
}

function spreadWords(round: Round | undefined): string {
  return round === undefined ? '' : `${round.spreadGroups} of ${round.groups}`;
}

function ratePerSecond({ tokens, rolloutMs }: Round): number | null {
  return tokens === 0 || rolloutMs === 0 ? null : (tokens * 1000) / rolloutMs;
}

const ROUNDING = 5e-6;

/** What floating point leaves of nothing is 0: a line would make mountains of it. */
function withoutNoise(value: number): number {
  return Math.abs(value) < ROUNDING ? 0 : value;
}

/** Three digits that tell. */
export function shortNumber(value: number): string {
  if (withoutNoise(value) === 0) return '0';
  const text = Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replace(/^-/, '−').replace('e-', 'e−');
}
