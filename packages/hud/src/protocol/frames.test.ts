import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader, encodeFrame } from './frames.ts';
import type { JsonObject } from './json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function drain(reader: FrameReader): JsonObject[] {
  const frames: JsonObject[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  return frames;
}

/** The pieces of `all`, whose sizes repeat `sizes`. */
function cut(all: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < all.length; i++) {
    const size = sizes[i % sizes.length] as number;
    pieces.push(all.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

describe('any cut', () => {
  const frame = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)));
  const frames = fc.array(frame, { maxLength: 6 });
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });
  const tail = fc.uint8Array({ maxLength: 80 });

  test('of the bytes gives the same frames', () => {
    fc.assert(
      fc.property(frames, sizes, fc.boolean(), (sent, cuts, readsAtOnce) => {
        const reader = new FrameReader();
        const read: JsonObject[] = [];
        for (const piece of cut(Buffer.concat(sent.map((value) => encodeFrame(value))), cuts)) {
          reader.push(piece);
          if (readsAtOnce) read.push(...drain(reader));
        }
        read.push(...drain(reader));
        expect(JSON.stringify(read)).toBe(JSON.stringify(sent));
        expect(reader.bufferedBytes).toBe(0);
        expect(reader.rest()).toHaveLength(0);
      }),
      { numRuns: 300 },
    );
  });

  test('leaves the bytes after the last frame asked for as they came', () => {
    fc.assert(
      fc.property(frames, tail, sizes, (sent, after, cuts) => {
        const reader = new FrameReader();
        const pieces = cut(Buffer.concat([...sent.map((value) => encodeFrame(value)), after]), cuts);
        let read = 0;
        for (const piece of pieces) {
          reader.push(piece);
          while (read < sent.length && reader.next() !== undefined) read++;
        }
        expect(read).toBe(sent.length);
        expect(Buffer.from(reader.rest()).equals(after)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('does not write into chunks that the owner still holds', () => {
    const socketBuffer = bytes('{"a":1}\n{"b"XXXX');
    const reader = new FrameReader();
    reader.push(socketBuffer.subarray(0, 12));
    expect(reader.next()).toEqual({ a: 1 });
    reader.push(bytes(':2}\n'));
    expect(reader.next()).toEqual({ b: 2 });
    expect(Buffer.from(socketBuffer).toString()).toBe('{"a":1}\n{"b"XXXX');
  });
});

describe('a line', () => {
  test('may start with a byte order mark, end in a carriage return, and hold raw UTF-8 and blanks', () => {
    const reader = new FrameReader();
    reader.push(Buffer.concat([hex('efbbbf'), bytes('{"a":1}\r\n'), hex('efbbbf'), bytes(' { "é" :\t"\u2028😀" } \n')]));
    expect(drain(reader)).toEqual([{ a: 1 }, { é: '\u2028😀' }]);
  });

  test('without its newline is a frame once the stream has ended', () => {
    const reader = new FrameReader();
    reader.push(bytes('{"a":1}\n{"b":2}'));
    expect([reader.next(), reader.next(), reader.last(), reader.last()]).toEqual([{ a: 1 }, undefined, { b: 2 }, undefined]);
  });

  test('that came with others in one segment is read in order, with its own bytes only', () => {
    const reader = new FrameReader();
    reader.push(bytes('{"a":1}\n{"b":2}\n\u0000raw\nbytes'));
    expect([reader.next(), reader.next()]).toEqual([{ a: 1 }, { b: 2 }]);
    expect(Buffer.from(reader.rest()).toString()).toBe('\u0000raw\nbytes');
    expect(reader.next()).toBeUndefined();
  });

  test.each<[string, Uint8Array, number]>([
    ['a list', bytes('[1]\n'), -32600],
    ['a number', bytes('5\n'), -32600],
    ['null', bytes('null\n'), -32600],
    ['a text', bytes('"a"\n'), -32600],
    ['broken JSON', bytes('{nope\n'), -32700],
    ['nothing', bytes('\n'), -32700],
    ['blanks', bytes(' \r\n'), -32700],
    ['an object and more', bytes('{"a":1}x\n'), -32700],
    ['two objects', bytes('{"a":1}{"b":2}\n'), -32700],
    ['UTF-16, little end first', hex('7b002200610022003a0031007d000a00'), -32700],
    ['UTF-16 with its mark', hex('fffe7b007d000a00'), -32700],
    ['UTF-16, big end first', hex('007b007d000a'), -32700],
    ['a byte that UTF-8 does not have', hex('7b2261223a22ff227d0a'), -32700],
    ['an overlong sequence', hex('7b2261223a22c080227d0a'), -32700],
    ['a cut sequence', hex('7b2261223a22c3227d0a'), -32700],
  ])('that holds %s is no frame', (_what, line, rpcCode) => {
    const reader = new FrameReader();
    reader.push(line);
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR', rpcCode }) as Error);
  });

  test('that is no frame does not take the next one with it', () => {
    const reader = new FrameReader();
    reader.push(bytes('{nope\n{"a":1}\n'));
    expect(() => reader.next()).toThrow('{nope');
    expect(reader.next()).toEqual({ a: 1 });
  });

  test("with Python's bare numbers is read", () => {
    const reader = new FrameReader();
    reader.push(bytes('{"id":4,"result":{"score":NaN,"info":{"text":"NaN","low":-Infinity}}}\n'));
    expect(reader.next()).toEqual({ id: 4, result: { score: NaN, info: { text: 'NaN', low: -Infinity } } });
  });
});

describe('the limit', () => {
  const lineOf = (length: number): string => `{"a":"${'x'.repeat(length - 8)}"}`;
  const tooLarge = expect.objectContaining({ code: 'FRAME_TOO_LARGE' }) as Error;

  test('lets 65,536 bytes pass, newline and what follows not counted', () => {
    const reader = new FrameReader(65_536);
    reader.push(bytes(lineOf(65_536)));
    expect(reader.next()).toBeUndefined();
    reader.push(bytes('\n{"b":1}\n'));
    expect(reader.next()?.a).toHaveLength(65_528);
    expect(reader.next()).toEqual({ b: 1 });
  });

  test('refuses 65,537 bytes with their newline, and goes on refusing', () => {
    const reader = new FrameReader(65_536);
    reader.push(bytes(`${lineOf(65_537)}\n{"b":1}\n`));
    expect(() => reader.next()).toThrow(tooLarge);
    expect(() => reader.next()).toThrow(tooLarge);
  });

  test('refuses an endless line before it ends, whatever its pieces', () => {
    const reader = new FrameReader(100);
    for (let i = 0; i < 100; i++) {
      reader.push(bytes('x'));
      expect(reader.next()).toBeUndefined();
    }
    reader.push(bytes('x'));
    expect(() => reader.next()).toThrow('more than 100 bytes');
    expect(() => reader.last()).toThrow(tooLarge);
  });

  test('counts bytes, not characters, and the carriage return too', () => {
    const reader = new FrameReader(14);
    reader.push(bytes('{"a":"éé"}\r\n{"a":"ééé"}\r\n'));
    expect(reader.next()).toEqual({ a: 'éé' });
    expect(() => reader.next()).toThrow(tooLarge);
  });

  test('is for one line: shorter ones may wait in any number', () => {
    const reader = new FrameReader(8);
    for (let i = 0; i < 1_000; i++) reader.push(bytes('{"a":1}\n'));
    expect(drain(reader)).toHaveLength(1_000);
  });
});

describe('writing', () => {
  test('a frame is one line of UTF-8 without blanks', () => {
    expect(Buffer.from(encodeFrame({ jsonrpc: '2.0', id: 1, result: { é: '\n\u2028', n: NaN, big: 2n ** 64n } })).toString()).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"é":"\\n\u2028","n":null,"big":18446744073709551616}}\n',
    );
  });
});

describe('speed', () => {
  /** CPU time, not the clock's: other processes must not decide. Best of some tries. @returns milliseconds */
  function best(tries: number, act: () => void): number {
    const times = Array.from({ length: tries }, () => {
      const before = process.cpuUsage();
      act();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    return Math.min(...times);
  }

  test('300,000 frames of 100 bytes a second are written, and as many read', () => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tasks.start', params: { id: 'x'.repeat(33) } };
    const count = 30_000;
    const line = encodeFrame(message);
    expect(line).toHaveLength(100);
    const writeMs = best(5, () => {
      for (let i = 0; i < count; i++) encodeFrame(message);
    });
    const segment = Buffer.concat(Array.from({ length: 655 }, () => line));
    const readMs = best(5, () => {
      const reader = new FrameReader();
      for (let read = 0; read < count;) {
        reader.push(segment);
        read += drain(reader).length;
      }
    });
    expect(count / writeMs, 'written per millisecond').toBeGreaterThan(300);
    expect(count / readMs, 'read per millisecond').toBeGreaterThan(300);
  });

  test('64 MiB in pieces of 64 KiB are one frame within two seconds', () => {
    const piece = Buffer.alloc(65_536, 0x61);
    const ms = best(2, () => {
      const reader = new FrameReader();
      reader.push(bytes('{"a":"'));
      for (let i = 0; i < 1_023; i++) {
        reader.push(piece);
        expect(reader.next()).toBeUndefined();
      }
      reader.push(bytes('"}\n'));
      expect(reader.next()?.a).toHaveLength(1_023 * 65_536);
    });
    expect(ms).toBeLessThan(2_000);
  });

  test('a million one-byte segments take no quadratic time', () => {
    const line = encodeFrame({ a: 'x'.repeat(1_000_000) });
    const ms = best(2, () => {
      const reader = new FrameReader();
      let frame: JsonObject | undefined;
      for (let i = 0; i < line.length; i++) {
        reader.push(line.subarray(i, i + 1));
        frame = reader.next();
      }
      expect(frame?.a).toHaveLength(1_000_000);
    });
    expect(ms).toBeLessThan(2_000);
  });

  test('frames that wait in many segments are read in no quadratic time', () => {
    const line = encodeFrame({ a: 1 });
    const ms = best(2, () => {
      const reader = new FrameReader();
      for (let i = 0; i < 100_000; i++) reader.push(line);
      expect(drain(reader)).toHaveLength(100_000);
    });
    expect(ms).toBeLessThan(2_000);
  });
});
