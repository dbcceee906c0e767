import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HudError } from './errors.ts';
import { Float, compareCodePoints, float, parseJson, pythonJson, stringifyJson } from './json.ts';

const dumps = (value: unknown): string => pythonJson(value, { compact: false });

describe('reading', () => {
  test('bare non-finite numbers are read outside of strings only', () => {
    expect(parseJson('{"a":NaN,"b":[Infinity,-Infinity],"s":"NaN -Infinity \\" Infinity"}'))
      .toEqual({ a: NaN, b: [Infinity, -Infinity], s: 'NaN -Infinity " Infinity' });
  });

  test.each(['', '{', 'NaN}', '{"a":nan}', '[1,]', 'undefined'])('%s is no JSON', (text) => {
    expect(() => parseJson(text)).toThrow(HudError);
  });

  test('lossless keeps whole floats and big integers, and nothing else changes', () => {
    const value = parseJson('{"a":1.0,"b":1,"c":12345678901234567890,"d":0.5,"e":-0,"f":1e3,"g":-0.0,"h":NaN}', { lossless: true }) as Record<string, unknown>;
    expect(value).toMatchObject({ b: 1, c: 12345678901234567890n, d: 0.5, e: 0, h: NaN });
    for (const key of ['a', 'f', 'g']) expect(value[key]).toBeInstanceOf(Float);
    expect(stringifyJson(value)).toBe('{"a":1.0,"b":1,"c":12345678901234567890,"d":0.5,"e":0,"f":1000.0,"g":-0.0,"h":null}');
  });
});

describe('writing', () => {
  test('marked floats and big integers keep their digits', () => {
    expect(stringifyJson({ a: float(2), b: 2n ** 70n, c: [float(1e22)] })).toBe('{"a":2.0,"b":1180591620717411303424,"c":[1e+22]}');
    expect(float(2) as unknown as number + 1).toBe(3);
    expect(() => float(NaN)).toThrow(HudError);
  });

  test('a circular value is refused with a sentence', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(() => stringifyJson(loop)).toThrow("can't be written as JSON");
  });
});

describe("Python's text", () => {
  test.each([
    [{ f: new Float(1e16), g: 1e-7, h: 0.1, i: new Float(1e22) }, '{"f": 1e+16, "g": 1e-07, "h": 0.1, "i": 1e+22}'],
    [0.0001, '0.0001'], [0.00001, '1e-05'], [new Float(1e15), '1000000000000000.0'], [-0, '-0.0'], [NaN, 'NaN'], [-Infinity, '-Infinity'],
    [1e15, '1000000000000000'], [2 ** 53, '9007199254740992.0'], [123456.789, '123456.789'], [5e-324, '5e-324'], [1.7976931348623157e308, '1.7976931348623157e+308'],
    ['\u007f\u2028/é😀\n"\\\b', '"\\u007f\\u2028/\\u00e9\\ud83d\\ude00\\n\\"\\\\\\b"'],
    [{ b: [], a: {} }, '{"a": {}, "b": []}'],
    [{ a: undefined, b: null }, '{"b": null}'],
  ])('%o is %s', (value, text) => expect(dumps(value)).toBe(text));

  test('keys sort by code point, not by UTF-16 unit', () => {
    expect(dumps({ '😀': 1, '\uFFEE': 2 })).toBe('{"\\uffee": 2, "\\ud83d\\ude00": 1}');
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const points = (s: string): number[] => [...s].map((c) => c.codePointAt(0) as number);
      const [x, y] = [points(a), points(b)];
      const at = x.findIndex((point, i) => point !== y[i]);
      const expected = at < 0 || at >= y.length ? x.length - y.length : (x[at] as number) - (y[at] as number);
      expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected));
    }));
  });

  test('values that JSON does not have are refused', () => {
    expect(() => dumps({ d: new Date() })).toThrow('a Date');
    expect(() => dumps([undefined])).toThrow('undefined');
  });

  const python = spawnSync('python3', ['--version']).status === 0;
  test.skipIf(!python)('is what Python writes, for thousands of values (skipped where there is no python3)', () => {
    const arbitrary = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' });
    const numbers = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 3_000);
    const values = [...fc.sample(arbitrary, 1_500), ...numbers];
    const lines = values.map((value) => JSON.stringify(value)).join('\n');
    const { stdout } = spawnSync('python3', ['-c', 'import sys, json\nfor line in sys.stdin.buffer.read().decode().split("\\n"):\n  print(json.dumps(json.loads(line), sort_keys=True))'], { input: lines, encoding: 'utf8', maxBuffer: 1 << 28 });
    const expected = stdout.trimEnd().split('\n');
    expect(expected).toHaveLength(values.length);
    lines.split('\n').forEach((line, i) => expect(dumps(parseJson(line, { lossless: true }))).toBe(expected[i]));
  });
});
