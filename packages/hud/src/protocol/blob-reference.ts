/**
 * What stands in a recorded span for bytes that are kept as a blob:
 * `hud-blob:sha256=<64 hex>;bytes=<n>;as=base64;type=image/png`. A string, so that a step with references is still a
 * step. A text that begins like one and is none is kept as `hud-blob:text=<the text>`, so nobody can forge one.
 */

export interface BlobReference {
  /** The blob's name. */
  sha256: string;
  bytes: number;
  mediaType: string;
  /** What the string was: the bytes in base64, or a `data:` URL of them. */
  encoding: 'base64' | 'data-url';
}

/** How every reference begins. */
export const REFERENCE_PREFIX = 'hud-blob:';

const QUOTED = `${REFERENCE_PREFIX}text=`;
const REFERENCE = /^hud-blob:sha256=([0-9a-f]{64});bytes=(\d+);as=(base64|data-url);type=(.+)$/;

export function writeReference({ sha256, bytes, mediaType, encoding }: BlobReference): string {
  return `${REFERENCE_PREFIX}sha256=${sha256};bytes=${bytes};as=${encoding};type=${mediaType}`;
}

/** @returns undefined for any other text */
export function readReference(text: string): BlobReference | undefined {
  const [, sha256, bytes, encoding, mediaType] = REFERENCE.exec(text) ?? [];
  if (sha256 === undefined || mediaType === undefined) return undefined;
  return { sha256, bytes: Number(bytes), mediaType, encoding: encoding as BlobReference['encoding'] };
}

/** A text that is data, as it is kept. */
export function quoteText(text: string): string {
  return text.startsWith(REFERENCE_PREFIX) ? QUOTED + text : text;
}

/** What {@link quoteText} was given. */
export function unquoteText(text: string): string {
  return text.startsWith(QUOTED) ? text.slice(QUOTED.length) : text;
}
