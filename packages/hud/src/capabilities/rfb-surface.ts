/** The picture that a screen's updates are painted into. */
import { HudError } from '../protocol/errors.ts';
import type { Frame, Point, Size } from './screen.ts';

export type Rect = Point & Size;

/** Beyond it a server is taken to be broken. */
const MAX_PIXELS = 1 << 25;
const OPAQUE = 0xff000000;

/** Pixels are 32-bit words whose bytes in memory are R, G, B, A: least significant first, as on every machine that runs Node. */
export class Surface implements Size {
  readonly width: number;
  readonly height: number;
  readonly words: Uint32Array;

  constructor(width: number, height: number) {
    if (width * height > MAX_PIXELS) throw new HudError('PROTOCOL_ERROR', `The screen claims to have ${width}x${height} pixels.`);
    this.width = width;
    this.height = height;
    this.words = new Uint32Array(width * height).fill(OPAQUE);
  }

  /** @throws HudError PROTOCOL_ERROR when a part of it lies outside */
  check({ x, y, width, height }: Rect): void {
    if (x + width <= this.width && y + height <= this.height) return;
    throw new HudError('PROTOCOL_ERROR', `The screen sent ${width}x${height} pixels at ${x},${y} of ${this.width}x${this.height}.`);
  }

  fill({ x, y, width, height }: Rect, word: number): void {
    for (let at = y * this.width + x, left = height; left > 0; left--, at += this.width) this.words.fill(word, at, at + width);
  }

  /** Overlapping is fine. */
  copy({ x, y, width, height }: Rect, from: Point): void {
    const isDown = y > from.y;
    for (let i = 0; i < height; i++) {
      const row = isDown ? height - 1 - i : i;
      const start = (from.y + row) * this.width + from.x;
      this.words.copyWithin((y + row) * this.width + x, start, start + width);
    }
  }

  /** @param words row by row, as many as the rectangle has */
  put({ x, y, width, height }: Rect, words: Uint32Array): void {
    for (let row = 0; row < height; row++) {
      this.words.set(words.subarray(row * width, (row + 1) * width), (y + row) * this.width + x);
    }
  }

  /** A copy that later updates leave alone. */
  frame(): Frame {
    return { width: this.width, height: this.height, rgba: new Uint8Array(this.words.slice().buffer) };
  }
}

export const wordOf = (red: number, green: number, blue: number): number => (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;

/** Pixels of 4 bytes, of which one is unused; of the two orders of the others, and of the two places of that one. */
export interface PixelFormat {
  isRedFirst: boolean;
  isPadFirst: boolean;
}

/** Whole pixels to words. @param count pixels */
export function wordsOfPixels(bytes: Uint8Array, count: number, { isRedFirst, isPadFirst }: PixelFormat): Uint32Array {
  const words = new Uint32Array(count);
  new Uint8Array(words.buffer).set(bytes.subarray(0, count * 4));
  for (let i = 0; i < count; i++) {
    const word = isPadFirst ? words[i]! >>> 8 : words[i]!;
    const ends = isRedFirst ? word & 0xff00ff : ((word & 0xff) << 16) | ((word >>> 16) & 0xff);
    words[i] = OPAQUE | (word & 0xff00) | ends;
  }
  return words;
}

/** Pixels of 3 bytes, the unused one left out, to words. */
export function wordsOfTriples(bytes: Uint8Array, count: number, isRedFirst: boolean): Uint32Array {
  const words = new Uint32Array(count);
  const red = isRedFirst ? 0 : 2;
  for (let i = 0, at = 0; i < count; i++, at += 3) {
    words[i] = OPAQUE | (bytes[at + 2 - red]! << 16) | (bytes[at + 1]! << 8) | bytes[at + red]!;
  }
  return words;
}

const MAX_PIECES = 4096;

/** What of a region was not painted yet. */
export class Missing {
  #pieces: Rect[];

  constructor(region: Rect) {
    this.#pieces = [region];
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  paint(rect: Rect): void {
    const pieces: Rect[] = [];
    for (const piece of this.#pieces) cut(piece, rect, pieces);
    if (pieces.length > MAX_PIECES) throw new HudError('PROTOCOL_ERROR', 'The screen sends its picture in too many pieces.');
    this.#pieces = pieces;
  }
}

/** Adds what the hole leaves of the piece: above, below, left, right. */
function cut(piece: Rect, hole: Rect, into: Rect[]): void {
  const left = Math.max(piece.x, hole.x);
  const top = Math.max(piece.y, hole.y);
  const right = Math.min(piece.x + piece.width, hole.x + hole.width);
  const bottom = Math.min(piece.y + piece.height, hole.y + hole.height);
  if (left >= right || top >= bottom) return void into.push(piece);
  const add = (x: number, y: number, width: number, height: number): void => {
    if (width > 0 && height > 0) into.push({ x, y, width, height });
  };
  add(piece.x, piece.y, piece.width, top - piece.y);
  add(piece.x, bottom, piece.width, piece.y + piece.height - bottom);
  add(piece.x, top, left - piece.x, bottom - top);
  add(right, top, piece.x + piece.width - right, bottom - top);
}
