/** What a client sends to an RFB server, as bytes (RFC 6143, 7.5), and the numbers of encodings. */
import type { Rect } from './rfb-surface.ts';
import type { Point } from './screen.ts';

export const ENCODINGS = {
  raw: 0,
  copyRect: 1,
  zlib: 6,
  tight: 7,
  zrle: 16,
  desktopSize: -223,
  lastRect: -224,
  cursor: -239,
  /** Compression of Zlib and Tight, from -256 for none to -247; quick beats small on the same machine or a tunnel. */
  fastest: -255,
  extendedDesktopSize: -308,
  extendedClipboard: 0xc0a1e5ce | 0,
} as const;

export type PictureEncoding = 'raw' | 'copyRect' | 'zlib' | 'tight' | 'zrle';

export function setEncodings(encodings: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + encodings.length * 4);
  bytes[0] = 2;
  bytes.writeUInt16BE(encodings.length, 2);
  encodings.forEach((encoding, i) => bytes.writeInt32BE(encoding, 4 + i * 4));
  return bytes;
}

/** 32 bits a pixel, depth 24, least significant byte first; in memory R, G, B and an unused byte. */
export function setPixelFormat(): Buffer {
  return Buffer.from([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]);
}

export function updateRequest({ x, y, width, height }: Rect, { isIncremental }: { isIncremental: boolean }): Buffer {
  const bytes = Buffer.alloc(10);
  bytes[0] = 3;
  bytes[1] = isIncremental ? 1 : 0;
  [x, y, width, height].forEach((value, i) => bytes.writeUInt16BE(value, 2 + i * 2));
  return bytes;
}

export function keyEvent(keysym: number, isDown: boolean): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = 4;
  bytes[1] = isDown ? 1 : 0;
  bytes.writeUInt32BE(keysym, 4);
  return bytes;
}

/** @param buttons a bit for each that is held: left 1, middle 2, right 4, wheel up 8, down 16, left 32, right 64 */
export function pointerEvent(at: Point, buttons: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes[0] = 5;
  bytes[1] = buttons;
  bytes.writeUInt16BE(at.x, 2);
  bytes.writeUInt16BE(at.y, 4);
  return bytes;
}

/** Latin-1 as the original protocol has it; other characters become question marks. */
export function cutText(text: string): Buffer {
  const latin = Buffer.from(text.replace(/[^\0-\xff]/gu, '?'), 'latin1');
  const head = Buffer.alloc(8);
  head[0] = 6;
  head.writeUInt32BE(latin.length, 4);
  return Buffer.concat([head, latin]);
}

/** A negative length marks the extension that speaks UTF-8. */
export function extendedCutText(flags: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(12);
  head[0] = 6;
  head.writeInt32BE(-(4 + body.length), 4);
  head.writeUInt32BE(flags >>> 0, 8);
  return Buffer.concat([head, body]);
}
