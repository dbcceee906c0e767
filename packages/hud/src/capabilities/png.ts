/** Pictures of screens as PNG, in and out, with what tools do to them: cut and shrink. No native code, no package. */
import { constants, crc32, deflateSync, inflateSync } from 'node:zlib';
import { HudError, messageOf } from '../protocol/errors.ts';
import { decodeRows, type RowLayout } from './png-rows.ts';
import type { Frame, Point, Size } from './screen.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MAX_PIXELS = 1 << 26;
const RGB = 2;
/** Samples of a pixel by colour type. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** RGB without the alpha, which a screen doesn't have. Unfiltered: text and flat areas pack best so, and fastest. */
export function encodePng(frame: Frame): Uint8Array {
  const { width, height } = frame;
  if (width < 1 || height < 1) throw new HudError('BAD_ARGUMENT', `A picture of ${width}x${height} pixels can't be a PNG.`);
  const rows = packRows(frame);
  // One piece as large as the input: the default of 16 KiB costs more than the packing itself.
  const data = deflateSync(rows, { level: constants.Z_BEST_SPEED, chunkSize: Math.max(1024, rows.length) });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = RGB;
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function packRows({ width, height, rgba }: Frame): Buffer {
  const rows = Buffer.allocUnsafe((width * 3 + 1) * height);
  let out = 0;
  let from = 0;
  for (let y = 0; y < height; y++) {
    rows[out++] = 0; // no filter
    for (let x = 0; x < width; x++, from += 4, out += 3) {
      rows[out] = rgba[from]!;
      rows[out + 1] = rgba[from + 1]!;
      rows[out + 2] = rgba[from + 2]!;
    }
  }
  return rows;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/**
 * Gray, RGB, palette, each with or without alpha, 8 bits a sample, not interlaced: what browsers and this file write.
 * @throws HudError PROTOCOL_ERROR for anything else, or a damaged file
 */
export function decodePng(bytes: Uint8Array): Frame {
  const { layout, palette, alpha, data } = readChunks(bytes);
  const rowBytes = layout.width * layout.channels + 1;
  const rows = inflate(data, rowBytes * layout.height);
  return { width: layout.width, height: layout.height, rgba: decodeRows(rows, layout, palette, alpha) };
}

interface Chunks {
  layout: RowLayout;
  palette: Uint8Array;
  alpha: Uint8Array;
  data: Uint8Array;
}

function readChunks(bytes: Uint8Array): Chunks {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!SIGNATURE.equals(file.subarray(0, 8))) throw broken('it does not begin as one');
  let layout: RowLayout | undefined;
  let palette: Uint8Array = Buffer.alloc(0);
  let alpha: Uint8Array = Buffer.alloc(0);
  const pieces: Uint8Array[] = [];
  for (let at = 8; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (length > file.length - at - 12) throw broken(`its ${type} chunk is cut off`);
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') layout = readHeader(body);
    else if (type === 'PLTE') palette = body;
    else if (type === 'tRNS') alpha = body;
    else if (type === 'IDAT') pieces.push(body);
    else if (type === 'IEND') break;
    at += length + 12;
  }
  if (layout === undefined) throw broken('it has no header');
  return { layout, palette, alpha, data: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces) };
}

function readHeader(body: Buffer): RowLayout {
  if (body.length !== 13) throw broken('its header has the wrong length');
  const width = body.readUInt32BE(0);
  const height = body.readUInt32BE(4);
  const [bits, colourType, , , interlace] = body.subarray(8) as unknown as [number, number, number, number, number];
  const channels = CHANNELS[colourType];
  if (width === 0 || height === 0 || width * height > MAX_PIXELS) throw broken(`${width}x${height} pixels are too many or none`);
  if (bits !== 8 || channels === undefined || interlace !== 0) {
    throw broken(`${bits} bits, colour type ${colourType}, interlace ${interlace} is not supported`);
  }
  return { width, height, channels, isPalette: colourType === 3 };
}

function inflate(data: Uint8Array, size: number): Uint8Array {
  let rows: Uint8Array;
  try {
    rows = inflateSync(data, { maxOutputLength: size, chunkSize: Math.max(1024, size) });
  } catch (cause) {
    throw broken(messageOf(cause), cause);
  }
  if (rows.length < size) throw broken(`it has ${rows.length} bytes of pixels instead of ${size}`);
  return rows;
}

