/** Rows of cells: aligned columns for people, tab-separated for pipes. */
import { literalLine } from './literal.ts';
import type { Terminal } from './terminal.ts';
import { padEnd, padStart, textWidth, truncate } from './width.ts';

export interface Column {
  header: string;
  align?: 'right';
  /** Gives way when the terminal is narrow: cut to what is left, but not below `min` columns. */
  shrinks?: { min: number };
}

const GAP = 2;

/**
 * One line a row, after a header. Cells are shown literally, on one line each.
 * @param paint colours a whole cell, padding included
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  terminal: Terminal,
  paint?: (cell: string, row: number, column: number) => string,
): string[] {
  const cells = rows.map((row) => columns.map((_, at) => literalLine(row[at] ?? '')));
  if (!terminal.isTTY) return [columns.map((column) => column.header), ...cells].map((row) => row.join('\t'));
  const widths = fit(columns, cells, terminal.columns);
  const line = (row: readonly string[], color: (cell: string, at: number) => string): string =>
    columns
      .map(({ align }, at) => {
        const width = widths[at] ?? 0;
        const text = truncate(row[at] ?? '', width);
        const isLast = at === columns.length - 1;
        return color(align === 'right' ? padStart(text, width) : isLast ? text : padEnd(text, width), at);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  const header = line(
    columns.map((column) => column.header),
    (cell) => terminal.dim(cell),
  );
  return [header, ...cells.map((row, at) => line(row, (cell, column) => paint?.(cell, at, column) ?? cell))];
}

/** Natural widths, less what the shrinking columns must give so that a line fits. */
function fit(columns: readonly Column[], rows: readonly (readonly string[])[], available: number): number[] {
  const widths = columns.map((column, at) => Math.max(textWidth(column.header), ...rows.map((row) => textWidth(row[at] ?? ''))));
  let excess = widths.reduce((sum, width) => sum + width, GAP * (columns.length - 1)) - available;
  while (excess > 0) {
    const widest = columns
      .map(({ shrinks }, at) => ({ at, room: shrinks === undefined ? 0 : (widths[at] ?? 0) - shrinks.min, width: widths[at] ?? 0 }))
      .filter(({ room }) => room > 0)
      .toSorted((a, b) => b.width - a.width)[0];
    if (widest === undefined) break;
    widths[widest.at] = widest.width - 1;
    excess -= 1;
  }
  return widths;
}
