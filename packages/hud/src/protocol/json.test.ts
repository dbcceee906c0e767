import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HudError } from './errors.ts';
import { Float, assertJson, compareCodePoints, float, parseJson, pythonJson, stringifyJson } from './json.ts';

const dumps = (value: unknown): string => pythonJson(value, { compact: false });

describe('reading', () => {
  test('bare non-finite numbers are read outside of strings only', () => {
    expect(parseJson('{"a":NaN,"b":[Infinity,-Infinity],"s":"NaN -Infinity \\" Infinity"}')).toEqual({
      a: NaN,
      b: [Infinity, -Infinity],
      s: 'NaN -Infinity " Infinity',
    });
  });

  test.each([
    '',
    '{',
    'NaN}',
    '{"a":nan}',
    '[1,]',
    'undefined',
    '[NaN1]',
    '[1NaN]',
    '[NaNNaN]',
    '[NaN.5]',
    '[1Infinity]',
    '[Infinity5]',
    '[-NaN]',
    '[- Infinity]',
    '[--Infinity]',
    '[+Infinity]',
    '[1e5Infinity]',
    '[infinity]',
    '{NaN:1}',
    '"NaN',
    '["a\\" NaN]',
    '[NaN "NaN"]',
    "'NaN'",
  ])('%s is no JSON', (text) => {
    for (const lossless of [false, true])
      expect(() => parseJson(text, { lossless })).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }) as Error);
  });

  test('a bare number at any place is told from the same letters in a string or key', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '\\', 'NaN', 'Infinity', '-', 'a', '\n', ' ', '{', ',') });
    fc.assert(
      fc.property(text, text, (key, value) => {
        const line = `{${JSON.stringify(key)}:NaN,"-":[-Infinity,${JSON.stringify(value)},Infinity]}`;
        const expected = new Map<string, unknown>([[key, NaN]]).set('-', [-Infinity, value, Infinity]);
        expect(new Map(Object.entries(parseJson(line) as object))).toEqual(expected);
      }),
    );
  });

  test('a bare number beside tens of megabytes of text does not overflow the stack', () => {
    const long = 'x"\\\n'.repeat(4_000_000);
    const value = parseJson(`{"score":NaN,"image":${JSON.stringify(long)}}`) as { score: number; image: string };
    expect(value.score).toBeNaN();
    expect(value.image === long).toBe(true);
  });

  test('big integers are rounded unless the caller asks for all digits; floats keep their type then', () => {
    expect(parseJson('[9007199254740993,1.0]')).toEqual([9007199254740992, 1]);
    expect(parseJson('[9007199254740993,-9007199254740992,9007199254740991,1.0,1,1e2,1e400]', { lossless: true })).toEqual([
      9007199254740993n,
      -9007199254740992n,
      9007199254740991,
      new Float(1),
      1,
      new Float(100),
      Infinity,
    ]);
  });

  test('of a key given twice the last one counts, as in Python', () => {
    expect(stringifyJson(parseJson('{"a":1.0,"a":2.0}', { lossless: true }))).toBe('{"a":2.0}');
  });

  test('what was written is read back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), (value) => {
        const text = stringifyJson(value);
        expect(stringifyJson(parseJson(text))).toBe(text);
        expect(dumps(parseJson(text, { lossless: true }))).toBe(
          dumps(parseJson(dumps(parseJson(text, { lossless: true })), { lossless: true })),
        );
      }),
    );
  });

  test('lossless reads a number alike alone and beside one that slows the reader down', () => {
    const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,18})$/);
    const nearWhole = fc.constantFrom('0', '00', '9', '99999', '000000', '999999999999999999', '0000000000000000001');
    const fraction = fc.option(fc.oneof(fc.stringMatching(/^[0-9]{1,18}$/), nearWhole));
    const exponent = fc.option(fc.stringMatching(/^[eE][-+]?[0-9]{1,3}$/));
    const numbers = fc
      .tuple(fc.constantFrom('', '-'), digits, fraction, exponent)
      .map(([sign, whole, part, power]) => sign + whole + (part === null ? '' : `.${part}`) + (power ?? ''));
    fc.assert(
      fc.property(numbers, fc.constantFrom('[', '[ ', '[1,', '[\n', '{"a":', '{"a": '), (number, before) => {
        const after = before.startsWith('{') ? '}' : ']';
        const alone = parseJson(before + number + after, { lossless: true });
        expect([alone, new Float(1)]).toEqual(parseJson(`[${before}${number}${after},1.0]`, { lossless: true }));
      }),
      { numRuns: 20_000 },
    );
  });

  test('lossless keeps whole floats and big integers, and nothing else changes', () => {
    const value = parseJson('{"a":1.0,"b":1,"c":12345678901234567890,"d":0.5,"e":-0,"f":1e3,"g":-0.0,"h":NaN}', {
      lossless: true,
    }) as Record<string, unknown>;
    expect(value).toMatchObject({ b: 1, c: 12345678901234567890n, d: 0.5, e: 0, h: NaN });
    for (const key of ['a', 'f', 'g']) expect(value[key]).toBeInstanceOf(Float);
    expect(stringifyJson(value)).toBe('{"a":1.0,"b":1,"c":12345678901234567890,"d":0.5,"e":0,"f":1000.0,"g":-0.0,"h":null}');
  });
});

