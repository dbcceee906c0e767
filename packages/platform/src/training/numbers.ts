/** Lists of numbers, millions of them: loops in place of `map` and `entries`, which take ten times as long. */

/** An array, or a typed one: those hold millions without a value for each, and go to another thread as they are. */
export type Numbers = readonly number[] | Int32Array | Uint8Array | Float64Array;

export function sumOf(list: Numbers): number {
  let sum = 0;
  for (let i = 0; i < list.length; i += 1) sum += list[i]!;
  return sum;
}

/** The place of the first that is none of what is asked for, -1 where there is none. */
export function firstNot(list: Numbers, is: (value: number) => boolean): number {
  for (let i = 0; i < list.length; i += 1) if (!is(list[i]!)) return i;
  return -1;
}
