import { execFileSync } from 'node:child_process';
import { PNG } from 'pngjs';
import { describe, expect, test } from 'vitest';
import { crop, decodePng, encodePng, resize } from './png.ts';
import type { Frame } from './screen.ts';

function paint(width: number, height: number, colour: (x: number, y: number) => [number, number, number, number?]): Frame {
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue, alpha = 255] = colour(i % width, Math.floor(i / width));
    rgba.set([red, green, blue, alpha], i * 4);
  }
  return { width, height, rgba };
}

const gradient = paint(37, 21, (x, y) => [x * 6, y * 12, (x * y) % 256]);

describe('writing', () => {
  test('another PNG reader sees the same pixels', () => {
    const read = PNG.sync.read(Buffer.from(encodePng(gradient)));
    expect([read.width, read.height]).toEqual([37, 21]);
    expect(Buffer.compare(read.data, gradient.rgba)).toBe(0);
  });

  test('a picture without pixels is refused', () => {
    expect(() => encodePng({ width: 0, height: 5, rgba: new Uint8Array(0) })).toThrow(/0x5 pixels/);
  });

  test('a whole screen takes far less than a tenth of a second', () => {
    const screen = paint(1280, 800, (x, y) => ((x * y) % 7 === 0 ? [x % 256, y % 256, 80] : [240, 240, 240]));
    encodePng(screen);
    // The quickest of some: a machine has other work too.
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      encodePng(screen);
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });
});

describe('reading', () => {
  test.each([
    { name: 'gray', colorType: 0 as const },
    { name: 'gray with alpha', colorType: 4 as const },
    { name: 'RGB', colorType: 2 as const },
    { name: 'RGB with alpha', colorType: 6 as const },
  ])('$name as another writer made it, with every filter', ({ colorType }) => {
    for (const filterType of [0, 1, 2, 3, 4]) {
      const source = paint(19, 13, (x, y) => {
        const gray = (x * 11 + y * 17 + x * y) % 256;
        return colorType === 0 || colorType === 4
          ? [gray, gray, gray, colorType === 4 ? x * 10 : 255]
          : [gray, x, y * 9, colorType === 6 ? x * 10 : 255];
      });
      const png = new PNG({ width: 19, height: 13 });
      png.data = Buffer.from(source.rgba);
      const bytes = PNG.sync.write(png, { colorType, filterType });
      expect(Buffer.compare(decodePng(bytes).rgba, PNG.sync.read(bytes).data)).toBe(0);
    }
  });

  test.skipIf(!hasConvert() && 'ImageMagick is not installed')('a palette, as another program made it', () => {
    const bytes = execFileSync('convert', ['-size', '16x256', 'gradient:red-blue', '-colors', '256', 'PNG8:-']);
    expect(bytes[25]).toBe(3);
    expect(Buffer.compare(decodePng(bytes).rgba, PNG.sync.read(bytes).data)).toBe(0);
  });

  test.each([
    { name: 'no picture at all', bytes: () => Buffer.from('hello, this is text') },
    { name: 'one that is cut off', bytes: () => encodePng(gradient).subarray(0, 200) },
    { name: 'one with 4 billion pixels', bytes: () => withBytes(encodePng(gradient), 16, [0xff, 0xff, 0xff, 0xff]) },
    { name: 'one of more pixels than it brings', bytes: () => withBytes(encodePng(gradient), 16, [0, 0, 0, 99]) },
    { name: 'one of fewer pixels than it brings', bytes: () => withBytes(encodePng(gradient), 16, [0, 0, 0, 3]) },
    { name: 'an interlaced one', bytes: () => withBytes(encodePng(gradient), 28, [1]) },
  ])('$name is refused', ({ bytes }) => {
    expect(() => decodePng(bytes())).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
  });
});

describe('cutting and shrinking', () => {
  test('a cut has the pixels of its place', () => {
    const cut = crop(gradient, { x: 5, y: 3, width: 4, height: 2 });
    expect([cut.width, cut.height]).toEqual([4, 2]);
    expect([...cut.rgba.subarray(0, 4)]).toEqual([30, 36, 15, 255]);
    expect([...cut.rgba.subarray(28, 32)]).toEqual([48, 48, 32, 255]);
  });

  test('a cut is limited to the picture, and must touch it', () => {
    expect(crop(gradient, { x: -5, y: 20, width: 10, height: 10 })).toMatchObject({ width: 5, height: 1 });
    expect(() => crop(gradient, { x: 40, y: 0, width: 5, height: 5 })).toThrow(/Nothing of a 37x21/);
    expect(() => crop(gradient, { x: 0, y: 0, width: Number.NaN, height: 5 })).toThrow(/Nothing/);
  });

  test('half the size is the mean of four pixels', () => {
    const small = resize(
      paint(4, 2, (x, y) => [x * 40 + y * 20, 100, x < 2 ? 0 : 255]),
      { width: 2, height: 1 },
    );
    expect([...small.rgba]).toEqual([30, 100, 0, 255, 110, 100, 255, 255]);
  });

  test('an odd ratio keeps the mean of the whole', () => {
    const mean = (frame: Frame): number =>
      frame.rgba.filter((_, i) => i % 4 === 1).reduce((sum, value) => sum + value, 0) / (frame.width * frame.height);
    const small = resize(gradient, { width: 11, height: 8 });
    expect(Math.abs(mean(small) - mean(gradient))).toBeLessThan(1);
  });

  test('a flat colour stays that colour at every size', () => {
    for (const [width, height] of [
      [1, 1],
      [7, 9],
      [36, 20],
      [50, 60],
      [1000, 1],
    ] as const) {
      const frame = resize(
        paint(37, 21, () => [12, 34, 56]),
        { width, height },
      );
      expect(frame.rgba.length).toBe(width * height * 4);
      expect(new Set(frame.rgba)).toEqual(new Set([12, 34, 56, 255]));
    }
  });
});

function withBytes(png: Uint8Array, at: number, bytes: number[]): Uint8Array {
  const copy = Uint8Array.from(png);
  copy.set(bytes, at);
  return copy;
}

function hasConvert(): boolean {
  try {
    execFileSync('convert', ['-version']);
    return true;
  } catch {
    return false;
  }
}
