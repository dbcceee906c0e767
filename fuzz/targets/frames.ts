/** The frame reader, and the JSON it reads: in any cut, against a second reader, and losslessly. */
import { isUtf8 } from 'node:buffer';
import { isHudError } from '../../packages/hud/src/protocol/errors.ts';
import { FrameReader, encodeFrame } from '../../packages/hud/src/protocol/frames.ts';
import { Float, isPlainObject, parseJson, stringifyJson } from '../../packages/hud/src/protocol/json.ts';
import { JSON_TOKENS, deepText, jsonText, objectText, type Words } from '../json-text.ts';
import { mutate } from '../mutate.ts';
import { Random } from '../random.ts';
import { readJson } from '../reference-json.ts';
import { Failure, shapeOf, type Target } from '../target.ts';

export const WIRE_WORDS: Words = {
  keys: [
    'jsonrpc id method params result error code message data hint session_id session_secret max_frame secret adoptable capability ticket',
    'args answer prompt score isError env name version bindings',
  ].flatMap((line) => line.split(' ')),
  strings: [
    '2.0 hello tasks.list tasks.start tasks.grade tasks.solve tasks.cancel bye tunnel.open',
    'count shell nothing strawberry r 3 a\\nb',
  ].flatMap((line) => line.split(' ')),
};
const TOKENS = [...JSON_TOKENS, ...WIRE_WORDS.keys.map((key) => `"${key}":`), ...WIRE_WORDS.strings.map((text) => `"${text}"`)];
const LINE_ENDS = ['\n', '\n', '\n', '\n', '\r\n', '\n\n', ' \n', '', '\r', '\u2028'];
const LIMITS = [16, 64, 256, 4_096, 65_536];

export const frames: Target = { name: 'frames', weight: 880, extension: '.bin', generate, check };

function generate(random: Random, pool: readonly Uint8Array[]): Uint8Array {
  const kind = random.below(100);
  if (random.chance(0.003)) return Buffer.from(`${deepText(random)}\n`);
  if (kind < 40) return Buffer.from(lines(random, () => objectText(random, WIRE_WORDS)));
  if (kind < 50) return Buffer.from(lines(random, () => jsonText(random, WIRE_WORDS)));
  if (kind < 55) return Buffer.from(lines(random, () => lineOf(random.pick(LIMITS) + random.between(-2, 2))));
  if (kind < 57) return random.bytes(random.small(300));
  const base = pool.length > 0 && random.chance(0.7) ? random.pick(pool) : Buffer.from(lines(random, () => objectText(random, WIRE_WORDS)));
  return mutate(random, base, { tokens: TOKENS, pool });
}

export function lines(random: Random, line: () => string): string {
  return Array.from({ length: random.small(5) }, () => (random.chance(0.02) ? '\ufeff' : '') + line() + random.pick(LINE_ENDS)).join('');
}

/** A frame of so many bytes. */
function lineOf(bytes: number): string {
  return `{"a":"${'x'.repeat(Math.max(0, bytes - 8))}"}`;
}

function check(input: Uint8Array): string {
  // What varies besides the bytes follows from the bytes, so that a corpus file is enough to do it again.
  const random = new Random(input);
  const maxBytes = random.chance(0.5) ? 1_000_000 : random.pick(LIMITS);
  const whole = read(input, [], maxBytes);
  agreeWithReference(input, whole, maxBytes);
  const cuts = [randomCuts(random, input.length), randomCuts(random, input.length)];
  if (input.length < 500 && random.chance(0.2)) cuts.push(Array.from({ length: input.length }, (_, i) => i));
  for (const cut of cuts) expectSame(read(input, cut, maxBytes), whole, 'the frames depend on how the bytes are cut');
  for (const line of textLines(input)) agreeOnText(line);
  return classOf(whole);
}

interface Seen {
  /** What came, in order: a frame as JSON, or an error's code. */
  event: string;
  /** Of an error. */
  message?: string;
}

/** Feeds the bytes, cut at the places given, and asks for frames after each piece, as a connection does. */
function read(input: Uint8Array, cuts: readonly number[], maxBytes: number): Seen[] {
  const reader = new FrameReader(maxBytes);
  const seen: Seen[] = [];
  let from = 0;
  for (const to of [...cuts, input.length]) {
    reader.push(input.subarray(from, to));
    from = to;
    if (!drain(reader, seen)) return seen;
  }
  next(() => reader.last(), seen);
  if (reader.bufferedBytes > 0 && seen.at(-1)?.event !== 'FRAME_TOO_LARGE') throw new Failure('bytes are left after the last frame');
  return seen;
}

/** @returns false when the stream can't be read any further */
function drain(reader: FrameReader, seen: Seen[]): boolean {
  for (;;) {
    if (next(() => reader.next(), seen)) continue;
    return seen.at(-1)?.event !== 'FRAME_TOO_LARGE';
  }
}

/** @returns whether there may be more */
function next(take: () => object | undefined, seen: Seen[]): boolean {
  try {
    const frame = take();
    if (frame === undefined) return false;
    seen.push({ event: printed(frame) });
    return true;
  } catch (error) {
    if (!isHudError(error) || !['PROTOCOL_ERROR', 'FRAME_TOO_LARGE'].includes(error.code)) throw error;
    seen.push({ event: error.code, message: error.message });
    return error.code === 'PROTOCOL_ERROR';
  }
}

