/** Just enough of SQLite's write-ahead log: where the last committed transaction ends. */

export const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** In the index of the log: how many frames a checkpoint has copied. */
const BACKFILLED_AT = 96;

/**
 * What a checkpoint has copied into the database, it had made sure of in the log before.
 * @param index the `-shm` file; its numbers are in the order of this machine
 * @returns an offset into the log, in bytes
 */
export function checkpointedEnd(log: Uint8Array, index: Uint8Array): number {
  if (log.length < HEADER_BYTES || index.length < BACKFILLED_AT + 4) return 0;
  const frameBytes = FRAME_HEADER_BYTES + new DataView(log.buffer, log.byteOffset).getUint32(8);
  return Math.min(log.length, HEADER_BYTES + Buffer.from(index).readUInt32LE(BACKFILLED_AT) * frameBytes);
}

/** Tells one filling of the log from the next: a log that begins again gets others. */
export function salts(log: Uint8Array): string {
  return Buffer.from(log.subarray(16, 24)).toString('hex');
}

/**
 * Frames of this generation carry the header's salts; one that ends a transaction also says how large the
 * database is then.
 * @returns an offset in bytes; beyond it nothing counts
 * @see https://www.sqlite.org/fileformat2.html, section 4
 */
export function lastCommitEnd(log: Uint8Array): number {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  if (log.length < HEADER_BYTES) return log.length;
  const frameBytes = FRAME_HEADER_BYTES + view.getUint32(8);
  let end = HEADER_BYTES;
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const isOfThisGeneration = view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
    if (!isOfThisGeneration) break;
    if (view.getUint32(at + 4) !== 0) end = at + frameBytes;
  }
  return end;
}
