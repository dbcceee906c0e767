/** What a drill found, for people. */
import { isUnmet } from './barrage.ts';
import { tally } from './drill.ts';
import type { DrillResult, StruckFault } from './result.ts';

const SHOWN = 20;

export function report(result: DrillResult): string {
  const { faults, left, findings, missed } = result;
  const count = (rule: string): number => findings.filter((finding) => finding.rule === rule).length;
  const met = faults.filter((fault) => !isUnmet(fault)).length;
  const lines = [
    '',
    `${result.graded} of ${result.rollouts} rollouts graded, ${met} faults met, in ${Math.round(result.seconds)} s; seed ${result.seed}`,
    '',
    ...faultTable(faults),
    ...(missed.length === 0 ? [] : ['', `${missed.length} found nothing to hit, so a driver was killed instead: ${pairs(tally(missed))}`]),
    ...(faults.length < result.planned
      ? ['', `${result.planned - faults.length} faults did not strike: the rollouts were done before`]
      : []),
    '',
    `drivers started      ${result.driverStarts} (ended: ${pairs(result.driverEnds)})`,
    `servers started      ${result.serverStarts}`,
    `attempts             ${pairs(result.attempts)}`,
    `grades not recorded  ${result.unrecordedGrades} (the driver or its connection ended before the verdict was on disk; graded in a later attempt)`,
    `record checked       ${result.checks} times`,
    `longest orphan       ${result.longestOrphanSeconds.toFixed(1)} s after the next driver went on`,
    '',
    `lost                 ${count('lost')}`,
    `graded twice         ${count('graded twice')}`,
    `changed              ${count('changed')}`,
    `damaged              ${count('damaged')}`,
    `hung                 ${count('hung')}`,
    `left after 5 s       ${left.processes.length} processes, ${left.sockets.length} sockets, ${left.folders.length} folders, ${left.cgroups.length} control groups, ${left.leases.length} leases`,
    ...(findings.length === 0 ? [] : ['', ...findings.slice(0, SHOWN).map(({ rule, detail }) => `  ${rule}: ${detail}`)]),
    ...(findings.length > SHOWN ? [`  and ${findings.length - SHOWN} more`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function faultTable(faults: readonly StruckFault[]): string[] {
  const rows = [...Map.groupBy(faults, (fault) => fault.kind)].map(([kind, all]) => {
    const seconds = all.flatMap(({ recoveredSeconds }) => recoveredSeconds ?? []).toSorted((a, b) => a - b);
    const idle = all.filter(isUnmet).length;
    return [kind, String(all.length), idle === 0 ? '' : String(idle), quantile(seconds, 0.5), quantile(seconds, 1), all[0]?.what ?? ''];
  });
  return align([
    ['fault', 'times', 'unmet', 'back after s', 'longest', 'such as'],
    ...rows.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
  ]);
}

function quantile(sorted: readonly number[], p: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
  return value === undefined ? '' : value.toFixed(1);
}

function align(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function pairs(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
