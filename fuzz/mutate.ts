/** Changes to bytes that know nothing of what the bytes mean. */
import type { Random } from './random.ts';

/** Inputs grow no further than this by mutation, in bytes. */
const MAX_BYTES = 65_536;

const BYTES = [
  0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x30, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xbf, 0xc0, 0xed, 0xef, 0xff,
];

type Change = (random: Random, input: Uint8Array) => Uint8Array[];

const CHANGES: readonly Change[] = [
  (random, input) => replaced(input, random.below(input.length), (byte) => byte ^ (1 << random.below(8))),
  (random, input) => replaced(input, random.below(input.length), () => random.pick(BYTES)),
  (random, input) => {
    const at = random.below(input.length);
    return [input.subarray(0, at), input.subarray(at + random.small(64))];
  },
  (random, input) => [input.subarray(0, random.below(input.length))],
  (random, input) => {
    const at = random.below(input.length);
    const piece = input.subarray(at, at + random.small(64));
    const times = random.chance(0.02) ? random.small(2_000) : random.small(4);
    return [input.subarray(0, at), ...Array.from({ length: times }, () => piece), input.subarray(at)];
  },
  (random, input) => {
    const at = random.below(input.length);
    const from = random.below(input.length);
    return [input.subarray(0, at), input.subarray(from, from + random.small(64)), input.subarray(at)];
  },
];

/** One to five changes, among them the insertion of `tokens` and of pieces of other inputs. */
export function mutate(random: Random, input: Uint8Array, options: { tokens: readonly string[]; pool: readonly Uint8Array[] }): Uint8Array {
  let bytes = input;
  for (let times = random.small(5); times > 0; times--) {
    if (bytes.length === 0) bytes = Buffer.from(random.pick(options.tokens));
    const parts = random.chance(0.35) ? inserted(random, bytes, options) : random.pick(CHANGES)(random, bytes);
    bytes = Buffer.concat(parts).subarray(0, MAX_BYTES);
  }
  return bytes;
}

function inserted(
  random: Random,
  input: Uint8Array,
  { tokens, pool }: { tokens: readonly string[]; pool: readonly Uint8Array[] },
): Uint8Array[] {
  const at = random.below(input.length + 1);
  const head = input.subarray(0, at);
  if (pool.length === 0 || random.chance(0.7)) return [head, Buffer.from(random.pick(tokens)), input.subarray(at)];
  const other = random.pick(pool);
  const rest = other.subarray(random.below(other.length));
  return random.chance(0.5) ? [head, rest] : [head, rest.subarray(0, random.small(200)), input.subarray(at)];
}

function replaced(input: Uint8Array, at: number, change: (byte: number) => number): Uint8Array[] {
  const copy = Uint8Array.from(input);
  copy[at] = change(copy[at] ?? 0) & 0xff;
  return [copy];
}
