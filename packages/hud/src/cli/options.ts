/** Flags by the kind of their value. Wrong values are usage errors that name the flag and what it takes. */
import type { Option } from './command.ts';
import { UsageError } from './usage-error.ts';

/** On when given; absence says nothing, so it never overrides a setting. */
export function flag(flags: string, help: string): Option<boolean> {
  return { flags, help };
}

/** Counts how often it was given: `-vv` is 2. */
export function count(flags: string, help: string): Option<number> {
  return { flags, help, parse: (_text, previous) => (previous ?? 0) + 1 };
}

export function text(flags: string, help: string): Option<string> {
  return { flags, help, parse: (value) => value };
}

/** May be given several times. */
export function texts(flags: string, help: string): Option<string[]> {
  return { flags, help, parse: (value, previous) => [...(previous ?? []), value] };
}

/** `a,b,c`; may be given several times. */
export function list(flags: string, help: string): Option<string[]> {
  const split = (value: string): string[] =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  return { flags, help, parse: (value, previous) => [...(previous ?? []), ...split(value)] };
}

/** One of a few words, which the help lists. */
export function oneOf<const T extends string>(flags: string, help: string, words: readonly T[]): Option<T> {
  return {
    flags,
    help: `${help}: ${words.join(', ')}`,
    parse: (value) => {
      const word = words.find((one) => one === value);
      if (word !== undefined) return word;
      throw new UsageError(`${nameOf(flags)} takes ${words.join(', ')}, not '${value}'.`);
    },
  };
}

export function integer(flags: string, help: string, limits: { min: number; max?: number }): Option<number> {
  const { min, max = Number.MAX_SAFE_INTEGER } = limits;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    flags,
    help,
    parse: (value) => {
      const number = /^[+-]?\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
      if (number >= min && number <= max) return number;
      throw new UsageError(`${nameOf(flags)} takes a whole number ${range}, not '${value}'.`);
    },
  };
}

/** Any finite number above `above`, when that is given. */
export function number(flags: string, help: string, limits: { above?: number } = {}): Option<number> {
  return {
    flags,
    help,
    parse: (value) => {
      const number = value.trim() === '' ? Number.NaN : Number(value);
      if (Number.isFinite(number) && number > (limits.above ?? -Infinity)) return number;
      const range = limits.above === undefined ? '' : ` above ${limits.above}`;
      throw new UsageError(`${nameOf(flags)} takes a number${range}, not '${value}'.`);
    },
  };
}

/** `KEY=VALUE`; may be given several times, the last use of a key wins. */
export function pairs(flags: string, help: string): Option<Record<string, string>> {
  return { flags, help, parse: (value, previous) => ({ ...previous, ...parsePair(value, nameOf(flags)) }) };
}

/** @throws UsageError unless the text is a non-empty key, `=`, and a value, which is trimmed */
export function parsePair(pair: string, what: string): Record<string, string> {
  const at = pair.indexOf('=');
  const key = pair.slice(0, Math.max(at, 0)).trim();
  if (key === '') throw new UsageError(`${what} takes KEY=VALUE, not '${pair}'.`);
  return { [key]: pair.slice(at + 1).trim() };
}

/** A JSON object, as text. */
export function jsonObject(flags: string, help: string): Option<Record<string, unknown>> {
  return {
    flags,
    help,
    parse: (value) => {
      const parsed = parseOr(value);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
      throw new UsageError(`${nameOf(flags)} takes a JSON object, not '${value}'.`, { hint: `For example: ${nameOf(flags)} '{"n": 1}'` });
    },
  };
}

function parseOr(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined; // no JSON at all is answered like JSON of another kind
  }
}

/** The long name without its value: `-p, --port <n>` → `--port`. */
function nameOf(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}
