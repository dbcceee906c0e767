/** Images and files in spans: taken out when a span is recorded, put back when it is read. */
import { createHash } from 'node:crypto';
import { isPlainObject, stringifyJson, type JsonObject } from '../protocol/json.ts';
import type { Span } from '../protocol/trace.ts';
import { quoteText, readReference, REFERENCE_PREFIX, unquoteText, writeReference, type BlobReference } from '../protocol/blob-reference.ts';

export interface SpanBlob {
  sha256: string;
  bytes: Uint8Array;
  mediaType: string;
}

/** Smaller ones stay where they are. */
export const MIN_BLOB_BYTES = 4096;
const MIN_CHARACTERS = Math.ceil(MIN_BLOB_BYTES / 3) * 4;

/** Who declares what a member in base64 is, in the spellings of MCP, Anthropic, Gemini and file tracking. */
const MEDIA_TYPE_KEYS = ['mimeType', 'mime_type', 'media_type', 'mediaType'];
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(;[^,\n]*)?$/;
const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+(?:;[^,\n]*)?);base64,/;
/** More than the head of any data URL has. */
const HEAD_CHARACTERS = 256;

/**
 * Takes every string of at least 4 KiB out of the attributes and events that is base64 beside a media type, or a
 * `data:` URL. What would not come back to the letter stays.
 * @param wire a span, as it is written
 * @param text of it
 * @param quote what is kept for any other text; one that keeps references has to know that they are genuine
 * @returns the text to keep
 */
export function takeBlobs(
  wire: JsonObject,
  text: string,
  quote: (text: string) => string = quoteText,
): { body: string; blobs: SpanBlob[] } {
  if (text.length < MIN_CHARACTERS && !mayRefer(text)) return { body: text, blobs: [] };
  const blobs: SpanBlob[] = [];
  const keep = (value: string, owner: JsonObject | undefined, key: string): string => {
    const found = value.length < MIN_CHARACTERS ? undefined : blobOf(value, owner, key);
    if (found === undefined) return quote(value);
    blobs.push(found);
    return writeReference({ ...found, bytes: found.bytes.length });
  };
  const attributes = mapStrings(wire.attributes, keep);
  const events = mapStrings(wire.events, keep);
  if (attributes === wire.attributes && events === wire.events) return { body: text, blobs };
  return { body: stringifyJson({ ...wire, attributes, events }), blobs };
}

/** May the text of a span hold references, or what is kept as if it could be one? */
export function mayRefer(text: string): boolean {
  return text.includes(`"${REFERENCE_PREFIX}`);
}

/**
 * The span as it was appended.
 * @param load a blob's bytes in base64; undefined when there is none, and the reference stays
 */
export async function putBack(span: Span, load: (sha256: string) => Promise<string | undefined>): Promise<Span> {
  const texts = new Map<string, string | undefined>();
  const collect = (text: string): string => {
    const reference = readReference(text);
    if (reference !== undefined) texts.set(reference.sha256, undefined);
    return text;
  };
  mapStrings([span.attributes, span.events], collect);
  for (const sha256 of texts.keys()) texts.set(sha256, await load(sha256));
  const restore = (text: string): string => {
    const reference = readReference(text);
    const base64 = reference === undefined ? undefined : texts.get(reference.sha256);
    if (reference === undefined) return unquoteText(text);
    if (base64 === undefined) return text;
    return reference.encoding === 'base64' ? base64 : `data:${reference.mediaType};base64,${base64}`;
  };
  return {
    ...span,
    attributes: mapStrings(span.attributes, restore) as Span['attributes'],
    events: mapStrings(span.events, restore) as Span['events'],
  };
}

/**
 * {@link putBack} for a page, each blob read once.
 * @param page `blobs` as a reader asked for them
 */
export async function putBackPage(
  items: readonly { span: Span; mayRefer: boolean }[],
  page: { blobs?: 'inline' | 'reference' },
  load: (sha256: string) => Promise<string | undefined>,
): Promise<Span[]> {
  const texts = new Map<string, string | undefined>();
  const loadOnce = async (sha256: string): Promise<string | undefined> => {
    if (!texts.has(sha256)) texts.set(sha256, await load(sha256));
    return texts.get(sha256);
  };
  const spans: Span[] = [];
  for (const { span, mayRefer } of items) spans.push(mayRefer && page.blobs !== 'reference' ? await putBack(span, loadOnce) : span);
  return spans;
}

type Found = SpanBlob & Pick<BlobReference, 'encoding'>;

function blobOf(text: string, owner: JsonObject | undefined, key: string): Found | undefined {
  if (text.startsWith('data:')) {
    const [head, mediaType] = DATA_URL.exec(text.slice(0, HEAD_CHARACTERS)) ?? [];
    return head === undefined || mediaType === undefined ? undefined : decoded(text.slice(head.length), mediaType, 'data-url');
  }
  const mediaType = key === 'text' ? undefined : mediaTypeOf(owner);
  return mediaType === undefined ? undefined : decoded(text, mediaType, 'base64');
}

function mediaTypeOf(owner: JsonObject | undefined): string | undefined {
  for (const key of MEDIA_TYPE_KEYS) {
    const value = owner?.[key];
    if (typeof value === 'string' && value.length < HEAD_CHARACTERS && MEDIA_TYPE.test(value)) return value;
  }
  return undefined;
}

/** @returns undefined for what is not base64 in the one spelling that encoding gives back */
function decoded(base64: string, mediaType: string, encoding: Found['encoding']): Found | undefined {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*$/.test(base64.slice(0, 64))) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < MIN_BLOB_BYTES || bytes.toString('base64') !== base64) return undefined;
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes, mediaType, encoding };
}

type Change = (text: string, owner: JsonObject | undefined, key: string) => string;

/** The value itself when no string changed, a copy otherwise. */
function mapStrings(value: unknown, change: Change, owner?: JsonObject, key = ''): unknown {
  if (typeof value === 'string') return change(value, owner, key);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (const [i, item] of value.entries()) {
      const changed = mapStrings(item, change);
      if (changed !== item) (copy ??= [...(value as unknown[])])[i] = changed;
    }
    return copy ?? value;
  }
  if (!isPlainObject(value)) return value;
  let copy: JsonObject | undefined;
  for (const [name, item] of Object.entries(value)) {
    const changed = mapStrings(item, change, value, name);
    if (changed !== item) (copy ??= { ...value })[name] = changed;
  }
  return copy ?? value;
}
