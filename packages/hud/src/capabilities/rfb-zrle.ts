/** ZRLE (RFC 6143, 7.7.6): tiles of 64x64, each in the cheapest of five ways, all in one zlib stream. */
import { HudError } from '../protocol/errors.ts';
import type { InflateStream } from './rfb-inflate.ts';
import type { ByteReader } from './rfb-reader.ts';
import { wordOf, wordsOfTriples, type PixelFormat, type Rect, type Surface } from './rfb-surface.ts';

const TILE = 64;
/** The most bytes that a pixel can take: its colour, and a run of one. */
const MAX_PIXEL_BYTES = 4;
const MAX_TILE_HEAD_BYTES = 1 + 127 * 3;

export async function readZrle(reader: ByteReader, zlib: InflateStream, surface: Surface, rect: Rect, format: PixelFormat): Promise<void> {
  const length = await reader.u32();
  const tiles = Math.ceil(rect.width / TILE) * Math.ceil(rect.height / TILE);
  const maxBytes = tiles * MAX_TILE_HEAD_BYTES + rect.width * rect.height * MAX_PIXEL_BYTES;
  if (length > maxBytes + 1024)
    throw new HudError('PROTOCOL_ERROR', `The screen compressed a rectangle to ${length} bytes, more than it can have.`);
  const bytes = zlib.push(await reader.take(length), maxBytes);
  const tileReader = new TileReader(bytes, format.isRedFirst);
  for (let y = 0; y < rect.height; y += TILE) {
    for (let x = 0; x < rect.width; x += TILE) {
      const width = Math.min(TILE, rect.width - x);
      const height = Math.min(TILE, rect.height - y);
      tileReader.read(surface, { x: rect.x + x, y: rect.y + y, width, height });
    }
  }
}

class TileReader {
  readonly #bytes: Uint8Array;
  readonly #isRedFirst: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, isRedFirst: boolean) {
    this.#bytes = bytes;
    this.#isRedFirst = isRedFirst;
  }

  read(surface: Surface, tile: Rect): void {
    const kind = this.#byte();
    if (kind === 0) surface.put(tile, this.#pixels(tile.width * tile.height));
    else if (kind === 1) surface.fill(tile, this.#pixels(1)[0]!);
    else if (kind <= 16) surface.put(tile, this.#packed(tile, this.#pixels(kind)));
    else if (kind === 128) surface.put(tile, this.#runs(tile.width * tile.height));
    else if (kind >= 130) surface.put(tile, this.#paletteRuns(tile.width * tile.height, this.#pixels(kind - 128)));
    else throw new HudError('PROTOCOL_ERROR', `The screen sent a ZRLE tile of the unknown kind ${kind}.`);
  }

  #pixels(count: number): Uint32Array {
    const start = this.#at;
    this.#at += count * 3;
    if (this.#at > this.#bytes.length) throw tooShort();
    return wordsOfTriples(this.#bytes.subarray(start, this.#at), count, this.#isRedFirst);
  }

  #packed({ width, height }: Rect, palette: Uint32Array): Uint32Array {
    const bits = palette.length <= 2 ? 1 : palette.length <= 4 ? 2 : 4;
    const mask = (1 << bits) - 1;
    const words = new Uint32Array(width * height);
    for (let y = 0, out = 0; y < height; y++) {
      let byte = 0;
      for (let x = 0, left = 0; x < width; x++) {
        if (left === 0) {
          byte = this.#byte();
          left = 8;
        }
        left -= bits;
        words[out++] = colour(palette, (byte >> left) & mask);
      }
    }
    return words;
  }

  #runs(count: number): Uint32Array {
    const words = new Uint32Array(count);
    for (let out = 0; out < count;) {
      const first = this.#byte();
      const second = this.#byte();
      const third = this.#byte();
      const word = this.#isRedFirst ? wordOf(first, second, third) : wordOf(third, second, first);
      out = this.#run(words, out, word);
    }
    return words;
  }

  #paletteRuns(count: number, palette: Uint32Array): Uint32Array {
    const words = new Uint32Array(count);
    for (let out = 0; out < count;) {
      const index = this.#byte();
      const word = colour(palette, index & 127);
      if (index < 128) words[out++] = word;
      else out = this.#run(words, out, word);
    }
    return words;
  }

  /** A run's length is one more than the sum of bytes up to the first that isn't 255. */
  #run(words: Uint32Array, start: number, word: number): number {
    let end = start + 1;
    let byte = 255;
    while (byte === 255) {
      byte = this.#byte();
      end += byte;
    }
    if (end > words.length) throw new HudError('PROTOCOL_ERROR', 'The screen sent a run of pixels that leaves its tile.');
    words.fill(word, start, end);
    return end;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw tooShort();
    return byte;
  }
}

function colour(palette: Uint32Array, index: number): number {
  const word = palette[index];
  if (word === undefined) throw new HudError('PROTOCOL_ERROR', `The screen used colour ${index} of a palette of ${palette.length}.`);
  return word;
}

function tooShort(): HudError {
  return new HudError('PROTOCOL_ERROR', 'The screen sent less compressed data than its rectangle has pixels.');
}
