/** Lists of numbers in bodies, as long as batches of training are: checked in one go, and held as typed arrays. */
import { z } from 'zod';

/** Ids are signed 32-bit numbers in memory; no vocabulary has as many. */
const MOST_TOKEN = 2 ** 31 - 1;

type Given = readonly unknown[] | Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Token ids: whole numbers from 0 below 2^31. */
export const TokenList = listOf(
  { type: 'integer', minimum: 0, maximum: MOST_TOKEN },
  'a token id, a whole number from 0 below 2^31',
  (list) => (list instanceof Int32Array ? firstNegative(list) : firstNoToken(list)),
  (list) => (list instanceof Int32Array ? list : Int32Array.from(list as readonly number[])),
);

/** Finite numbers, exactly as they were sent. */
export const FiniteList = listOf(
  { type: 'number' },
  'a finite number',
  (list) => (list instanceof Float64Array ? firstInfinite(list) : list.findIndex((value) => !Number.isFinite(value))),
  (list) => (list instanceof Float64Array ? list : Float64Array.from(list as readonly number[])),
);

/** @param firstBad place of the first that is none of `expected`, -1 where there is none */
function listOf<T>(items: Record<string, unknown>, expected: string, firstBad: (list: Given) => number, read: (list: Given) => T) {
  return z
    .custom<Given>(isList, 'expected a list of numbers')
    .meta({ type: 'array', items })
    .transform((list, context): T => {
      const at = firstBad(list);
      if (at < 0) return read(list);
      context.addIssue({ code: 'custom', message: `entry ${at} is ${shown(list[at])}; expected ${expected}` });
      return z.NEVER;
    });
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || value instanceof Int32Array || value instanceof Float64Array;
}

// What is right is told by one operation for each number: there are millions, and a shared loop takes ten times as long.

function firstNegative(list: Int32Array): number {
  let signs = 0;
  for (let at = 0; at < list.length; at += 1) signs |= list[at]!;
  return signs < 0 ? list.findIndex((id) => id < 0) : -1;
}

function firstInfinite(list: Float64Array): number {
  let nothing = 0;
  for (let at = 0; at < list.length; at += 1) nothing += list[at]! - list[at]!; // NaN for those that are not finite
  return nothing === 0 ? -1 : list.findIndex((value) => !Number.isFinite(value));
}

function firstNoToken(list: ArrayLike<unknown>): number {
  for (let at = 0; at < list.length; at += 1) {
    const id = list[at];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MOST_TOKEN) return at;
  }
  return -1;
}

function shown(value: unknown): string {
  return typeof value === 'number' || value === null ? String(value) : `of type ${Array.isArray(value) ? 'array' : typeof value}`;
}
