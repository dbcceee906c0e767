/** Checksums of SQLite's write-ahead log, so that a changed log can be made to look sound. @see sqlite.org/fileformat2.html#walformat */

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const BIG_ENDIAN_MAGIC = 0x377f0683;

/** A copy with the salt given, or its own, and with checksums that are right for what it holds. A log too short for a frame stays as it is. */
export function sealLog(bytes: Uint8Array, salt?: readonly [number, number]): Uint8Array {
  const log = Buffer.from(bytes);
  if (log.length < HEADER_BYTES) return log;
  const pageBytes = log.readUInt32BE(8);
  const isBigEndian = log.readUInt32BE(0) === BIG_ENDIAN_MAGIC;
  salt?.forEach((word, i) => log.writeUInt32BE(word, 16 + 4 * i));
  let sum = checksum(log.subarray(0, 24), [0, 0], isBigEndian);
  sum.forEach((word, i) => log.writeUInt32BE(word, 24 + 4 * i));
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  if (pageBytes === 0 || pageBytes % 8 !== 0) return log;
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    log.copy(log, at + 8, 16, 24);
    sum = checksum(log.subarray(at, at + 8), sum, isBigEndian);
    sum = checksum(log.subarray(at + FRAME_HEADER_BYTES, at + frameBytes), sum, isBigEndian);
    sum.forEach((word, i) => log.writeUInt32BE(word, at + 16 + 4 * i));
  }
  return log;
}

function checksum(bytes: Buffer, [first, second]: readonly [number, number], isBigEndian: boolean): [number, number] {
  const word = (at: number): number => (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
  let [a, b] = [first, second];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    a = (a + word(at) + b) >>> 0;
    b = (b + word(at + 4) + a) >>> 0;
  }
  return [a, b];
}
