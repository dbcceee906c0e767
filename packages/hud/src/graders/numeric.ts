/** Compares a number found in an answer. The defaults read numbers exactly as the Python package does. */
import { answerText } from './text.ts';

export interface NumericOptions {
  /** Largest difference that still counts as equal. @default 0 */
  tolerance?: number;
  /** Read commas between groups of three digits: `1,234` is 1234 and not 1. @default false */
  grouping?: boolean;
  /** Read numbers as programs print them: `1e5` is 100000 and not 1, `.5` is 0.5 and not 5. @default false */
  scientific?: boolean;
  /** Which number of the answer counts; `'last'` suits answers that work towards their result. @default 'first' */
  pick?: 'first' | 'last';
}

/**
 * 1 when the answer's number is within the tolerance of the expected one, else 0; 0 when it has no number.
 * Digits of every script count. Without options `1,234` reads as 1, `.5` as 5 and `1e5` as 1.
 */
export function numericMatch(answer: unknown, expected: number, options: NumericOptions = {}): number {
  const numbers = answerText(answer).matchAll(numberPattern(options));
  const [found] = (options.pick === 'last' ? [...numbers].at(-1) : numbers.next().value) ?? [];
  if (found === undefined) return 0;
  return Math.abs(Number(asciiDigits(found).replaceAll(',', '')) - expected) <= (options.tolerance ?? 0) ? 1 : 0;
}

const DIGIT = String.raw`\p{Nd}`; // as Python's \d; JavaScript's \d is 0 to 9 alone

function numberPattern({ grouping, scientific }: NumericOptions): RegExp {
  const grouped = `${DIGIT}{1,3}(?:,${DIGIT}{3})+(?!${DIGIT})`;
  const whole = grouping === true ? `(?:${grouped}|${DIGIT}+)` : `${DIGIT}+`;
  const decimal = String.raw`${whole}\.?${DIGIT}*`;
  const literal = scientific === true ? String.raw`(?:${decimal}|\.${DIGIT}+)(?:[eE][+\-]?${DIGIT}+)?` : decimal;
  return new RegExp(`-?${literal}`, 'gu');
}

function asciiDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, (digit) => String(digitValue(digit.codePointAt(0) as number)));
}

/** Unicode keeps the ten digits of a script in order and in one block; blocks may adjoin, hence the remainder. */
function digitValue(codePoint: number): number {
  let first = codePoint;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return (codePoint - first) % 10;
}
