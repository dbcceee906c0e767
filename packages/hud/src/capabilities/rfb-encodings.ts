/** The rectangles of an update, each painted in the way it is encoded; and the cursor's shape, which comes as one. */
import { HudError } from '../protocol/errors.ts';
import { InflateStream } from './rfb-inflate.ts';
import { ENCODINGS } from './rfb-messages.ts';
import type { ByteReader } from './rfb-reader.ts';
import { wordsOfPixels, type PixelFormat, type Rect, type Surface } from './rfb-surface.ts';
import { TightDecoder } from './rfb-tight.ts';
import { readZrle } from './rfb-zrle.ts';
import type { Frame, Point, Size } from './screen.ts';

const BAND_BYTES = 1 << 20;
const MAX_CURSOR_SIDE = 1024;

/** Holds the compression state of one connection. */
export class Decoder {
  readonly #reader: ByteReader;
  readonly #format: PixelFormat;
  readonly #zlib = new InflateStream();
  readonly #zrle = new InflateStream();
  readonly #tight = new TightDecoder();

  constructor(reader: ByteReader, format: PixelFormat) {
    this.#reader = reader;
    this.#format = format;
  }

  /** @throws HudError PROTOCOL_ERROR for an encoding that was not asked for, or damaged data */
  async paint(surface: Surface, rect: Rect, encoding: number): Promise<void> {
    surface.check(rect);
    if (encoding === ENCODINGS.raw) return await this.#raw(surface, rect);
    if (encoding === ENCODINGS.copyRect) return await this.#copy(surface, rect);
    if (encoding === ENCODINGS.zlib) return await this.#inflated(surface, rect);
    if (encoding === ENCODINGS.tight) return await this.#tight.read(this.#reader, surface, rect);
    if (encoding === ENCODINGS.zrle) return await readZrle(this.#reader, this.#zrle, surface, rect, this.#format);
    throw new HudError('PROTOCOL_ERROR', `The screen sent a rectangle in encoding ${encoding}, which nobody asked for.`);
  }

  /** The shape of the pointer: pixels, then a bit for each that is to be seen, rows filled up to whole bytes. */
  async readCursor({ x, y, width, height }: Rect): Promise<Cursor> {
    if (width > MAX_CURSOR_SIDE || height > MAX_CURSOR_SIDE) {
      throw new HudError('PROTOCOL_ERROR', `The screen sent a pointer of ${width}x${height} pixels.`);
    }
    const count = width * height;
    const words = wordsOfPixels(await this.#reader.take(count * 4), count, this.#format);
    const rowBytes = (width + 7) >> 3;
    const mask = await this.#reader.take(rowBytes * height);
    for (let i = 0; i < count; i++) {
      const column = i % width;
      const isSeen = (mask[((i - column) / width) * rowBytes + (column >> 3)]! >> (7 - (column & 7))) & 1;
      if (!isSeen) words[i] = 0;
    }
    return { hotspot: { x, y }, width, height, words };
  }

  async #raw(surface: Surface, rect: Rect): Promise<void> {
    const rows = Math.max(1, Math.floor(BAND_BYTES / (rect.width * 4 || 1)));
    for (let y = 0; y < rect.height; y += rows) {
      const band = { x: rect.x, y: rect.y + y, width: rect.width, height: Math.min(rows, rect.height - y) };
      const count = band.width * band.height;
      surface.put(band, wordsOfPixels(await this.#reader.take(count * 4), count, this.#format));
    }
  }

  async #copy(surface: Surface, rect: Rect): Promise<void> {
    const head = await this.#reader.take(4);
    const from = { x: head.readUInt16BE(0), y: head.readUInt16BE(2) };
    surface.check({ ...rect, ...from });
    surface.copy(rect, from);
  }

  async #inflated(surface: Surface, rect: Rect): Promise<void> {
    const count = rect.width * rect.height;
    const length = await this.#reader.u32();
    if (length > count * 5 + 1024)
      throw new HudError('PROTOCOL_ERROR', `The screen compressed a rectangle to ${length} bytes, more than it has.`);
    const bytes = this.#zlib.push(await this.#reader.take(length), count * 4);
    if (bytes.length !== count * 4)
      throw new HudError('PROTOCOL_ERROR', 'The screen sent less compressed data than its rectangle has pixels.');
    surface.put(rect, wordsOfPixels(bytes, count, this.#format));
  }
}

export interface Cursor extends Size {
  hotspot: Point;
  /** As in a surface; 0 where the screen shows through. */
  words: Uint32Array;
}

/** Draws the pointer into a frame, which is changed. */
export function drawCursor(frame: Frame, cursor: Cursor, at: Point): void {
  const target = new Uint32Array(frame.rgba.buffer, frame.rgba.byteOffset, frame.width * frame.height);
  for (let row = 0; row < cursor.height; row++) {
    const y = at.y - cursor.hotspot.y + row;
    if (y < 0 || y >= frame.height) continue;
    for (let column = 0; column < cursor.width; column++) {
      const x = at.x - cursor.hotspot.x + column;
      const word = cursor.words[row * cursor.width + column]!;
      if (word !== 0 && x >= 0 && x < frame.width) target[y * frame.width + x] = word;
    }
  }
}
