import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../fault.ts';
import { ListScanner } from './list-scanner.ts';
import { readPacked } from './packed-body.ts';
import { parseText, whole, type TakingLimits } from './taken.ts';

const MIB = 1_048_576;
const roomy: TakingLimits = { mostText: MIB, mostNumbers: 16 * MIB, mostLists: 1_000, take: () => {} };

/** What the scanner makes of a text that comes in parts of so many bytes. */
function scan(text: string, size = 65_536, limits: Partial<TakingLimits> = {}) {
  const scanner = new ListScanner({ ...roomy, ...limits });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) scanner.write(bytes.subarray(at, at + size));
  const { text: left, mark, lists } = scanner.end();
  return { value: whole({ value: parseText(left), mark, lists }), lists, left };
}

/** Typed arrays as the arrays that JSON has. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const numbers = fc.oneof(
  fc.array(fc.nat({ max: 2 ** 31 - 1 }), { maxLength: 60 }),
  fc.array(fc.oneof(finite, fc.integer(), fc.constantFrom(-0, 0, 5e-324, 1e23, -1.1920928955078125e-7)), { maxLength: 60 }),
);
const document = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    { weight: 3, arbitrary: numbers },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }) },
    { weight: 1, arbitrary: fc.constantFrom('[1,2,3]', '\\"[', '"]', 'list-', true, null, -1.5) },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 5 }) },
    { weight: 2, arbitrary: fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }) },
  ),
})).value;

test('any document says the same as JSON.parse makes of it, wherever it is cut and however it is indented', () => {
  fc.assert(
    fc.property(document, fc.integer({ min: 1, max: 200 }), fc.constantFrom(undefined, 1, '\t'), (value, size, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(plain(scan(text, size).value)).toEqual(JSON.parse(text));
    }),
    { numRuns: 400 },
  );
});

test('numbers are those of JSON.parse to the bit, however they are written', () => {
  const exponents = fc.tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.integer({ min: -340, max: 300 }));
  const spelled = fc.oneof(
    finite.map(String),
    exponents.map(([digits, power]) => `${digits}e${power}`),
    fc.constantFrom('1.0', '-0.0e0', '0E+5'),
  );
  fc.assert(
    fc.property(fc.array(spelled, { minLength: 40, maxLength: 200 }), fc.integer({ min: 1, max: 500 }), (list, size) => {
      const text = `[${list.join(' ,\n')}]`;
      const { lists, value } = scan(text, size);
      expect(lists).toHaveLength(1);
      expect(value).toEqual(Float64Array.from(JSON.parse(text) as number[]));
    }),
    { numRuns: 200 },
  );
});

test('long lists are typed arrays, those of ids of four bytes each; of equal names the last counts', () => {
  const ids = Array.from({ length: 40_000 }, (_none, i) => (i * 7_919) % 150_000);
  const { value, lists, left } = scan(`{"a":${JSON.stringify(ids)},"a":${JSON.stringify(ids.map((id) => id / 3))},"b":[1,2]}`);
  expect(lists.map((list) => list.constructor)).toEqual([Int32Array, Float64Array]);
  expect(value).toEqual({ a: Float64Array.from(ids, (id) => id / 3), b: [1, 2] });
  expect(left.length).toBeLessThan(200);
});

const long = (middle: string): string => `{"inputs":["x",{"samples":[{"ids":[${'12,'.repeat(9_000)}${middle}${',7'.repeat(9_000)}]}]}]}`;

describe('a list of numbers with something else in it is refused, with its place', () => {
  test.each<[string, string]>([
    ['NaN', '`NaN`'],
    ['-Infinity', '`-Infinity`'],
    ['null', '`null`'],
    ['"12"', '`"12"`'],
    ['01', '`01`'],
    ['+1', '`+1`'],
    ['1.', '`1.`'],
    ['.5', '`.5`'],
    ['1 2', '`1 2`'],
    ['', 'missing'],
    ['[1', '`[1`'],
    ['{"a":1}', '`{"a":1}`'],
    ['"x]"', '`"x`'],
    ['\u0000', '`\u0000`'],
  ])('%s', (odd, said) => {
    for (const size of [7, 65_536]) {
      expect(() => scan(long(odd), size)).toThrow(new Fault(400, `inputs[1].samples[0].ids: entry 9000 is ${said}; expected a number.`));
    }
  });

  test('a comma too many, and a number without end', () => {
    expect(() => scan(`[${'12,'.repeat(9_000)}]`)).toThrow('The body: entry 9000 is missing');
    expect(() => scan(`[[${'12,'.repeat(9_000)}${'1'.repeat(10_000)}]]`)).toThrow('[0]: entry 9000 does not end within 4096 bytes.');
  });
});

describe('what is too much, or not whole, is refused', () => {
  test('bodies that were cut off', () => {
    const text = long('5');
    for (const at of [40, 5_000, text.length - 9]) expect(() => scan(text.slice(0, at))).toThrow(/ends within this list|Not valid JSON/);
  });

  test('ten million levels, as objects and in the place of numbers', () => {
    const levels = '['.repeat(10_000_000);
    for (const text of [levels, `[${'1,'.repeat(50)}${levels}`, '{"a":'.repeat(2_000_000)]) {
      expect(() => scan(text, 65_536, { mostText: 64 * MIB })).toThrow(Fault);
    }
  });

  test('more numbers, text and lists than there is room for, before they are all there', () => {
    let taken = 0;
    const take = (bytes: number): number => (taken += bytes);
    expect(() => scan(`[${'1,'.repeat(200_000)}1]`, 4_096, { mostNumbers: 100_000, take })).toThrow(/more numbers than/);
    expect(taken).toBeLessThan(400_000);
    expect(() => scan(`["${'x'.repeat(9_000)}"]`, 100, { mostText: 5_000 })).toThrow(/besides long lists of numbers is larger/);
    expect(() => scan(JSON.stringify(Array(11).fill(Array(40).fill(1))), 100, { mostLists: 10 })).toThrow(/more than 10 lists/);
  });
});

describe('a packed body', () => {
  const packed = (head: unknown, ...parts: Uint8Array[]): Uint8Array[] => {
    const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return [length, text, ...parts];
  };
  const read = async (parts: readonly Uint8Array[], size: number): Promise<unknown> => {
    const bytes = Buffer.concat(parts);
    const pieces = async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    return whole(await readPacked(pieces(), roomy));
  };
  const mark = 'list-0123456789abcdef-';
  const head = {
    mark,
    lists: [
      ['int32', 3],
      ['float64', 2],
      ['int32', 0],
    ],
    body: { a: [`${mark}1`, `${mark}0`], b: `${mark}9`, c: `${mark}2` },
  };
  const bytesOf = (list: ArrayBufferView<ArrayBuffer>): Uint8Array => new Uint8Array(list.buffer);
  const lists = [bytesOf(Int32Array.of(1, -2, 3)), bytesOf(Float64Array.of(-1.5, 5e-324))];

  test('has its lists where their marks stand, wherever it is cut', async () => {
    for (const size of [1, 3, 1_000]) {
      expect(await read(packed(head, ...lists), size)).toEqual({
        a: [Float64Array.of(-1.5, 5e-324), Int32Array.of(1, -2, 3)],
        b: `${mark}9`,
        c: new Int32Array(0),
      });
    }
  });

  test.each<[string, Uint8Array[], RegExp]>([
    ['that is empty', [], /ends before/],
    ['that ends within a list', packed(head, lists[0]!), /ends before its last list/],
    ['that goes on', packed(head, ...lists, Buffer.from('x')), /goes on after its last list/],
    ['whose head is no JSON', packed('{"mark":'), /Not valid JSON/],
    ['whose head is something else', packed({ lists: [] }), /The head of the packed body is malformed: mark/],
    ['whose mark is all too short', packed({ mark: '', lists: [], body: {} }), /mark/],
    ['with a type that it does not know', packed({ mark, lists: [['int64', 1]], body: {} }), /lists/],
    ['that claims more than there is room for', packed({ mark, lists: [['float64', 1e12]], body: {} }), /take 8000000000000 bytes/],
    ['that claims a head of 4 GB', [Buffer.from([255, 255, 255, 255, 1])], /The head of the packed body has 4294967295 bytes/],
    ['that nests too deep', packed(`{"body":${'['.repeat(50_000)}`), /deeper than 200/],
  ])('%s is refused', async (_name, parts, message) => {
    for (const size of [2, 10_000]) await expect(read(parts, size)).rejects.toThrow(message);
  });
});
