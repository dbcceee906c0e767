/** The rows of a PNG after inflation: filters undone, samples spread to RGBA. */
import { HudError } from '../protocol/errors.ts';

export interface RowLayout {
  width: number;
  height: number;
  /** Samples of a pixel: 1 gray or palette, 2 with alpha, 3 RGB, 4 with alpha. */
  channels: number;
  isPalette: boolean;
}

/**
 * @param rows one filter byte and the samples of each row; used as work space
 * @param palette RGB of each index
 * @param alpha of each index of the palette; the rest are opaque
 */
export function decodeRows(rows: Uint8Array, layout: RowLayout, palette: Uint8Array, alpha: Uint8Array): Uint8Array {
  const { width, height, channels } = layout;
  const rgba = new Uint8Array(width * height * 4);
  const rowBytes = width * channels;
  const spread = layout.isPalette ? spreadPalette(palette, alpha) : SPREAD[channels]!;
  let above: Uint8Array = new Uint8Array(rowBytes);
  for (let y = 0; y < height; y++) {
    const start = y * (rowBytes + 1);
    const row = rows.subarray(start + 1, start + 1 + rowBytes);
    unfilter(rows[start]!, row, above, channels);
    spread(row, rgba.subarray(y * width * 4, (y + 1) * width * 4));
    above = row;
  }
  return rgba;
}

function unfilter(filter: number, row: Uint8Array, above: Uint8Array, step: number): void {
  const { length } = row;
  if (filter === 0) return;
  if (filter === 1) for (let i = step; i < length; i++) row[i] = row[i]! + row[i - step]!;
  else if (filter === 2) for (let i = 0; i < length; i++) row[i] = row[i]! + above[i]!;
  else if (filter === 3) {
    for (let i = 0; i < length; i++) row[i] = row[i]! + (((i < step ? 0 : row[i - step]!) + above[i]!) >> 1);
  } else if (filter === 4) {
    for (let i = 0; i < step; i++) row[i] = row[i]! + above[i]!;
    for (let i = step; i < length; i++) row[i] = row[i]! + paeth(row[i - step]!, above[i]!, above[i - step]!);
  } else throw new HudError('PROTOCOL_ERROR', `Can't read the PNG picture: there is no filter ${filter}.`);
}

function paeth(left: number, above: number, corner: number): number {
  const byLeft = Math.abs(above - corner);
  const byAbove = Math.abs(left - corner);
  const byCorner = Math.abs(left + above - 2 * corner);
  if (byLeft <= byAbove && byLeft <= byCorner) return left;
  return byAbove <= byCorner ? above : corner;
}

type Spread = (row: Uint8Array, rgba: Uint8Array) => void;

const SPREAD: Record<number, Spread> = {
  1: (row, rgba) => {
    for (let i = 0, o = 0; i < row.length; i++, o += 4) {
      rgba[o] = rgba[o + 1] = rgba[o + 2] = row[i]!;
      rgba[o + 3] = 255;
    }
  },
  2: (row, rgba) => {
    for (let i = 0, o = 0; i < row.length; i += 2, o += 4) {
      rgba[o] = rgba[o + 1] = rgba[o + 2] = row[i]!;
      rgba[o + 3] = row[i + 1]!;
    }
  },
  3: (row, rgba) => {
    for (let i = 0, o = 0; i < row.length; i += 3, o += 4) {
      rgba[o] = row[i]!;
      rgba[o + 1] = row[i + 1]!;
      rgba[o + 2] = row[i + 2]!;
      rgba[o + 3] = 255;
    }
  },
  4: (row, rgba) => rgba.set(row),
};

function spreadPalette(palette: Uint8Array, alpha: Uint8Array): Spread {
  const count = palette.length / 3;
  return (row, rgba) => {
    for (let i = 0, o = 0; i < row.length; i++, o += 4) {
      const index = row[i]!;
      if (index >= count) throw new HudError('PROTOCOL_ERROR', `Can't read the PNG picture: colour ${index} is not in its palette.`);
      rgba[o] = palette[index * 3]!;
      rgba[o + 1] = palette[index * 3 + 1]!;
      rgba[o + 2] = palette[index * 3 + 2]!;
      rgba[o + 3] = alpha[index] ?? 255;
    }
  };
}
