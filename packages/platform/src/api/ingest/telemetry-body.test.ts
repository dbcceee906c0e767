import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lines } from './lines.ts';
import { assertShallow } from './nesting.ts';
import { TelemetryBody } from './telemetry-body.ts';

/** Cuts the bytes wherever it is told. */
function cut(text: string, places: readonly number[]): Uint8Array[] {
  const bytes = Buffer.from(text);
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

function elementsOf(chunks: readonly Uint8Array[]): string[] {
  const body = new TelemetryBody();
  const elements = chunks.flatMap((chunk) => body.push(chunk).map((element) => Buffer.from(element).toString()));
  body.end();
  return elements;
}

const places = fc.array(fc.nat(), { maxLength: 12 });

test('elements come out as they went in, wherever the body is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.jsonValue(), places, fc.constantFrom(undefined, 1), (elements, other, at, indent) => {
      const text = JSON.stringify({ before: other, telemetry: elements, after: other }, undefined, indent);
      const read = elementsOf(cut(text, at)).map((element) => JSON.parse(element) as unknown);
      expect(read).toEqual(JSON.parse(JSON.stringify(elements)));
    }),
    { numRuns: 300 },
  );
});

test('a body with a fault is refused, or all of its elements are told apart', () => {
  const text = '{"telemetry":[{"a":"x\\"]}"},[1,{}],"b",-1.5e3,null]}';
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.nat(3),
      fc.constantFrom('', '"', '{', '}', '[', ']', ',', '\\', ' '),
      places,
      (at, cutOut, insert, where) => {
        const changed = text.slice(0, at) + insert + text.slice(at + cutOut);
        const isJson = (() => {
          try {
            JSON.parse(changed);
            return true;
          } catch {
            return false;
          }
        })();
        try {
          elementsOf(cut(changed, where));
        } catch (error) {
          expect(error).toHaveProperty('status', 400);
          return;
        }
        if (isJson)
          expect((JSON.parse(changed) as { telemetry: unknown[] }).telemetry).toHaveLength(elementsOf(cut(changed, where)).length);
      },
    ),
    { numRuns: 500 },
  );
});

test('lines come out as they went in, wherever the body is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.string().filter((line) => !line.includes('\n'))), places, (given, at) => {
      const lines = new Lines();
      const read = cut(given.join('\n'), at).flatMap((chunk) => lines.push(chunk).map((line) => Buffer.from(line).toString()));
      for (const line of lines.end()) read.push(Buffer.from(line).toString());
      const expected = given.join('\n').split('\n');
      expect(read).toEqual(expected.at(-1) === '' ? expected.slice(0, -1) : expected);
    }),
  );
});

test.each([
  ['199 levels', '['.repeat(199), true],
  ['200 levels', '['.repeat(200), true],
  ['201 levels', '['.repeat(201), false],
  ['brackets in a text', `"${'['.repeat(1_000)}"`, true],
  ['brackets behind an escaped quote', `"\\"${'['.repeat(1_000)}"`, true],
  ['brackets behind the end of a text', `["\\\\",${'['.repeat(201)}`, false],
])('%s', (_what, text, isFine) => {
  const check = (): void => assertShallow(Buffer.from(text));
  if (isFine) check();
  else expect(check).toThrow('200 levels');
});
