/** Text of others (models, environments, task files) shown as it is, never obeyed by the terminal. */

// Control characters but newline and tab, and the marks that reorder text on the screen.
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Keeps newlines and tabs; everything that would act on the terminal becomes visible: `\x1b`, `\u202e`. */
export function literal(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0);
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** The same, on one line: runs of white space become one blank. */
export function literalLine(text: string): string {
  return literal(text.replace(/\s+/g, ' ').trim());
}