/** The frame's text. One that nests too deep to be written is told by that alone. */
function printed(frame: unknown): string {
  try {
    return stringifyJson(frame);
  } catch (error) {
    if (isHudError(error) && /call stack/.test(error.message)) return '(too deep to write)';
    throw error;
  }
}

function expectSame(actual: readonly Seen[], expected: readonly Seen[], what: string): void {
  const differs = actual.length !== expected.length || actual.some((seen, i) => !isSame(seen, expected[i]));
  if (differs) throw new Failure(what, `${JSON.stringify(actual)}\n${JSON.stringify(expected)}`);
}

function isSame(a: Seen, b: Seen | undefined): boolean {
  return a.event === b?.event && a.message === b.message;
}

/** The second reader splits and decodes with nothing of the product's. */
function agreeWithReference(input: Uint8Array, whole: readonly Seen[], maxBytes: number): void {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = input.indexOf(10); at >= 0; at = input.indexOf(10, from)) {
    pieces.push(input.subarray(from, at));
    from = at + 1;
  }
  if (from < input.length) pieces.push(input.subarray(from));
  const expected = pieces.map((piece) => expectedOf(piece, maxBytes));
  const end = expected.indexOf('FRAME_TOO_LARGE');
  if (end >= 0) expected.length = end + 1;
  if (expected.length !== whole.length) throw new Failure('another number of frames than the second reader finds', JSON.stringify(whole));
  for (const [i, event] of expected.entries()) {
    const actual = whole[i]?.event;
    if (event !== undefined && event !== actual) throw new Failure('another frame than the second reader finds', `${actual}\n${event}`);
  }
}

/** Undefined where the second reader can't tell. */
function expectedOf(line: Uint8Array, maxBytes: number): string | undefined {
  if (line.length > maxBytes) return 'FRAME_TOO_LARGE';
  if (!isUtf8(line)) return 'PROTOCOL_ERROR';
  const reading = readJson(
    Buffer.from(line)
      .toString()
      .replace(/^\ufeff/, ''),
  );
  if (reading.kind === 'too deep') return undefined;
  return reading.kind === 'value' && isPlainObject(reading.value) ? JSON.stringify(reading.value) : 'PROTOCOL_ERROR';
}

function textLines(input: Uint8Array): string[] {
  if (!isUtf8(input)) return [];
  return Buffer.from(input).toString().split('\n').slice(0, 5);
}

/** `JSON.parse`, the product's reader and its lossless reader agree on whatever they read; writing and reading again changes nothing. */
function agreeOnText(text: string): void {
  const plain = attempt(() => parseJson(text));
  const native = attemptNative(text);
  if (native !== undefined && plain?.text !== native.text) throw new Failure('parseJson differs from JSON.parse', text);
  const lossless = attempt(() => parseJson(text, { lossless: true }));
  if (readJson(text).kind === 'too deep') return; // the stack decides who reads that
  if (plain === undefined || lossless === undefined) {
    if (plain !== lossless) throw new Failure('only one of the readers accepts it', text);
    return;
  }
  if (JSON.stringify(loosened(lossless.value)) !== plain.text) throw new Failure('the lossless reader reads another value', text);
  const again = parseJson(lossless.text ?? '', { lossless: true });
  if (stringifyJson(again) !== lossless.text)
    throw new Failure('what was written losslessly reads back differently', `${text}\n${lossless.text}`);
  if (isPlainObject(lossless.value)) roundTrip(lossless.value, lossless.text ?? '');
}

function roundTrip(frame: Record<string, unknown>, text: string): void {
  const reader = new FrameReader();
  reader.push(encodeFrame(frame));
  const back = reader.next();
  const expected = JSON.stringify(loosened(parseJson(text)));
  if (back === undefined || stringifyJson(back) !== expected) throw new Failure('an encoded frame reads back differently', text);
}

/** Undefined when it is refused; without text when it nests too deep to be written. */
function attempt(parse: () => unknown): { value: unknown; text: string | undefined } | undefined {
  let value: unknown;
  try {
    value = parse();
  } catch (error) {
    if (isHudError(error) && error.code === 'PROTOCOL_ERROR') return undefined;
    throw error;
  }
  const text = printed(value);
  return { value, text: text.startsWith('(') ? undefined : text };
}

function attemptNative(text: string): { text: string | undefined } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // refused: that is its answer
  }
  try {
    return { text: JSON.stringify(value) };
  } catch {
    return { text: undefined }; // too deep
  }
}

/** Every number as the double it is to a reader that is not lossless. */
function loosened(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Float) return value.value;
  if (Array.isArray(value)) return value.map(loosened);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, loosened(item)]));
}

function randomCuts(random: Random, length: number): number[] {
  return Array.from({ length: random.small(8) }, () => random.below(length + 1)).sort((a, b) => a - b);
}

function classOf(seen: readonly Seen[]): string {
  const frames = seen.filter(({ message }) => message === undefined).length;
  const errors = new Set(seen.flatMap(({ event, message }) => (message === undefined ? [] : [`${event} ${shapeOf(message)}`])));
  const isDeep = seen.some(({ event }) => event.startsWith('('));
  return `${isDeep ? 'too deep, ' : ''}${Math.min(frames, 3)} frames${[...errors]
    .toSorted()
    .map((error) => `, ${error}`)
    .join('')}`;
}
