/** Ways to break the repository, and the tests that tell. The expected values never enter the sandbox. */
export interface Bug {
  /** What a user reported. */
  report: string;
  /** Turns the right source into the broken one. */
  right: string;
  wrong: string;
}

export const BUGS: Record<string, Bug> = {
  sign: {
    report: "`parse('-1h 30m')` gives −1800000, but it should be −5400000.",
    right: "return match[1] === '-' ? -total : total;",
    wrong: "return match[1] === '-' ? total - 2 * Number(match[3] ?? 0) * 3_600_000 : total;",
  },
  rounding: {
    report: "`format(999.6)` gives '999ms', but the README says that it rounds.",
    right: 'let rest = Math.round(Math.abs(milliseconds));',
    wrong: 'let rest = Math.floor(Math.abs(milliseconds));',
  },
  negative: {
    report: "`format(-90_000)` gives '-2m 30s', one minute too many.",
    right: 'let rest = Math.round(Math.abs(milliseconds));',
    wrong: 'let rest = Math.round(milliseconds);',
  },
};

type Call = [fn: 'parse' | 'format', argument: string | number];

/** What each call must give; an error is its name. */
export const HIDDEN_TESTS: [call: Call, expected: string | number][] = [
  [['parse', '2d'], 172_800_000],
  [['parse', '1h 30m'], 5_400_000],
  [['parse', '0.5s 250ms'], 750],
  [['parse', '-2h'], -7_200_000],
  [['parse', '-45s'], -45_000],
  [['parse', '-1d 12h 0.5m'], -129_630_000],
  [['parse', ''], 'SyntaxError'],
  [['parse', '5 apples'], 'SyntaxError'],
  [['format', 0], '0ms'],
  [['format', 0.4], '0ms'],
  [['format', 1_500], '1s 500ms'],
  [['format', 59_999.7], '1m'],
  [['format', -1_500], '-1s 500ms'],
  [['format', -7_200_000], '-2h'],
  [['format', 93_784_005], '1d 2h 3m 4s 5ms'],
];

/** Runs inside the sandbox: the calls come on standard input, what they gave goes to standard output. */
export const CALL_THEM = `
  import { readFileSync } from 'node:fs';
  import { parse, format } from '/workspace/src/duration.js';
  const calls = JSON.parse(readFileSync(0, 'utf8'));
  const results = calls.map(([name, argument]) => {
    try { return (name === 'parse' ? parse : format)(argument); } catch (error) { return error.name; }
  });
  console.log(JSON.stringify(results));`;
