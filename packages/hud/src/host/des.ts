/**
 * DES, which VNC's passwords need on both sides: Node's own is gone with OpenSSL 3's legacy provider. Slow, and for these few
 * bytes only. Bits are numbered from 1 at the left, as FIPS 46-3 does.
 */

/** One block of DES. */
export function desEncrypt(key: Uint8Array, block: Uint8Array): Buffer {
  return encrypt(block, subkeys(key));
}

/**
 * DES as VNC uses it: the bits of each byte of the key are reversed.
 * @param key only its first 8 bytes count; a shorter one is filled up with zeros
 * @param blocks a multiple of 8 bytes, each block on its own
 */
export function vncEncrypt(key: Uint8Array, blocks: Uint8Array): Buffer {
  const padded = Buffer.alloc(8);
  padded.set(key.subarray(0, 8));
  const keys = subkeys(padded.map(reverseBits));
  return Buffer.concat(Array.from({ length: blocks.length / 8 }, (_, i) => encrypt(blocks.subarray(i * 8, i * 8 + 8), keys)));
}

function reverseBits(byte: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
}

type Bits = readonly number[];

const bitsOf = (bytes: Uint8Array): Bits => [...bytes].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte >> bit) & 1));
const choose = (bits: Bits, table: Bits): Bits => table.map((position) => bits[position - 1]!);
const rotate = (bits: Bits, by: number): Bits => [...bits.slice(by), ...bits.slice(0, by)];

function subkeys(key: Uint8Array): Bits[] {
  const chosen = choose(bitsOf(key), KEY_CHOICE);
  let [left, right] = [chosen.slice(0, 28), chosen.slice(28)] as [Bits, Bits];
  return ROTATIONS.map((by) => {
    left = rotate(left, by);
    right = rotate(right, by);
    return choose([...left, ...right], ROUND_CHOICE);
  });
}

function encrypt(block: Uint8Array, keys: readonly Bits[]): Buffer {
  const start = choose(bitsOf(block), INITIAL);
  let [left, right] = [start.slice(0, 32), start.slice(32)] as [Bits, Bits];
  for (const key of keys) {
    const mixed = substitute(right, key);
    [left, right] = [right, left.map((bit, i) => bit ^ mixed[i]!)];
  }
  const end = choose([...right, ...left], FINAL);
  return Buffer.from(Array.from({ length: 8 }, (_, byte) => end.slice(byte * 8, byte * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0)));
}

function substitute(half: Bits, key: Bits): Bits {
  const expanded = choose(half, EXPANSION).map((bit, i) => bit ^ key[i]!);
  const out = BOXES.flatMap((box, i) => {
    const [a, b, c, d, e, f] = expanded.slice(i * 6, i * 6 + 6) as [number, number, number, number, number, number];
    const value = Number.parseInt(box[a * 32 + f * 16 + b * 8 + c * 4 + d * 2 + e]!, 16);
    return [8, 4, 2, 1].map((bit) => (value & bit ? 1 : 0));
  });
  return choose(out, PERMUTATION);
}

const table = (text: string): Bits => text.trim().split(/\s+/).map(Number);

const INITIAL = table(`
  58 50 42 34 26 18 10 2 60 52 44 36 28 20 12 4 62 54 46 38 30 22 14 6 64 56 48 40 32 24 16 8
  57 49 41 33 25 17 9 1 59 51 43 35 27 19 11 3 61 53 45 37 29 21 13 5 63 55 47 39 31 23 15 7`);
const FINAL = table(`
  40 8 48 16 56 24 64 32 39 7 47 15 55 23 63 31 38 6 46 14 54 22 62 30 37 5 45 13 53 21 61 29
  36 4 44 12 52 20 60 28 35 3 43 11 51 19 59 27 34 2 42 10 50 18 58 26 33 1 41 9 49 17 57 25`);
const EXPANSION = table(`
  32 1 2 3 4 5 4 5 6 7 8 9 8 9 10 11 12 13 12 13 14 15 16 17
  16 17 18 19 20 21 20 21 22 23 24 25 24 25 26 27 28 29 28 29 30 31 32 1`);
const PERMUTATION = table('16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25');
const KEY_CHOICE = table(`
  57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36
  63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4`);
const ROUND_CHOICE = table(`
  14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2
  41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32`);
const ROTATIONS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** Four rows of sixteen each, a hexadecimal digit an entry. */
const BOXES = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
];
