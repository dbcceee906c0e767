/** One span as it comes: its envelope is checked, all else is kept as it is. */
import { isUtf8 } from 'node:buffer';
import { parseJson, stringifyJson, type JsonObject } from 'hud/protocol';
import { MIN_BLOB_BYTES, type SpanRow } from 'hud/store';
import { problemOf } from './envelope.ts';

export interface ReadSpan {
  row: SpanRow;
  /** Set when it may hold pictures, or texts that look like references to some: `body` is not what is kept then. */
  careful?: JsonObject;
}

/** Below it no text holds a picture that is taken out. */
const MIN_CHARACTERS = Math.ceil(MIN_BLOB_BYTES / 3) * 4;
/** A reference to a blob begins with `hud-blob:`, its letters plain or escaped. */
const LIKE_REFERENCE = /"hud-blob:|\\u00(?:68|75|64|2d|62|6c|6f|3a)/i;

/**
 * @param bytes safe to parse
 * @param run the id of the run that all of them have to be of, any when absent
 * @returns why it can't be stored, for people
 */
export function readSpan(bytes: Uint8Array, run?: string): ReadSpan | string {
  if (!isUtf8(bytes)) return 'not UTF-8';
  return readSpanText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(), run);
}

/** @param given JSON */
export function readSpanText(given: string, run?: string): ReadSpan | string {
  const isCareful = given.length >= MIN_CHARACTERS || LIKE_REFERENCE.test(given);
  const parsed = isCareful ? parseCareful(given) : parsePlain(given);
  if (parsed === undefined) return 'not JSON';
  const problem = problemOf(parsed.wire, run);
  if (problem !== undefined) return problem;
  const span = parsed.wire as Record<'trace_id' | 'span_id' | 'name' | 'start_time' | 'end_time' | 'status_code', string>;
  const row = {
    traceId: span.trace_id,
    spanId: span.span_id,
    name: span.name,
    startTime: span.start_time,
    endTime: span.end_time,
    statusCode: span.status_code,
    body: parsed.text,
  };
  return isCareful ? { row, careful: span } : { row };
}

interface Parsed {
  wire: unknown;
  text: string;
}

/** `NaN` and `Infinity`, which Python writes, become null. */
function parsePlain(text: string): Parsed | undefined {
  try {
    return { wire: JSON.parse(text), text };
  } catch {
    return parseCareful(text);
  }
}

/** Numbers keep their spelling, because the text may be written anew. */
function parseCareful(text: string): Parsed | undefined {
  try {
    const wire = parseJson(text, { lossless: true });
    return { wire, text: isJson(text) ? text : stringifyJson(wire) };
  } catch {
    return undefined;
  }
}

/** Of a text that the lenient reader takes. */
function isJson(text: string): boolean {
  if (!/NaN|Infinity/.test(text)) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
