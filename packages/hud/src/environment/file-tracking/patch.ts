/** Unified diffs as Python's difflib writes them, without a final newline and without marking one that is missing. */
import { matchingRuns, type Effort } from './matching.ts';

const CONTEXT = 3;

/** Every boundary that Unicode knows, not the newline alone; how lines end is lost. A last line counts with or without its end. */
export function splitLines(text: string): string[] {
  // oxlint-disable-next-line no-control-regex -- file, group and record separators end lines too
  const lines = text.split(/\r\n|[\n\r\v\f\u001c\u001d\u001e\u0085\u2028\u2029]/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** @returns '' when no line differs */
export function unifiedDiff(path: string, before: readonly string[], after: readonly string[], effort: Effort): string {
  const hunks = hunksOf(changesOf(before, after, effort), before.length, after.length);
  if (hunks.length === 0) return '';
  const lines = [`--- a/${path}`, `+++ b/${path}`];
  for (const hunk of hunks) {
    lines.push(`@@ -${rangeText(hunk.a, hunk.aTo)} +${rangeText(hunk.b, hunk.bTo)} @@`);
    let at = hunk.a;
    for (const change of hunk.changes) {
      for (; at < change.a; at += 1) lines.push(` ${before[at]}`);
      for (; at < change.aTo; at += 1) lines.push(`-${before[at]}`);
      for (let j = change.b; j < change.bTo; j += 1) lines.push(`+${after[j]}`);
    }
    for (; at < hunk.aTo; at += 1) lines.push(` ${before[at]}`);
  }
  return lines.join('\n');
}

/** Lines [a, aTo) of the one text became lines [b, bTo) of the other. */
interface Change {
  a: number;
  aTo: number;
  b: number;
  bTo: number;
}

interface Hunk extends Change {
  changes: Change[];
}

function changesOf(before: readonly string[], after: readonly string[], effort: Effort): Change[] {
  const changes: Change[] = [];
  let a = 0;
  let b = 0;
  for (const run of [...matchingRuns(before, after, effort), { a: before.length, b: after.length, length: 0 }]) {
    if (a < run.a || b < run.b) changes.push({ a, aTo: run.a, b, bTo: run.b });
    a = run.a + run.length;
    b = run.b + run.length;
  }
  return changes;
}

/** Changes that are no more than twice the context apart share a hunk. */
function hunksOf(changes: readonly Change[], aLength: number, bLength: number): Hunk[] {
  const hunks: Hunk[] = [];
  for (const change of changes) {
    const last = hunks.at(-1);
    const aTo = Math.min(aLength, change.aTo + CONTEXT);
    const bTo = Math.min(bLength, change.bTo + CONTEXT);
    if (last !== undefined && change.a - (last.changes.at(-1)?.aTo ?? 0) <= 2 * CONTEXT) {
      last.changes.push(change);
      Object.assign(last, { aTo, bTo });
    } else {
      hunks.push({ a: Math.max(0, change.a - CONTEXT), b: Math.max(0, change.b - CONTEXT), aTo, bTo, changes: [change] });
    }
  }
  return hunks;
}

/** 1-based start and length; an empty range names the line before it. */
function rangeText(from: number, to: number): string {
  const length = to - from;
  if (length === 1) return `${from + 1}`;
  return `${length === 0 ? from : from + 1},${length}`;
}