describe('writing', () => {
  test('marked floats and big integers keep their digits', () => {
    expect(stringifyJson({ a: float(2), b: 2n ** 70n, c: [float(1e22)] })).toBe('{"a":2.0,"b":1180591620717411303424,"c":[1e+22]}');
    expect((float(2) as unknown as number) + 1).toBe(3);
    expect(() => float(NaN)).toThrow(HudError);
  });

  test('a float of another copy of this package is one too', () => {
    const other = { value: 2, [Symbol.for('hud.float')]: true };
    expect(other).toBeInstanceOf(Float);
    expect(dumps([other])).toBe('[2.0]');
  });

  test('a circular value is refused with a sentence', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(() => stringifyJson(loop)).toThrow("can't be written as JSON");
    expect(() => dumps(loop)).toThrow(
      expect.objectContaining({ code: 'BAD_TASK', message: expect.stringContaining('circular') as unknown }) as Error,
    );
  });

  test('nothing and functions are null, as a frame must hold something', () => {
    expect([stringifyJson(undefined), stringifyJson(() => 1), stringifyJson(null)]).toEqual(['null', 'null', 'null']);
  });
});

describe("Python's text", () => {
  test.each([
    [{ f: new Float(1e16), g: 1e-7, h: 0.1, i: new Float(1e22) }, '{"f": 1e+16, "g": 1e-07, "h": 0.1, "i": 1e+22}'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [new Float(1e15), '1000000000000000.0'],
    [-0, '-0.0'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [1e15, '1000000000000000'],
    [2 ** 53, '9007199254740992.0'],
    [123456.789, '123456.789'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    ['\u007f\u2028/é😀\n"\\\b', '"\\u007f\\u2028/\\u00e9\\ud83d\\ude00\\n\\"\\\\\\b"'],
    [{ b: [], a: {} }, '{"a": {}, "b": []}'],
    [{ a: undefined, b: null }, '{"b": null}'],
  ])('%o is %s', (value, text) => expect(dumps(value)).toBe(text));

  test('keys sort by code point, not by UTF-16 unit', () => {
    expect(dumps({ '😀': 1, '\uFFEE': 2 })).toBe('{"\\uffee": 2, "\\ud83d\\ude00": 1}');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const points = (s: string): number[] => [...s].map((c) => c.codePointAt(0) as number);
        const [x, y] = [points(a), points(b)];
        const at = x.findIndex((point, i) => point !== y[i]);
        const expected = at < 0 || at >= y.length ? x.length - y.length : (x[at] as number) - (y[at] as number);
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected));
      }),
    );
  });

  test('values that JSON does not have are refused', () => {
    expect(() => dumps({ d: new Date() })).toThrow('The value.d is a Date');
    expect(() => dumps([undefined])).toThrow('The value[0] is undefined');
    expect(() => dumps(undefined)).toThrow('The value is undefined');
    expect(() => dumps({ f: dumps })).toThrow('The value.f is function');
    expect(() => assertJson({ a: [1, { b: new URL('a:b') }] }, 'args')).toThrow('args.a[1].b is a URL');
    expect(() => assertJson({ a: undefined, b: [1n, new Float(1), null, NaN, Object.create(null)] }, 'args')).not.toThrow();
  });

  const python = spawnSync('python3', ['--version']).status === 0;
  test.skipIf(!python)('is what Python writes, for thousands of values (skipped where there is no python3)', () => {
    const values: unknown[] = [
      ...fc.sample(fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }), 2_000),
      ...fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 3_000),
      ...fc
        .sample(fc.tuple(fc.integer({ min: 1, max: 99_999 }), fc.integer({ min: -30, max: 30 })), 2_000)
        .map(([digits, exponent]) => digits * 10 ** exponent),
      ...fc.sample(fc.integer({ min: -400, max: 400 }), 500).map((n) => float(n)),
      ...fc.sample(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), 500),
      ...fc.sample(fc.dictionary(fc.string({ unit: 'binary', maxLength: 3 }), fc.nat()), 1_000),
      { nan: NaN, low: [-Infinity], high: Infinity },
    ];
    const lines = values.map((value) => (value === values.at(-1) ? dumps(value) : stringifyJson(value)));
    const script = [
      'import sys, json',
      'for line in sys.stdin.buffer:',
      '  value = json.loads(line)',
      '  print(json.dumps(value, sort_keys=True))',
      '  print(json.dumps(value, sort_keys=True, separators=(",", ":")))',
    ].join('\n');
    const { stdout, stderr } = spawnSync('python3', ['-c', script], { input: lines.join('\n'), encoding: 'utf8', maxBuffer: 1 << 28 });
    expect(stderr).toBe('');
    const expected = stdout.trimEnd().split('\n');
    expect(expected).toHaveLength(values.length * 2);
    lines.forEach((line, i) => {
      const value = parseJson(line, { lossless: true });
      expect(dumps(value)).toBe(expected[2 * i]);
      expect(pythonJson(value, { compact: true })).toBe(expected[2 * i + 1]);
    });
  });
});