function broken(why: string, cause?: unknown): HudError {
  return new HudError('PROTOCOL_ERROR', `Can't read the PNG picture: ${why}.`, { cause });
}

/** The part of the rectangle that lies within the frame, copied. @throws HudError BAD_ARGUMENT when none does */
export function crop(frame: Frame, rectangle: Point & Size): Frame {
  const left = Math.min(frame.width, Math.max(0, Math.round(rectangle.x)));
  const top = Math.min(frame.height, Math.max(0, Math.round(rectangle.y)));
  const width = Math.min(frame.width, Math.round(rectangle.x + rectangle.width)) - left;
  const height = Math.min(frame.height, Math.round(rectangle.y + rectangle.height)) - top;
  if (!(width > 0 && height > 0)) {
    throw new HudError('BAD_ARGUMENT', `Nothing of a ${frame.width}x${frame.height} picture lies within ${JSON.stringify(rectangle)}.`);
  }
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * frame.width + left) * 4;
    rgba.set(frame.rgba.subarray(from, from + width * 4), y * width * 4);
  }
  return { width, height, rgba };
}

/** Each new pixel is the mean of the area it covers, so that text stays readable when it shrinks. */
export function resize(frame: Frame, to: Size): Frame {
  const width = Math.max(1, Math.round(to.width));
  const height = Math.max(1, Math.round(to.height));
  if (width === frame.width && height === frame.height) return frame;
  const rows = new Float32Array(width * frame.height * 4);
  average(frame.rgba, rows, {
    spans: spansOf(frame.width, width),
    lines: frame.height,
    step: 4,
    lineFrom: frame.width * 4,
    lineTo: width * 4,
  });
  const rgba = new Uint8ClampedArray(width * height * 4);
  average(rows, rgba, { spans: spansOf(frame.height, height), lines: width, step: width * 4, lineFrom: 4, lineTo: 4 });
  return { width, height, rgba: new Uint8Array(rgba.buffer) };
}

/** For each new pixel: the first old one that it covers, and the share of each. */
interface Span {
  start: number;
  shares: Float32Array;
}

function spansOf(from: number, to: number): Span[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const begin = index * scale;
    const end = Math.min(from, (index + 1) * scale);
    const start = Math.min(from - 1, Math.floor(begin));
    const shares = new Float32Array(Math.max(1, Math.ceil(end - 1e-6) - start));
    shares.forEach((_, i) => (shares[i] = (Math.min(end, start + i + 1) - Math.max(begin, start + i)) / (end - begin)));
    return { start, shares };
  });
}

interface Pass {
  spans: Span[];
  lines: number;
  /** Between neighbours along the line, in and out. */
  step: number;
  lineFrom: number;
  lineTo: number;
}

/** One direction, in the order of memory: whole rows are far quicker than columns. */
function average(input: Uint8Array | Float32Array, output: Float32Array | Uint8ClampedArray, pass: Pass): void {
  const { spans, lines, step, lineFrom } = pass;
  if (step < lineFrom) {
    for (let line = 0; line < lines; line++) for (let at = 0; at < spans.length; at++) averageOne(input, output, pass, line, at);
  } else {
    for (let at = 0; at < spans.length; at++) for (let line = 0; line < lines; line++) averageOne(input, output, pass, line, at);
  }
}

type Samples = Uint8Array | Float32Array | Uint8ClampedArray;

function averageOne(input: Samples, output: Samples, { spans, step, lineFrom, lineTo }: Pass, line: number, at: number): void {
  const { start, shares } = spans[at]!;
  let red = 0;
  let green = 0;
  let blue = 0;
  let alpha = 0;
  let from = line * lineFrom + start * step;
  for (let i = 0; i < shares.length; i++, from += step) {
    const share = shares[i]!;
    red += input[from]! * share;
    green += input[from + 1]! * share;
    blue += input[from + 2]! * share;
    alpha += input[from + 3]! * share;
  }
  const out = line * lineTo + at * step;
  output[out] = red;
  output[out + 1] = green;
  output[out + 2] = blue;
  output[out + 3] = alpha;
}
