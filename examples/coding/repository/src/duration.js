const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const SHAPE = /^(-)?(?:(\d+(?:\.\d+)?)d)?\s*(?:(\d+(?:\.\d+)?)h)?\s*(?:(\d+(?:\.\d+)?)m)?\s*(?:(\d+(?:\.\d+)?)s)?\s*(?:(\d+(?:\.\d+)?)ms)?$/;

/** Milliseconds. */
export function parse(text) {
  const match = SHAPE.exec(text.trim());
  if (match === null || match.slice(2).every((part) => part === undefined)) throw new SyntaxError(`Not a duration: '${text}'`);
  const total = UNITS.reduce((sum, [, size], i) => sum + Number(match[i + 2] ?? 0) * size, 0);
  return match[1] === '-' ? -total : total;
}

/** The shortest text that says the same. */
export function format(milliseconds) {
  let rest = Math.round(Math.abs(milliseconds));
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  if (parts.length === 0) return '0ms';
  return (milliseconds < 0 ? '-' : '') + parts.join(' ');
}
