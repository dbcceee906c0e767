/** Tight, as the community's RFB document describes it, without JPEG and PNG, which are never asked for. Colours come as R, G, B. */
import { HudError } from '../protocol/errors.ts';
import { InflateStream } from './rfb-inflate.ts';
import type { ByteReader } from './rfb-reader.ts';
import { wordsOfTriples, type Rect, type Surface } from './rfb-surface.ts';

/** Shorter data are sent as they are. */
const MIN_COMPRESSED_BYTES = 12;
const FILL = 8;
const COPY = 0;
const PALETTE = 1;
const GRADIENT = 2;

export class TightDecoder {
  readonly #streams = [0, 1, 2, 3].map(() => new InflateStream());

  async read(reader: ByteReader, surface: Surface, rect: Rect): Promise<void> {
    const control = await reader.u8();
    this.#streams.forEach((stream, i) => control & (1 << i) && stream.reset());
    const kind = control >> 4;
    if (kind === FILL) return surface.fill(rect, wordsOfTriples(await reader.take(3), 1, true)[0]!);
    if (kind > FILL) throw new HudError('PROTOCOL_ERROR', `The screen sent a Tight rectangle of kind ${kind}, which nobody asked for.`);
    const stream = this.#streams[kind & 3]!;
    const filter = kind & 4 ? await reader.u8() : COPY;
    const count = rect.width * rect.height;
    if (filter === COPY) return surface.put(rect, wordsOfTriples(await readData(reader, stream, count * 3), count, true));
    if (filter === GRADIENT) return surface.put(rect, gradient(await readData(reader, stream, count * 3), rect.width));
    if (filter === PALETTE) return await readPalette(reader, stream, surface, rect);
    throw new HudError('PROTOCOL_ERROR', `The screen used the unknown Tight filter ${filter}.`);
  }
}

async function readPalette(reader: ByteReader, stream: InflateStream, surface: Surface, rect: Rect): Promise<void> {
  const size = (await reader.u8()) + 1;
  const palette = wordsOfTriples(await reader.take(size * 3), size, true);
  const { width, height } = rect;
  const words = new Uint32Array(width * height);
  if (size > 2) {
    const indexes = await readData(reader, stream, width * height);
    for (let i = 0; i < words.length; i++) words[i] = colour(palette, indexes[i]!);
  } else {
    const rowBytes = (width + 7) >> 3;
    const bits = await readData(reader, stream, rowBytes * height);
    for (let i = 0, y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) words[i++] = colour(palette, (bits[y * rowBytes + (x >> 3)]! >> (7 - (x & 7))) & 1);
    }
  }
  surface.put(rect, words);
}

async function readData(reader: ByteReader, stream: InflateStream, size: number): Promise<Uint8Array> {
  if (size < MIN_COMPRESSED_BYTES) return await reader.take(size);
  const bytes = stream.push(await reader.take(await compactLength(reader)), size);
  if (bytes.length !== size) throw new HudError('PROTOCOL_ERROR', `The screen sent ${bytes.length} bytes of pixels instead of ${size}.`);
  return bytes;
}

/** One to three bytes, of which the first two say whether another follows. */
async function compactLength(reader: ByteReader): Promise<number> {
  let length = 0;
  for (const shift of [0, 7]) {
    const byte = await reader.u8();
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
  return length | ((await reader.u8()) << 14);
}

/** Each sample was replaced by its difference to left + above - corner, limited to a byte. */
function gradient(bytes: Uint8Array, width: number): Uint32Array {
  const rowBytes = width * 3;
  const samples = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const column = i % rowBytes;
    const left = column < 3 ? 0 : samples[i - 3]!;
    const above = i < rowBytes ? 0 : samples[i - rowBytes]!;
    const corner = column < 3 || i < rowBytes ? 0 : samples[i - rowBytes - 3]!;
    samples[i] = bytes[i]! + Math.min(255, Math.max(0, left + above - corner));
  }
  return wordsOfTriples(samples, bytes.length / 3, true);
}

function colour(palette: Uint32Array, index: number): number {
  const word = palette[index];
  if (word === undefined) throw new HudError('PROTOCOL_ERROR', `The screen used colour ${index} of a palette of ${palette.length}.`);
  return word;
}
