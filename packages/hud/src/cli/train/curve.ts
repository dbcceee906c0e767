/** Numbers over time as text: one line of blocks, or several with an axis. */

const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

export interface PlotSize {
  /** Columns of the curve, without its axis. */
  width: number;
  rows: number;
}

export interface Band {
  /** Of each value, where its interval ends above it. */
  upper: readonly number[];
  paint: (text: string) => string;
}

/** The range is that of the values, and at least 0 to 1. @returns as many lines as there are rows */
export function plot(values: readonly number[], { width, rows, band }: PlotSize & { band?: Band }): string[] {
  const low = Math.min(0, ...values);
  const high = Math.max(1, ...values);
  const levels = (list: readonly number[]): number[] =>
    fitted(list, width).map((value) => Math.round(((Math.min(value, high) - low) / (high - low)) * rows * 8));
  const columns = levels(values);
  const tops = band === undefined ? [] : whiskers(levels(band.upper), values.length, width);
  const labels = [high, low].map((value) => value.toFixed(2));
  const label = Math.max(...labels.map(({ length }) => length));
  return Array.from({ length: rows }, (_, row) => {
    const floor = (rows - 1 - row) * 8;
    const name = row === 0 ? labels[0] : row === rows - 1 ? labels[1] : '';
    const cells = columns.map((level, at) => {
      // A value at the very bottom is still one: an empty column would say that there was none.
      const filled = Math.max(floor === 0 ? 1 : 0, Math.min(8, level - floor));
      const whisker = filled > 0 ? '' : whiskerOf((tops[at] ?? 0) - floor);
      return whisker === '' ? (EIGHTHS[filled] ?? ' ') : (band?.paint(whisker) ?? whisker);
    });
    return `${(name ?? '').padStart(label)} ┤${cells.join('')}`.trimEnd();
  });
}

/** The range is that of the values; null leaves a gap. @returns one line of blocks, at most as wide */
export function sparkline(values: readonly (number | null)[], width: number): string {
  const known = values.flatMap((value) => value ?? []);
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  return parts(values, width)
    .map((part) => {
      const own = part.flatMap((value) => value ?? []);
      if (own.length === 0) return ' ';
      return EIGHTHS[1 + Math.round(span === 0 ? 0 : ((meanOf(own) - low) / span) * 7)];
    })
    .join('');
}

/** Columns that a plot of so many values takes. */
export function plotColumns(count: number, width: number): number {
  return count > width ? width : count * wideness(count, width, MOST_WIDE);
}

/** Of values that are drawn several columns wide the middle one carries the whisker. */
function whiskers(tops: readonly number[], count: number, width: number): number[] {
  const times = count > width ? 1 : wideness(count, width, MOST_WIDE);
  return tops.map((top, at) => (at % times === Math.floor((times - 1) / 2) ? top : 0));
}

function whiskerOf(eighths: number): string {
  if (eighths <= 0) return '';
  return eighths < 5 ? '╷' : '│';
}

const MOST_WIDE = 3;

/** More values than columns are averaged; fewer are drawn wider where there is room. */
function fitted(values: readonly number[], width: number): number[] {
  if (values.length > width) return parts(values, width).map(meanOf);
  const times = wideness(values.length, width, MOST_WIDE);
  return values.flatMap((value) => Array.from({ length: times }, () => value));
}

/** What each column stands for, no more columns than values. */
function parts<T>(values: readonly T[], width: number): T[][] {
  const columns = Math.min(width, values.length);
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    return values.slice(from, Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns)));
  });
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function wideness(count: number, width: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(width / Math.max(1, count))));
}
