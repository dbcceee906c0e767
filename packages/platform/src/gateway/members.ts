/** Finds members of a JSON object in its bytes, without parsing the rest: prompts are long, and pass through as they are. */
import { Refusal } from './refusals.ts';

/** Where a member's value stands. */
export interface Span {
  start: number;
  /** Exclusive. */
  end: number;
}

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
/** Strings longer than this are left to the machine's own search. */
const SHORT = 48;

/**
 * Values are skipped, not checked: whoever the body is for says what is wrong with it.
 * @returns members of the outermost object, of those that are wanted
 * @throws Refusal 400 when the body is no object, ends too early, or says a wanted member twice
 */
export function findMembers(body: Buffer, wanted: ReadonlySet<string>, from = 0): Map<string, Span> {
  const found = new Map<string, Span>();
  let at = skipSpace(body, from);
  if (body[at] !== OPEN_OBJECT) throw malformed('is not a JSON object');
  at = skipSpace(body, at + 1);
  if (body[at] === CLOSE_OBJECT) return found;
  for (;;) {
    if (body[at] !== QUOTE) throw malformed('is not JSON: a name is missing');
    const end = stringEnd(body, at);
    const name = text(body, { start: at, end });
    at = skipSpace(body, end);
    if (body[at] !== COLON) throw malformed("is not JSON: a ':' is missing");
    const start = skipSpace(body, at + 1);
    at = valueEnd(body, start);
    if (wanted.has(name)) {
      if (found.has(name)) throw malformed(`says '${name}' twice`);
      found.set(name, { start, end: trimmed(body, start, at) });
    }
    if (body[at] === CLOSE_OBJECT) return found;
    if (body[at] !== COMMA) throw malformed('ends too early');
    at = skipSpace(body, at + 1);
  }
}

/** @returns undefined when it is absent or no string */
export function stringMember(body: Buffer, span: Span | undefined): string | undefined {
  return span !== undefined && body[span.start] === QUOTE ? text(body, span) : undefined;
}

/** @returns undefined when it is absent or no number */
export function numberMember(body: Buffer, span: Span | undefined): number | undefined {
  if (span === undefined || span.end - span.start > 32) return undefined;
  const value = Number(body.toString('latin1', span.start, span.end));
  return Number.isFinite(value) && body[span.start] !== QUOTE ? value : undefined;
}

export function isTrue(body: Buffer, span: Span | undefined): boolean {
  return span !== undefined && span.end - span.start === 4 && body.toString('latin1', span.start, span.end) === 'true';
}

/** The body with another value in that place; every other byte stays. */
export function replaceMember(body: Buffer, { start, end }: Span, value: string): Buffer {
  return Buffer.concat([body.subarray(0, start), Buffer.from(JSON.stringify(value)), body.subarray(end)]);
}

function text(body: Buffer, { start, end }: Span): string {
  const inner = body.toString('utf8', start + 1, end - 1);
  if (!inner.includes('\\')) return inner;
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    throw malformed('is not JSON: a string has an escape that does not exist');
  }
}

/** @param at of the opening quote. @returns after the closing one */
function stringEnd(body: Buffer, at: number): number {
  let from = at + 1;
  for (const near = Math.min(body.length, from + SHORT); from < near; from += 1) {
    if (body[from] === QUOTE) return from + 1;
    if (body[from] === BACKSLASH) from += 1;
  }
  for (;;) {
    const quote = body.indexOf(QUOTE, from);
    if (quote < 0) throw malformed('ends inside a string');
    let slashes = 0;
    while (quote - 1 - slashes >= from && body[quote - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

/** @returns the place of the ',' or '}' that ends the value */
function valueEnd(body: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < body.length;) {
    const byte = body[at];
    if (byte === QUOTE) {
      at = stringEnd(body, at);
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (byte === COMMA && depth === 0) return at;
    at += 1;
  }
  throw malformed('ends too early');
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && isSpace(body[at])) at += 1;
  return at;
}

function trimmed(body: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && isSpace(body[at - 1])) at -= 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function malformed(why: string): Refusal {
  return new Refusal(400, `The request's body ${why}. Send the JSON object that the model's API describes.`);
}
