/**
 * JSON as both peers write it: non-finite numbers are read (Python emits them) and never written;
 * integers beyond 2^53 and floats such as `1.0` survive when a caller asks for the lossless reader.
 */
import { HudError, messageOf } from './errors.ts';
import { NAN_MARK, withoutNonFinite } from './non-finite.ts';

export type JsonObject = { [key: string]: unknown };

// `JSON.rawJSON` and the reviver's `source` are in every supported engine; the compiler's
// library does not describe them yet.
interface RawJson {
  rawJSON(text: string): unknown;
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
}
const JSON_RAW = JSON as unknown as RawJson;

const FLOAT = Symbol.for('hud.float');

/** A number that stays a float on the wire and in hashes although its value is whole: `1.0`, not `1`. */
export class Float {
  readonly value: number;
  readonly [FLOAT] = true;

  /** One made by another copy of this package counts too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return isFloat(value);
  }

  constructor(value: number) {
    if (!Number.isFinite(value)) throw new HudError('BAD_ARGUMENT', `float(${value}) is not a finite number.`);
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  toString(): string {
    return pythonFloat(this.value);
  }

  toJSON(): unknown {
    return JSON_RAW.rawJSON(pythonFloat(this.value));
  }
}

function isFloat(value: unknown): value is Float {
  return typeof value === 'object' && value !== null && (value as { [FLOAT]?: unknown })[FLOAT] === true;
}

/** Marks a whole number as a float for a Python peer: `args: { ratio: float(1) }` travels as `1.0`. */
export function float(value: number): Float {
  return new Float(value);
}

export interface ParseOptions {
  /**
   * Keep what a double loses: big integers become `bigint`, whole floats become {@link Float}.
   * @default false
   */
  lossless?: boolean;
}

/**
 * Finds every number that the plain reader would lose something of, and a few more; the reviver costs several
 * times the plain reader. `-0`, an exponent, a fraction that is, or may round to, nothing or one, and 16 digits
 * or more before the point. Below 11 digits there, doubles lie close enough together that only a fraction that
 * starts with five zeros or five nines can round to a whole number.
 */
const NEEDS_CARE = /(?:^|[\s:,[])(?:-0(?![.\d])|-?(?:\d+(?:\.\d+)?[eE]|\d+\.(?:0+|0{5}\d*|9{5}\d*)(?!\d)|\d{11,}\.|\d{16}))/;

/**
 * Reads JSON text, accepting the bare tokens `NaN`, `Infinity` and `-Infinity`.
 * @throws HudError PROTOCOL_ERROR when the text is not JSON
 */
export function parseJson(text: string, options: ParseOptions = {}): unknown {
  try {
    return options.lossless && NEEDS_CARE.test(text) ? JSON_RAW.parse(text, reviveLossless) : JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw notJson(error);
  }
  try {
    return JSON_RAW.parse(withoutNonFinite(text), (key, value, context) => {
      if (context.source === NAN_MARK) return Number.NaN;
      return options.lossless ? reviveLossless(key, value, context) : value;
    });
  } catch (error) {
    throw notJson(error);
  }
}

/**
 * One line of JSON. `bigint` and {@link Float} keep their digits; non-finite numbers become null.
 * @throws HudError BAD_ARGUMENT for a circular value
 */
export function stringifyJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent) ?? 'null';
  } catch {
    // The replacer costs several times the plain call, so it runs only where a bigint asks for it.
  }
  try {
    return JSON.stringify(value, (_key, v) => (typeof v === 'bigint' ? JSON_RAW.rawJSON(String(v)) : v), indent) ?? 'null';
  } catch (error) {
    throw new HudError('BAD_ARGUMENT', `This value can't be written as JSON: ${messageOf(error)}`, { cause: error });
  }
}

export interface PythonJsonOptions {
  /** `true`: `","` and `":"`; `false`: `", "` and `": "`. */
  compact: boolean;
}

/**
 * The text of Python's `json.dumps(value, sort_keys=True)`, on which slugs and sync signatures rest.
 * Keys sort by code point, every character outside U+0020..U+007E is escaped.
 * @throws HudError BAD_TASK for a value that JSON does not have (dates, functions, undefined items) and for a circular one
 */
