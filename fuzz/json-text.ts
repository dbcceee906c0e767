/** JSON by its grammar, and a little beside it: boundary numbers, odd strings, wrong tokens, great depth. */
import type { Random } from './random.ts';

export interface Words {
  keys: readonly string[];
  strings: readonly string[];
}

const NUMBERS = [
  '0 -0 1 -1 1.0 -0.0 0.1 1e2 1E+2 1e-7 1e16 123456789012345680.0 5e-324 1e308 1e999 -1e999',
  '9007199254740991 9007199254740992 9007199254740993 -9007199254740993 18446744073709551616 100000000000000000000000000000001',
  '65535 65536 2147483647 2147483648 4294967296 -2147483649',
].flatMap((line) => line.split(' '));
const BARE = ['NaN', 'Infinity', '-Infinity'];
const WRONG = [
  '01',
  '1.',
  '.5',
  '+1',
  '-',
  '1e',
  '0x10',
  '-NaN',
  '1Infinity',
  'nan',
  'True',
  'None',
  'undefined',
  "'a'",
  '1_000',
  '- 1',
  '\u00a0',
];
/** As they stand between the quotes. */
const STRINGS = [
  ['', 'a', ' ', 'NaN', '-Infinity', '\\"', '\\\\', '\\\\\\"', '\\/', '\\u0000', '\\ud800', '\\udc00', '\\ud83d\\ude00', '\\uD83D\\uDE00'],
  ['é', 'e\u0301', '日本', '😀', '\u2028', '\u2029', '\ufeff', '\u0085', '\u200b', '\u202e', '\u{10ffff}', '\\n\\r\\t\\b\\f', '\\u2028'],
].flat();
const WRONG_STRINGS = ['\t', '\r', '\u0000', '\\x', '\\u12', '\\', '\\uZZZZ', '"'];
const KEYS = ['', '__proto__', 'constructor', 'toString', 'toJSON', 'valueOf', 'length', '0', '1', '-1', '\\u0061', '\\u0000', 'ключ'];
const BLANKS = ['', '', '', '', ' ', '  ', '\t', '\r'];

/** What mutations insert into JSON. */
export const JSON_TOKENS: readonly string[] = [
  [NUMBERS, BARE, WRONG, WRONG_STRINGS, STRINGS.map((text) => `"${text}"`)].flat(),
  ['null', 'true', 'false', '{}', '[]', '""', '{', '}', '[', ']', ',', ':', '"', '\\'],
  ['\n', '\r\n', '\ufeff', '\u0000', ' ', ',"a":1', ',"__proto__":{"a":1}', '"NaN"', '"\\"NaN'],
].flat();

/** @param depth how deep it may still nest */
export function jsonText(random: Random, words: Words, depth = 4): string {
  const kind = random.below(depth > 0 ? 10 : 6);
  if (kind < 2) return random.chance(0.9) ? random.pick(NUMBERS) : random.pick(random.chance(0.7) ? BARE : WRONG);
  if (kind < 3) return random.pick(['null', 'true', 'false']);
  if (kind < 6) return stringText(random, words);
  if (kind < 8) return listText(random, () => jsonText(random, words, depth - 1));
  return objectText(random, words, depth - 1);
}

export function objectText(random: Random, words: Words, depth = 4): string {
  const members = Array.from({ length: random.below(5) }, (): string => {
    const key = random.chance(0.85) ? `"${random.pick(words.keys)}"` : keyText(random);
    return `${key}${blank(random)}:${blank(random)}${jsonText(random, words, depth)}`;
  });
  return `{${blank(random)}${members.join(separator(random))}${blank(random)}}`;
}

export function listText(random: Random, item: () => string): string {
  return `[${blank(random)}${Array.from({ length: random.below(5) }, item).join(separator(random))}${blank(random)}]`;
}

export function stringText(random: Random, words: Words): string {
  if (random.chance(0.5)) return `"${random.pick(words.strings)}"`;
  let text = '';
  for (let pieces = random.below(4); pieces > 0; pieces--) text += random.pick(random.chance(0.98) ? STRINGS : WRONG_STRINGS);
  return `"${random.chance(0.01) ? text.repeat(random.small(3_000)) : text}"`;
}

/** Far deeper than any data; mostly closed as it should be. */
export function deepText(random: Random): string {
  const depth = random.chance(0.05) ? random.between(8_000, 16_000) : random.between(100, 3_000);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"b":[', ']}]'],
  ]);
  const inner = random.pick(['1', 'NaN', '1.0', '{}', '"x"', '']);
  return `{"id":1,"deep":${open?.repeat(depth)}${inner}${random.chance(0.8) ? close?.repeat(depth) : ''}}`;
}

function keyText(random: Random): string {
  return random.chance(0.97) ? `"${random.pick(KEYS)}"` : random.pick(['a', '1', 'NaN', 'null', "'a'"]);
}

function separator(random: Random): string {
  return random.chance(0.985) ? `${blank(random)},${blank(random)}` : random.pick([',,', '', ';', ', ,']);
}

function blank(random: Random): string {
  return random.pick(BLANKS);
}
