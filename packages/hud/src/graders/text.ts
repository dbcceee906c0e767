/**
 * Comparisons of an answer with a text. Each returns a number from 0 to 1, to be yielded as it is or
 * used as a sub-score's value. They agree with the Python package, so one answer earns one number in both.
 *
 * An answer may be anything a template receives: text is taken as it is, `null` and `undefined` (the
 * agent produced nothing) count as the empty text where Python would read the word "None", and every
 * other value as its JSON text.
 */
import { stringifyJson } from '../protocol/json.ts';

/** The text that a grader reads out of an answer; `''` when there is none. */
export function answerText(answer: unknown): string {
  if (answer === null || answer === undefined) return '';
  return typeof answer === 'string' ? answer : stringifyJson(answer);
}

/**
 * Lower case, words only: punctuation and the articles a, an, the go, one space stands between words.
 * @returns for example `'answer is 42'` for `'  The Answer is: 42! '`
 */
export function normalize(answer: unknown): string {
  return wordsOf(answer).join(' ');
}

/**
 * 1 when both texts are the same, else 0.
 * @param options `normalizeText: false` keeps punctuation and articles, and still ignores case and outer whitespace
 */
export function exactMatch(answer: unknown, expected: string | number, options: { normalizeText?: boolean } = {}): number {
  const read = options.normalizeText === false ? (text: unknown): string => trim(answerText(text)).toLowerCase() : normalize;
  return read(answer) === read(expected) ? 1 : 0;
}

export interface ContainsOptions {
  /** @default false */
  caseSensitive?: boolean;
}

/** 1 when the substring occurs in the answer, else 0. The empty text occurs everywhere. */
export function contains(answer: unknown, substring: string, options: ContainsOptions = {}): number {
  return occurrence(answer, options)(substring) ? 1 : 0;
}

/** 1 when at least one of the substrings occurs in the answer; 0 for an empty list. */
export function containsAny(answer: unknown, substrings: readonly string[], options: ContainsOptions = {}): number {
  return substrings.some(occurrence(answer, options)) ? 1 : 0;
}

/** 1 when every substring occurs in the answer, also for an empty list; else 0. */
export function containsAll(answer: unknown, substrings: readonly string[], options: ContainsOptions = {}): number {
  return substrings.every(occurrence(answer, options)) ? 1 : 0;
}

/**
 * Harmonic mean of precision and recall over the normalised words, each counted as often as it occurs.
 * @returns 0 when either side has no words
 */
export function f1Score(answer: unknown, reference: string | number): number {
  const given = wordsOf(answer);
  const wanted = wordsOf(reference);
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of given) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared += 1;
  }
  if (shared === 0) return 0;
  const precision = shared / given.length;
  const recall = shared / wanted.length;
  return (2 * precision * recall) / (precision + recall);
}

/** Python's `\w`: letters and numbers of every script and the underscore, no marks. JavaScript's knows ASCII alone. */
const WORD = /[\p{L}\p{N}_]+/gu;
const ARTICLES = new Set(['a', 'an', 'the']);

function wordsOf(answer: unknown): string[] {
  return (answerText(answer).toLowerCase().match(WORD) ?? []).filter((word) => !ARTICLES.has(word));
}

function occurrence(answer: unknown, { caseSensitive }: ContainsOptions): (substring: string) => boolean {
  const text = answerText(answer);
  if (caseSensitive === true) return (substring) => text.includes(substring);
  const lower = text.toLowerCase();
  return (substring) => lower.includes(substring.toLowerCase());
}

/** What Python's `strip` takes away: unlike JavaScript's `trim` the separators U+001C to U+001F and U+0085, but not U+FEFF. */
const WHITESPACE = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' +
    '\u2028\u2029\u202f\u205f\u3000',
);

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && WHITESPACE.has(text.charAt(start))) start += 1;
  while (end > start && WHITESPACE.has(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
