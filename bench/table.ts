/** Results as a table for people; the same figures as the JSON. */
import type { Goal } from './contract.ts';
import { isVoid } from './fence.ts';
import type { ContestResult, RowResult } from './result-file.ts';
import type { Estimate } from './statistics.ts';
import type { MeasureResult } from './verdict.ts';

const HEADINGS = ['row', 'figure', 'ours', 'reference', 'ratio', '95 %', 'original', 'goal', 'verdict', 'discarded'];
/** Of the table, in order: text left, numbers right. */
const RIGHT = new Set([2, 3, 4, 6]);

/** @param options `isQuick` marks every verdict */
export function formatRow(row: RowResult, { isQuick }: { isQuick: boolean }): string {
  const mark = isQuick ? ' (quick)' : '';
  return [`${row.id}  ${row.title}`, ...row.contests.map((contest) => formatContest(row.id, contest, mark))].join('\n');
}

function formatContest(id: string, contest: ContestResult, mark: string): string {
  const notes = [
    `  ${contest.what}; reference: ${contest.reference}`,
    ...(contest.originalAbsent === undefined ? [] : [`  the Python package was not measured: ${contest.originalAbsent}`]),
    ...(contest.failure === undefined ? [] : [`  FAILED: ${contest.failure}`]),
    ...discardNote(contest),
  ];
  const discarded = contest.isTimed ? `${contest.discards.length} of ${contest.blocks}` : `not timed, ${contest.blocks}`;
  const rows = contest.measures.map((measure) => cells({ id, discarded, mark }, measure));
  return [...notes, ...align([HEADINGS, ...rows]).map((line) => `    ${line}`)].join('\n');
}

function discardNote({ discards, blocks }: ContestResult): string[] {
  if (discards.length === 0) return [];
  const each = discards.map(
    ({ block, foreign, steal }) => `${block} (${percent(foreign)}${steal > 0.005 ? `, ${percent(steal)} stolen` : ''})`,
  );
  const spoiled = isVoid(discards.length, blocks) ? '; void: the figures are over all blocks and prove nothing' : '';
  return [`  discarded ${discards.length} of ${blocks} blocks for processor time of others: ${each.join(', ')}${spoiled}`];
}

function cells({ id, discarded, mark }: { id: string; discarded: string; mark: string }, measure: MeasureResult): string[] {
  const { figure, unit, ours, reference, ratio, original, goal, verdict } = measure;
  return [
    id,
    `${figure} (${unit})`,
    number(ours?.median),
    number(reference?.median),
    number(ratio?.median),
    interval(goal?.of === 'ours' ? ours : ratio),
    original === undefined ? '' : `${number(original.median)}${original.ratio === undefined ? '' : ` (${number(original.ratio)}×)`}`,
    goal === undefined ? '' : formatGoal(goal),
    goal === undefined ? verdict : `${verdict}${mark}`,
    discarded,
  ];
}

function formatGoal({ of, bound, value }: Goal): string {
  return `${of} ${bound === 'atLeast' ? '≥' : '≤'} ${number(value)}`;
}

function interval(estimate: Estimate | undefined): string {
  return estimate === undefined ? '' : `${number(estimate.interval[0])} – ${number(estimate.interval[1])}`;
}

/** Three significant digits, whole numbers whole. */
function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function align(rows: readonly string[][]): string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
