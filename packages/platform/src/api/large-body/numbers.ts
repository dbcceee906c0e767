/** Pieces of lists of numbers, read by the engine's own parser: nothing else is as fast and as exact. */

/** A list that grows. */
export interface Numbers {
  /** Of them all, by their count; what is after those is left over. */
  values: Float64Array<ArrayBuffer>;
  count: number;
  /** From 0 below 2^31, so that 4 bytes hold each. */
  areWhole: boolean;
}

const MOST_WHOLE = 2 ** 31 - 1;
/** Of what stands in a number's place, in a message. */
const MOST_SHOWN = 40;

/**
 * @param text numbers and the commas between them
 * @returns what is wrong with it; undefined when nothing is, and the numbers are in the list
 */
export function readNumbers(text: string, into: Numbers): string | undefined {
  const read = parse(`[${text}]`);
  if (read === undefined || read.length === 0) return firstProblem(text, into.count);
  makeRoom(into, read.length);
  const { values, count } = into;
  let { areWhole } = into;
  for (let i = 0; i < read.length; i += 1) {
    const value = read[i];
    if (typeof value !== 'number') return firstProblem(text, count);
    values[count + i] = value;
    areWhole = areWhole && (value | 0) === value && value >= 0 && value <= MOST_WHOLE && !Object.is(value, -0);
  }
  into.count += read.length;
  into.areWhole = areWhole;
  return undefined;
}

/** @returns undefined for what is no JSON */
function parse(text: string): readonly unknown[] | undefined {
  try {
    return JSON.parse(text) as unknown[];
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function firstProblem(text: string, before: number): string {
  const entries = text.split(',').map((entry) => entry.trim());
  const at = entries.findIndex((entry) => typeof parse(`[${entry}]`)?.[0] !== 'number');
  const said = entries[at] ?? '';
  const shown = said.length > MOST_SHOWN ? `${said.slice(0, MOST_SHOWN)} …` : said;
  return `entry ${before + Math.max(at, 0)} is ${shown === '' ? 'missing' : `\`${shown}\``}; expected a number`;
}

function makeRoom(numbers: Numbers, more: number): void {
  const needed = numbers.count + more;
  if (needed <= numbers.values.length) return;
  const values = new Float64Array(Math.max(needed, 2 * numbers.values.length));
  values.set(numbers.values.subarray(0, numbers.count));
  numbers.values = values;
}
