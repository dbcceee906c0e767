/** Characters as tokens: every text survives encode and decode, and no text can spell a marker. */
import { HudError } from 'hud/protocol';
import type { Tokenizer } from '../engine.ts';

const ROLES = ['system', 'user', 'assistant', 'tool'] as const;
/** Where a number means nothing, such as the end of a padded row. */
export const PADDING = 0;
const FIRST_ROLE = 1;
const END = FIRST_ROLE + ROLES.length;
/** Two hexadecimal digits follow: a byte of UTF-8 that is no printable ASCII. */
const ESCAPE = END + 1;
const NEWLINE = ESCAPE + 1;
const FIRST_CHARACTER = NEWLINE + 1;
const [SPACE, TILDE] = [0x20, 0x7e];

/** Padding, roles, the end of a turn, the escape, the newline, printable ASCII. */
export const VOCABULARY = FIRST_CHARACTER + TILDE - SPACE + 1;

const ALIASES: Readonly<Record<string, (typeof ROLES)[number]>> = { developer: 'system', function: 'tool' };
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export const tokenizer: Tokenizer = {
  stop: [[END]],
  encode: (text) => [...new TextEncoder().encode(text)].flatMap(tokensOf),
  decode,
  render: (messages) => [
    ...messages.flatMap(({ role, content }) => [roleToken(role), ...tokenizer.encode(content), END]),
    roleToken('assistant'),
  ],
};

function tokensOf(byte: number): number[] {
  if (byte === 0x0a) return [NEWLINE];
  if (byte >= SPACE && byte <= TILDE) return [FIRST_CHARACTER + byte - SPACE];
  return [ESCAPE, ...Array.from(byte.toString(16).padStart(2, '0'), (digit) => FIRST_CHARACTER + digit.charCodeAt(0) - SPACE)];
}

function roleToken(role: string): number {
  const index = ROLES.indexOf(ALIASES[role] ?? (role as (typeof ROLES)[number]));
  if (index !== -1) return FIRST_ROLE + index;
  throw new HudError('BAD_ARGUMENT', `A message has the role "${role}", which the chat template does not know.`, {
    hint: `The roles are ${ROLES.join(', ')}.`,
  });
}

/** Markers are not part of a text; an escape that is cut off or spells no byte becomes U+FFFD. */
function decode(tokens: readonly number[]): string {
  const bytes: number[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at]!;
    if (token === NEWLINE) bytes.push(0x0a);
    else if (token >= FIRST_CHARACTER && token < VOCABULARY) bytes.push(token - FIRST_CHARACTER + SPACE);
    else if (token === ESCAPE) {
      const digits = tokens
        .slice(at + 1, at + 3)
        .map((next) => String.fromCharCode(next - FIRST_CHARACTER + SPACE))
        .join('');
      const isByte = /^[0-9a-f]{2}$/.test(digits);
      if (/^[0-9a-f]$/.test(digits) && at + 2 === tokens.length) at += 1; // more may come: one character, not one and a letter
      bytes.push(...(isByte ? [Number.parseInt(digits, 16)] : [0xef, 0xbf, 0xbd]));
      if (isByte) at += 2;
    }
  }
  return utf8.decode(Uint8Array.from(bytes));
}
