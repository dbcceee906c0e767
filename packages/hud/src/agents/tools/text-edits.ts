/** Edits of a text by lines or by a unique piece; the ends of its lines stay as they are. */
import { HudError } from '../../protocol/errors.ts';

/** Context around an edit that a model is shown, in lines. */
const SNIPPET_LINES = 4;

export interface Edited {
  text: string;
  /** The lines around the edit, numbered. */
  snippet: string;
}

/** `cat -n`: numbers six wide, a tab, the line. */
export function numbered(lines: readonly string[], first = 1): string {
  return lines.map((line, i) => `${String(first + i).padStart(6)}\t${line}`).join('\n');
}

/** Lines of a text; the end of the last line begins no further one. */
export function linesOf(text: string): string[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** @throws HudError BAD_ARGUMENT unless `oldText` is there exactly once */
export function replaceOnce(text: string, oldText: string, newText: string, path: string): Edited {
  if (oldText === '') throw new HudError('BAD_ARGUMENT', 'Parameter `old_str` must not be empty.');
  // A model sees no carriage returns, so it can't write them either.
  const isTranslated = !text.includes(oldText) && isCrlf(text);
  const [from, to] = isTranslated ? [crlf(oldText), crlf(newText)] : [oldText, newText];
  const at = text.indexOf(from);
  if (at < 0) {
    throw new HudError('BAD_ARGUMENT', `No replacement was performed, old_str \`${oldText}\` did not appear verbatim in ${path}.`);
  }
  if (text.includes(from, at + 1)) {
    const lines = placesOf(text, from).map((place) => lineAt(text, place));
    throw new HudError(
      'BAD_ARGUMENT',
      `No replacement was performed. Multiple occurrences of old_str \`${oldText}\` in lines [${lines.join(', ')}]. Please ensure it is unique`,
    );
  }
  const edited = text.slice(0, at) + to + text.slice(at + from.length);
  return { text: edited, snippet: snippetOf(edited, lineAt(edited, at), linesOf(to).length) };
}

/** Puts lines behind line `after` (0: at the start). A text without a last line end keeps being one. */
export function insertLines(text: string, after: number, inserted: string): Edited {
  const lines = linesOf(text);
  if (!Number.isInteger(after) || after < 0 || after > lines.length) {
    throw new HudError(
      'BAD_ARGUMENT',
      `Invalid \`insert_line\` parameter: ${after}. It should be within the range of lines of the file: [0, ${lines.length}]`,
    );
  }
  const end = isCrlf(text) ? '\r\n' : '\n';
  const added = inserted === '' ? [''] : linesOf(inserted);
  const isEnded = text === '' ? inserted.endsWith('\n') : text.endsWith('\n');
  const whole = pieces(text);
  const before = whole.slice(0, after).map((line) => withEnd(line, end));
  const rest = whole.slice(after);
  const edited = [...before, ...added.map((line) => line + end), ...rest].join('');
  const kept = isEnded || rest.length > 0 ? edited : edited.slice(0, -end.length);
  return { text: kept, snippet: snippetOf(kept, after + 1, added.length) };
}

/**
 * The lines `[first, last]` of a view, both counted from 1; -1 as the last is the end.
 * @throws HudError BAD_ARGUMENT for a range that the text does not have
 */
export function viewRange(range: unknown, count: number): { first: number; last: number } {
  if (range === undefined || range === null) return { first: 1, last: count };
  const [first, last] = Array.isArray(range) ? (range as unknown[]) : [];
  if (!Array.isArray(range) || range.length !== 2 || !Number.isInteger(first) || !Number.isInteger(last)) {
    throw new HudError('BAD_ARGUMENT', 'Invalid `view_range`. It should be a list of two integers.');
  }
  const [from, to] = [Number(first), Number(last)];
  const wrong = (which: string): HudError => new HudError('BAD_ARGUMENT', `Invalid \`view_range\`: [${from}, ${to}]. Its ${which}`);
  if (from < 1 || from > Math.max(count, 1))
    throw wrong(`first element \`${from}\` should be within the range of lines of the file: [1, ${count}]`);
  if (to !== -1 && to > count) throw wrong(`second element \`${to}\` should be smaller than the number of lines in the file: \`${count}\``);
  if (to !== -1 && to < from) throw wrong(`second element \`${to}\` should be larger or equal than its first \`${from}\``);
  return { first: from, last: to === -1 ? count : to };
}

function snippetOf(text: string, line: number, length: number): string {
  const first = Math.max(1, line - SNIPPET_LINES);
  return numbered(linesOf(text).slice(first - 1, line - 1 + length + SNIPPET_LINES), first);
}

/** Lines with their ends. */
function pieces(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function withEnd(line: string, end: string): string {
  return line.endsWith('\n') ? line : line + end;
}

function isCrlf(text: string): boolean {
  const ends = text.split('\n').length - 1;
  return ends > 0 && (text.split('\r\n').length - 1) * 2 > ends;
}

function crlf(text: string): string {
  return text.replace(/\r?\n/g, '\r\n');
}

function lineAt(text: string, place: number): number {
  return text.slice(0, place).split('\n').length;
}

function placesOf(text: string, part: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) places.push(at);
  return places;
}
