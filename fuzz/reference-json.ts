/** A second reader of JSON with Python's bare numbers, written from the grammar alone, to hold the product's against. */

/** Beyond this the reader gives up: its own recursion would be what fails. */
const MAX_DEPTH = 400;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y; // oxlint-disable-line no-control-regex
const WORDS: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

export type Reading = { kind: 'value'; value: unknown } | { kind: 'invalid' } | { kind: 'too deep' };

export function readJson(text: string): Reading {
  const reader = new Reader(text);
  try {
    return { kind: 'value', value: reader.document() };
  } catch (error) {
    if (error instanceof TooDeep) return { kind: 'too deep' };
    if (error instanceof Invalid) return { kind: 'invalid' };
    throw error;
  }
}

class Invalid extends Error {}
class TooDeep extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value(0);
    if (this.#at !== this.#text.length) throw new Invalid();
    return value;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new TooDeep();
    this.#blank();
    const value = this.#bareValue(depth);
    this.#blank();
    return value;
  }

  #bareValue(depth: number): unknown {
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#list(depth);
    if (first === '"') return this.#string();
    for (const [word, value] of WORDS) if (this.#takes(word)) return value;
    return Number(this.#match(NUMBER, 1));
  }

  #object(depth: number): unknown {
    const result: Record<string, unknown> = {};
    this.#at += 1;
    this.#blank();
    if (this.#takes('}')) return result;
    do {
      this.#blank();
      const key = this.#string();
      this.#blank();
      this.#expect(':');
      const value = this.#value(depth + 1);
      Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true });
    } while (this.#takes(','));
    this.#expect('}');
    return result;
  }

  #list(depth: number): unknown {
    const result: unknown[] = [];
    this.#at += 1;
    this.#blank();
    if (this.#takes(']')) return result;
    do result.push(this.#value(depth + 1));
    while (this.#takes(','));
    this.#expect(']');
    return result;
  }

  #string(): string {
    this.#expect('"');
    let value = '';
    for (;;) {
      value += this.#match(PLAIN, 0);
      if (this.#takes('"')) return value;
      this.#expect('\\');
      value += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at++] ?? '';
    if (letter !== 'u') {
      const char = ESCAPES[letter];
      if (char === undefined) throw new Invalid();
      return char;
    }
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new Invalid();
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #blank(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1;
  }

  #takes(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #expect(word: string): void {
    if (!this.#takes(word)) throw new Invalid();
  }

  #match(pattern: RegExp, atLeast: number): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#text) ?? [];
    if (found.length < atLeast) throw new Invalid();
    this.#at += found.length;
    return found;
  }
}
