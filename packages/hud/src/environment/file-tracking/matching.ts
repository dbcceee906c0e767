/**
 * Which runs of lines two texts have in common: the longest run first, then the same on both sides of it
 * (Ratcliff and Obershelp), with the choices that Python's difflib makes, so that patches are the same to the letter.
 */

/** `a` and `b` are 0-based positions of the first line. */
export interface Match {
  a: number;
  b: number;
  length: number;
}

/** Comparisons that may still be made. Texts made to be slow get coarser results, not more time. */
export interface Effort {
  steps: number;
}

/** @returns runs in order, none adjacent to the next in both texts */
export function matchingRuns(a: readonly string[], b: readonly string[], effort: Effort): Match[] {
  const search = searchIn(a, b, effort);
  const found: Match[] = [];
  const waiting: Range[] = [{ aFrom: 0, aTo: a.length, bFrom: 0, bTo: b.length }];
  for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
    const match = search(range);
    if (match.length === 0) continue;
    found.push(match);
    const before = { aFrom: range.aFrom, aTo: match.a, bFrom: range.bFrom, bTo: match.b };
    const after = { aFrom: match.a + match.length, aTo: range.aTo, bFrom: match.b + match.length, bTo: range.bTo };
    for (const side of [before, after]) if (side.aFrom < side.aTo && side.bFrom < side.bTo) waiting.push(side);
  }
  return joinAdjacent(found.sort((x, y) => x.a - y.a));
}

interface Range {
  aFrom: number;
  aTo: number;
  bFrom: number;
  bTo: number;
}

function searchIn(a: readonly string[], b: readonly string[], effort: Effort): (range: Range) => Match {
  const places = placesOf(b);
  const inB = a.map((line) => places.get(line) ?? []);
  // Length of the run that ends at each position of b (one further on), for the line of a before and for this one.
  let previous = new Int32Array(b.length + 1);
  let current = new Int32Array(b.length + 1);
  return ({ aFrom, aTo, bFrom, bTo }) => {
    const best: Match = { a: aFrom, b: bFrom, length: 0 };
    let written: readonly number[] = [];
    for (let i = aFrom; i < aTo && effort.steps > 0; i += 1) {
      const candidates = inB[i] ?? [];
      effort.steps -= 1 + candidates.length;
      for (const j of candidates) {
        if (j < bFrom) continue;
        if (j >= bTo) break;
        const length = (previous[j] ?? 0) + 1;
        current[j + 1] = length;
        if (length > best.length) Object.assign(best, { a: i - length + 1, b: j - length + 1, length });
      }
      for (const j of written) previous[j + 1] = 0;
      written = candidates;
      [previous, current] = [current, previous];
    }
    for (const j of written) previous[j + 1] = 0;
    return extend(best, a, b, { aFrom, aTo, bFrom, bTo });
  };
}

const MANY_LINES = 200;

/** Where each line stands in b. Lines that make up more than a hundredth of a long text prove nothing and are left out. */
function placesOf(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  b.forEach((line, j) => {
    const known = places.get(line);
    if (known === undefined) places.set(line, [j]);
    else known.push(j);
  });
  if (b.length < MANY_LINES) return places;
  const most = Math.floor(b.length / 100) + 1;
  for (const [line, js] of places) if (js.length > most) places.delete(line);
  return places;
}

/** A run goes on over equal lines on both sides, those that were left out included. */
function extend(match: Match, a: readonly string[], b: readonly string[], range: Range): Match {
  let { a: i, b: j, length } = match;
  while (i > range.aFrom && j > range.bFrom && a[i - 1] === b[j - 1]) {
    i -= 1;
    j -= 1;
    length += 1;
  }
  while (i + length < range.aTo && j + length < range.bTo && a[i + length] === b[j + length]) length += 1;
  return { a: i, b: j, length };
}

function joinAdjacent(matches: readonly Match[]): Match[] {
  const joined: Match[] = [];
  for (const match of matches) {
    const last = joined.at(-1);
    if (last !== undefined && last.a + last.length === match.a && last.b + last.length === match.b) last.length += match.length;
    else joined.push({ ...match });
  }
  return joined;
}