export function pythonJson(value: unknown, options: PythonJsonOptions): string {
  const comma = options.compact ? ',' : ', ';
  const colon = options.compact ? ':' : ': ';
  const write = (v: unknown): string => {
    if (typeof v === 'string') return pythonString(v);
    if (typeof v === 'number') return pythonNumber(v);
    if (v === null) return 'null';
    if (typeof v === 'boolean') return v ? 'true' : 'false';
    if (typeof v === 'bigint') return v.toString();
    if (isFloat(v)) return pythonFloat(v.value);
    if (Array.isArray(v)) return `[${v.map(write).join(comma)}]`;
    if (!isPlainObject(v)) throw new HudError('BAD_TASK', `Only JSON values can be hashed or sent, got ${describeValue(v)}.`);
    let text = '';
    for (const key of Object.keys(v).sort(compareCodePoints)) {
      const item = v[key];
      if (item !== undefined) text += (text === '' ? '' : comma) + pythonString(key) + colon + write(item);
    }
    return `{${text}}`;
  };
  try {
    return write(value);
  } catch (error) {
    assertJson(value, 'The value'); // knows the place, and what a stack overflow means
    throw error;
  }
}

/**
 * Refuses what JSON does not have. Members that are undefined are fine: they vanish.
 * @param what the value's name, with which the message starts: `args` gives `args.when[0] is a Date`
 * @throws HudError BAD_TASK naming the place
 */
export function assertJson(value: unknown, what: string): void {
  const problem = findNonJson(value, 0);
  if (problem !== undefined) throw new HudError('BAD_TASK', `${what}${problem}; only JSON values can be hashed or sent.`);
}

/** Objects made by literals or `Object.create(null)`; class instances are not data. */
export function isPlainObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** Python and SQLite sort strings by code point, JavaScript by UTF-16 unit. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Lift surrogates above U+FFFF's range so that units compare as the code points they start.
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'an Array';
  if (typeof value === 'object') return `a ${isPlainObject(value) ? 'plain object' : (value.constructor?.name ?? 'object')}`;
  return `${typeof value} ${String(value)}`;
}

/** Deeper than any data, far from the stack's end. */
const MAX_DEPTH = 1_000;
const TOO_DEEP = ` is circular or nested more than ${MAX_DEPTH} deep`;

/** What is wrong, after the path to it: `.when[0] is a Date`. The path is put together only when something is. */
function findNonJson(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return undefined;
  if (typeof value === 'bigint' || isFloat(value)) return undefined;
  if (depth > MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = findNonJson(value[i], depth + 1);
      if (problem !== undefined) return problem === TOO_DEEP ? TOO_DEEP : `[${i}]${problem}`;
    }
    return undefined;
  }
  if (!isPlainObject(value)) return ` is ${describeValue(value)}`;
  for (const key of Object.keys(value)) {
    const item = value[key];
    const problem = item === undefined ? undefined : findNonJson(item, depth + 1);
    if (problem !== undefined) return problem === TOO_DEEP ? TOO_DEEP : `.${key}${problem}`;
  }
  return undefined;
}

function reviveLossless(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value;
  const isFloat = /[.eE]/.test(context.source);
  if (isFloat) return Number.isInteger(value) ? new Float(value) : value;
  if (Number.isSafeInteger(value)) return value + 0 === 0 ? 0 : value;
  return BigInt(context.source);
}

/** JavaScript has one number type: whole numbers within 2^53 print as Python integers. */
function pythonNumber(value: number): string {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : pythonFloat(value);
}

/** `repr(float)`: shortest digits, exponent below 1e-4 and from 1e16, at least two exponent digits. */
function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e16) return value.toExponential().replace(/e[+-](?=\d$)/, '$&0');
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

const UNLIKE_PYTHON = /[\u007f-\uffff]/;
const ALL_UNLIKE_PYTHON = new RegExp(UNLIKE_PYTHON, 'g');

function pythonString(text: string): string {
  const quoted = JSON.stringify(text);
  if (!UNLIKE_PYTHON.test(quoted)) return quoted;
  // By UTF-16 unit on purpose: an astral character becomes its two surrogate escapes.
  return quoted.replace(ALL_UNLIKE_PYTHON, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function notJson(error: unknown): HudError {
  return new HudError('PROTOCOL_ERROR', `Not valid JSON: ${messageOf(error)}`, { cause: error });
}
