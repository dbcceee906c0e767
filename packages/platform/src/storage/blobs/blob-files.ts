/** Where bytes named by their SHA-256 are kept: a folder, or a bucket. */

export interface BlobFiles {
  /** For messages; two of the same location hold the same. */
  readonly location: string;
  /**
   * Settles when they are safe: a folder's on the disk, a bucket's confirmed. The same bytes are kept once.
   * @param sha256 of these bytes, 64 hex digits
   */
  write(sha256: string, bytes: Uint8Array): Promise<void>;
  /** @returns undefined when there are none. @throws HudError STORE_DAMAGED when they are not those that were written */
  get(sha256: string): Promise<Uint8Array | undefined>;
  /** The names of all, in no particular order. */
  list(): AsyncIterable<string>;
  /** For `/readyz`. @throws HudError STORE_* */
  check(): Promise<void>;
}

export function isBlobName(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
