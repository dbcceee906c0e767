/** Python writes `NaN`, `Infinity` and `-Infinity` bare, which JSON does not have; here they become numbers that it has. */

/** Legal JSON that nobody writes; stands in for NaN until the reader turns it back. */
export const NAN_MARK = '-0e777';

// The blanks keep neighbours apart: `1Infinity` must not become the number `11e999`.
const STAND_INS: Record<string, string> = { NaN: ` ${NAN_MARK} `, Infinity: ' 1e999 ', '-Infinity': ' -1e999 ' };

/**
 * `text` with legal numbers in place of the bare tokens outside of strings.
 * Walks from quote to quote: a regular expression over whole strings overflows the stack from some 10 MB.
 */
export function withoutNonFinite(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at);
    const bare = text.slice(at, quote < 0 ? text.length : quote);
    parts.push(bare.replace(/-?Infinity|NaN/g, (token) => STAND_INS[token] as string));
    if (quote < 0) break;
    at = endOfString(text, quote);
    parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

/** Just past the closing quote of the string that opens at `start`; the text's end when it never closes. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}
