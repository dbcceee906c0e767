/** Takes known secrets out of what leaves for a platform: in every spelling in which text carries them, in one pass. */
import { isUtf8 } from 'node:buffer';
import { readSetting } from '../../host/settings.ts';
import { snakeCase } from '../../protocol/codec.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { JobRecord, RunRecord, TaskRecord, Lease } from '../../protocol/record.ts';
import { Span } from '../../protocol/trace.ts';
import { MIN_NEEDLE_BYTES, Needles, type Hit } from './needles.ts';
import { knownSecrets, MIN_SECRET_CHARACTERS, secretsGeneration } from './secrets.ts';
import { spellingsOf } from './spellings.ts';

export interface RedactorOptions {
  /** By value: its name. */
  secrets: ReadonlyMap<string, string>;
  /** Regular expressions whose matches go too, in texts of JSON and in text files. */
  patterns?: readonly RegExp[];
}

export class Redactor {
  readonly #needles: Needles | undefined;
  readonly #patterns: readonly RegExp[];

  constructor({ secrets, patterns = [] }: RedactorOptions) {
    const spellings = new Map<string, string>();
    for (const [value, name] of secrets) {
      if (value.length < MIN_SECRET_CHARACTERS || VOCABULARY.includes(value)) continue;
      for (const spelling of spellingsOf(value)) if (!spellings.has(spelling)) spellings.set(spelling, name);
    }
    const needles = [...spellings].map(([text, name]) => ({ bytes: Buffer.from(text), name }));
    const usable = needles.filter(({ bytes }) => bytes.length >= MIN_NEEDLE_BYTES);
    this.#needles = usable.length === 0 ? undefined : new Needles(usable);
    this.#patterns = patterns;
  }

  /** Lines of JSON stay lines of JSON: the names of members that the wire knows are left alone. */
  json(lines: string): Buffer {
    const text = this.#patterns.length === 0 ? lines : mapStrings(lines, (literal) => this.#literal(literal));
    return this.#replaced(Buffer.from(text), { isJson: true });
  }

  /** @returns the very bytes when there is nothing to take out */
  text(bytes: Uint8Array): Uint8Array {
    let buffer = bytes;
    if (this.#patterns.length > 0) {
      const encoding = isUtf8(bytes) ? 'utf8' : 'latin1';
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding);
      const changed = this.#matched(text);
      if (changed !== text) buffer = Buffer.from(changed, encoding);
    }
    return this.#needles === undefined ? buffer : this.#replaced(buffer, { isJson: false });
  }

  #literal(literal: string): string {
    const text = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
    const changed = this.#matched(text);
    return changed === text ? literal : JSON.stringify(changed);
  }

  #matched(text: string): string {
    let changed = text;
    for (const pattern of this.#patterns) changed = changed.replace(pattern, (match) => (match === '' ? '' : '[redacted:pattern]'));
    return changed;
  }

  #replaced<T extends Uint8Array>(bytes: T, { isJson }: { isJson: boolean }): T | Buffer {
    const hits = this.#needles?.find(bytes) ?? [];
    if (hits.length === 0) return bytes;
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const hit of hits) {
      const { start, end, text } = isJson ? inJson(bytes, hit) : { ...hit, text: `[redacted:${hit.needle.name}]` };
      if (start < from) continue; // of the number that is gone already
      parts.push(bytes.subarray(from, start), Buffer.from(text));
      from = end;
    }
    parts.push(bytes.subarray(from));
    return Buffer.concat(parts);
  }
}

/** Changes each string of JSON that is no member's name. No regular expression: over long strings it overflows the stack. */
function mapStrings(json: string, change: (literal: string) => string): string {
  let out = '';
  let from = 0;
  for (let start = json.indexOf('"'); start >= 0; start = json.indexOf('"', from)) {
    const end = endOfString(json, start);
    const literal = json.slice(start, end);
    out += json.slice(from, start) + (json[end] === ':' ? literal : change(literal));
    from = end;
  }
  return out + json.slice(from);
}

/** Just past the closing quote. */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  for (; end >= 0; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return json.length;
}

/** Texts that the wire consists of: a secret that is one of them, or a part of one, is none. */
const VOCABULARY = [
  ...[JobRecord, TaskRecord, RunRecord, Lease, Span].flatMap((schema) => Object.keys(schema.shape).map(snakeCase)),
  'hud.task_run_id hud.schema hud.payload hud.step.v1 hud-blob:sha256= INTERNAL completed cancelled max_steps',
].join('\n');

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;

/** A secret of digits may stand in a number, which becomes a text as a whole, so that JSON stays JSON. */
function inJson(bytes: Uint8Array, { start, end, needle }: Hit): { start: number; end: number; text: string } {
  const text = `[redacted:${needle.name}]`;
  if (!needle.bytes.every(isNumeric) || isInString(bytes, start)) return { start, end, text };
  let first = start;
  let last = end;
  while (isNumeric(bytes[first - 1])) first -= 1;
  while (isNumeric(bytes[last])) last += 1;
  return { start: first, end: last, text: `"${text}"` };
}

/** Of a digit, a sign, a point or an exponent. */
function isNumeric(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65;
}

function isInString(bytes: Uint8Array, at: number): boolean {
  let isInside = false;
  for (let i = bytes.lastIndexOf(NEWLINE, at) + 1; i < at; i += 1) {
    if (bytes[i] === QUOTE) isInside = !isInside;
    else if (isInside && bytes[i] === BACKSLASH) i += 1;
  }
  return isInside;
}

let shared: { redactor: Redactor; generation: number; readAt: number } | undefined;
/** Settings may change while a process lives. */
const FRESH_MS = 60_000;

/** With the secrets that are known now. @throws HudError BAD_CONFIG for HUD_TELEMETRY_REDACT that is no regular expression */
export function currentRedactor(now = Date.now()): Redactor {
  const generation = secretsGeneration();
  if (shared === undefined || shared.generation !== generation || now - shared.readAt > FRESH_MS) {
    shared = { redactor: new Redactor({ secrets: knownSecrets(), patterns: readPatterns() }), generation, readAt: now };
  }
  return shared.redactor;
}

/** HUD_TELEMETRY_REDACT: one regular expression a line. */
function readPatterns(): RegExp[] {
  const lines = (readSetting('HUD_TELEMETRY_REDACT') ?? '').split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.map((source) => {
    try {
      return new RegExp(source, 'gu');
    } catch (cause) {
      throw new HudError('BAD_CONFIG', `HUD_TELEMETRY_REDACT holds no regular expression: ${messageOf(cause)}.`, {
        hint: 'Write one JavaScript regular expression a line, without slashes around it. Nothing is reported until then.',
        cause,
      });
    }
  });
}
