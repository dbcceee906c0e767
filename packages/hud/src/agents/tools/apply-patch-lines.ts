/** Applies the hunks of a patch to one text. Lines that the patch does not touch stay byte for byte as they are. */
import { HudError } from '../../protocol/errors.ts';
import type { Hunk } from './apply-patch-parse.ts';

/** Added to the fuzz when a hunk meant for the end is found elsewhere. */
const NOT_AT_END = 10_000;

/** How well lines must agree: as they are, without blanks at their ends, without any around them. */
const LEVELS: readonly { fuzz: number; shape: (text: string) => string }[] = [
  { fuzz: 0, shape: (text) => text },
  { fuzz: 1, shape: (text) => text.trimEnd() },
  { fuzz: 100, shape: (text) => text.trim() },
];

export interface Patched {
  text: string;
  /** 0 when every context line agreed exactly. */
  fuzz: number;
}

/** @throws HudError BAD_ARGUMENT for context that is not there, or hunks that overlap */
export function applyHunks(text: string, hunks: readonly Hunk[], path: string): Patched {
  const source = linesOf(text);
  const isEnded = text === '' || text.endsWith('\n');
  const output: Line[] = [];
  let position = 0;
  let fuzz = 0;
  for (const hunk of hunks) {
    const found = locate(source, hunk, { position, isEnded, path });
    if (found.at < position) throw new HudError('BAD_ARGUMENT', `Two hunks of ${path} overlap, or are out of order.`);
    fuzz += found.fuzz;
    output.push(...source.slice(position, found.at));
    position = replay(hunk, { source, at: found.at, output });
  }
  output.push(...source.slice(position));
  return { text: joined(output, { end: commonEnd(source), isEnded }), fuzz };
}

interface Line {
  text: string;
  /** As the file has it; undefined on a line that the patch adds. */
  end: '\n' | '\r\n' | '' | undefined;
}

function linesOf(text: string): Line[] {
  const pieces = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return pieces.map((piece) => {
    const end = piece.endsWith('\r\n') ? '\r\n' : piece.endsWith('\n') ? '\n' : '';
    return { text: piece.slice(0, piece.length - end.length), end };
  });
}

/** Writes the hunk's lines to the output; context lines are the file's own. @returns where the source goes on */
function replay(hunk: Hunk, { source, at, output }: { source: readonly Line[]; at: number; output: Line[] }): number {
  let position = at;
  for (const { kind, text } of hunk.lines) {
    if (kind === 'add') {
      output.push({ text, end: undefined });
      continue;
    }
    const line = source[position];
    if (line === undefined) break; // the blank line that a patch may show behind the last line end
    if (kind === 'same') output.push(line);
    position++;
  }
  return position;
}

interface Search {
  position: number;
  isEnded: boolean;
  path: string;
}

function locate(source: readonly Line[], hunk: Hunk, search: Search): { at: number; fuzz: number } {
  const context = hunk.lines.filter(({ kind }) => kind !== 'add').map(({ text }) => text);
  const anchored = behindAnchors(source, hunk.anchors, search.position);
  if (context.length === 0) {
    if (hunk.isAtEnd) return { at: source.length, fuzz: anchored.fuzz };
    if (anchored.missing !== undefined) throw missing(search.path, [anchored.missing]);
    return { at: anchored.at, fuzz: anchored.fuzz };
  }
  const wanted = { source: visible(source, search.isEnded), context };
  const found = (hunk.isAtEnd ? atEnd(wanted, source.length) : undefined) ?? from(wanted, anchored.at, hunk.isAtEnd ? NOT_AT_END : 0);
  if (found === undefined) throw missing(search.path, context);
  return { at: found.at, fuzz: found.fuzz + anchored.fuzz };
}

interface Wanted {
  source: readonly string[];
  context: readonly string[];
}

/** Patches may show the emptiness behind the last line end as a blank line. */
function visible(source: readonly Line[], isEnded: boolean): string[] {
  const texts = source.map(({ text }) => text);
  return isEnded ? [...texts, ''] : texts;
}

function atEnd(wanted: Wanted, count: number): { at: number; fuzz: number } | undefined {
  const starts = [count, wanted.source.length].map((end) => end - wanted.context.length).filter((start) => start >= 0);
  for (const { fuzz, shape } of LEVELS) {
    const at = starts.find((start) => agrees(wanted, start, shape));
    if (at !== undefined) return { at, fuzz };
  }
  return undefined;
}

function from(wanted: Wanted, start: number, extra: number): { at: number; fuzz: number } | undefined {
  for (const { fuzz, shape } of LEVELS) {
    for (let at = start; at + wanted.context.length <= wanted.source.length; at++) {
      if (agrees(wanted, at, shape)) return { at, fuzz: fuzz + extra };
    }
  }
  return undefined;
}

function agrees({ source, context }: Wanted, at: number, shape: (text: string) => string): boolean {
  return context.every((text, i) => shape(text) === shape(source[at + i] ?? ''));
}

/** Behind the lines that equal the anchors, each looked for behind the one before. */
function behindAnchors(source: readonly Line[], anchors: readonly string[], start: number): { at: number; fuzz: number; missing?: string } {
  const result: ReturnType<typeof behindAnchors> = { at: start, fuzz: 0 };
  let before = 0;
  for (const anchor of anchors) {
    const found = behindAnchor(source, anchor, { before, at: result.at });
    if (found === undefined) result.missing = anchor;
    else Object.assign(result, { at: found.at, fuzz: result.fuzz + found.fuzz });
    before = result.at; // inside an anchor, only what is in it was passed
  }
  return result;
}

/** An anchor that was passed already changes nothing. */
function behindAnchor(
  source: readonly Line[],
  anchor: string,
  { before, at }: { before: number; at: number },
): { at: number; fuzz: number } | undefined {
  const shapes = [(text: string) => text, (text: string) => text.trim()];
  for (const [fuzz, shape] of shapes.entries()) {
    const isAnchor = ({ text }: Line): boolean => shape(text) === shape(anchor);
    if (source.slice(before, at).some(isAnchor)) return { at, fuzz: 0 };
    const ahead = source.slice(at).findIndex(isAnchor);
    if (ahead >= 0) return { at: at + ahead + 1, fuzz };
  }
  return undefined;
}

function missing(path: string, context: readonly string[]): HudError {
  return new HudError('BAD_ARGUMENT', `These lines are not in ${path}, or not behind the lines changed before:\n${context.join('\n')}`, {
    hint: 'Read the file again and repeat its lines exactly.',
  });
}

function commonEnd(source: readonly Line[]): '\n' | '\r\n' {
  const crlf = source.filter(({ end }) => end === '\r\n').length;
  return crlf * 2 > source.filter(({ end }) => end !== '').length ? '\r\n' : '\n';
}

/** New lines end as most of the file's do; the last line ends, or does not, as it did. */
function joined(lines: readonly Line[], { end, isEnded }: { end: '\n' | '\r\n'; isEnded: boolean }): string {
  return lines
    .map((line, i) => {
      const own = line.end === undefined || line.end === '' ? end : line.end;
      return line.text + (i === lines.length - 1 && !isEnded ? '' : own);
    })
    .join('');
}
