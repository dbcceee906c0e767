/** Reads a patch in the V4A format: what happens to which file, with lines in place of line numbers. */
import { HudError } from '../../protocol/errors.ts';

export interface Hunk {
  /** Lines to go behind before the search, outermost first: `@@ class A`, `@@ method()`. */
  anchors: string[];
  lines: { kind: 'same' | 'add' | 'remove'; text: string }[];
  /** Meant for the end of the file. */
  isAtEnd: boolean;
}

export type FileChange =
  | { kind: 'add'; path: string; lines: string[] }
  | { kind: 'delete'; path: string }
  | { kind: 'update'; path: string; moveTo?: string; hunks: Hunk[] };

const BEGIN = '*** Begin Patch';
const END = '*** End Patch';
const HEADERS = { add: '*** Add File: ', delete: '*** Delete File: ', update: '*** Update File: ' };
const MOVE = '*** Move to: ';
const END_OF_FILE = '*** End of File';

/** @throws HudError BAD_ARGUMENT for text that is no such patch, quoting the line at fault */
export function parsePatch(text: string): FileChange[] {
  const lines = patchLines(text.trim());
  if (!lines[0]?.startsWith(BEGIN) || lines.at(-1) !== END || lines.length < 2) {
    throw refused(`A patch starts with '${BEGIN}' and ends with '${END}'.`);
  }
  const reader = { lines: lines.slice(1, -1), at: 0 };
  const changes: FileChange[] = [];
  while (reader.at < reader.lines.length) changes.push(readSection(reader));
  if (changes.length === 0) throw refused('The patch changes no file.');
  const paths = changes.map(({ path }) => path);
  const twice = paths.find((path, i) => paths.indexOf(path) !== i);
  if (twice !== undefined) throw refused(`The patch names ${twice} twice; put its changes into one section.`);
  return changes;
}

/** The changes of one file without the envelope, as the operation of a native call carries them. @throws HudError BAD_ARGUMENT */
export function parseOperation(kind: 'add' | 'update', path: string, diff: string): FileChange {
  const lines = patchLines(diff);
  if (lines.at(-1) === '') lines.pop();
  const reader = { lines, at: 0 };
  const change = kind === 'add' ? readAdded(reader, path) : readUpdate(reader, path);
  if (reader.at < reader.lines.length) throw refused(`Unexpected line in the diff of ${path}: '${reader.lines[reader.at]}'.`);
  return change;
}

interface Reader {
  lines: readonly string[];
  at: number;
}

function readSection(reader: Reader): FileChange {
  const line = reader.lines[reader.at++] ?? '';
  const pathIn = (header: string): string => {
    const path = line.slice(header.length).trim();
    if (path === '') throw refused(`'${line}' names no file.`);
    return path;
  };
  if (line.startsWith(HEADERS.add)) return readAdded(reader, pathIn(HEADERS.add));
  if (line.startsWith(HEADERS.delete)) return { kind: 'delete', path: pathIn(HEADERS.delete) };
  if (line.startsWith(HEADERS.update)) return readUpdate(reader, pathIn(HEADERS.update));
  throw refused(`Expected '*** Add File: ', '*** Update File: ' or '*** Delete File: ', not '${line}'.`);
}

function readAdded(reader: Reader, path: string): FileChange {
  const lines: string[] = [];
  for (; !isSectionStart(reader); reader.at++) {
    const line = reader.lines[reader.at] ?? '';
    if (!line.startsWith('+')) throw refused(`Every line of a new file starts with '+': '${line}' (${path}).`);
    lines.push(line.slice(1));
  }
  return { kind: 'add', path, lines };
}

function readUpdate(reader: Reader, path: string): FileChange {
  const first = reader.lines[reader.at];
  const moveTo = first?.startsWith(MOVE) === true ? first.slice(MOVE.length).trim() : undefined;
  if (moveTo !== undefined) reader.at++;
  const hunks: Hunk[] = [];
  while (!isSectionStart(reader)) hunks.push(readHunk(reader, path, hunks.length === 0));
  if (hunks.length === 0 && moveTo === undefined) throw refused(`The section of ${path} changes nothing.`);
  return { kind: 'update', path, hunks, ...(moveTo === undefined ? {} : { moveTo }) };
}

function readHunk(reader: Reader, path: string, isFirst: boolean): Hunk {
  const hunk: Hunk = { anchors: [], lines: [], isAtEnd: false };
  let isMarked = false;
  for (let line = reader.lines[reader.at]; line !== undefined && isAnchor(line); line = reader.lines[++reader.at]) {
    isMarked = true;
    const anchor = line.slice(3);
    if (anchor.trim() !== '') hunk.anchors.push(anchor);
  }
  if (!isMarked && !isFirst) throw refused(`Expected '@@' or the next file, not '${reader.lines[reader.at]}' (${path}).`);
  for (; !isSectionStart(reader); reader.at++) {
    const line = reader.lines[reader.at] ?? '';
    if (isAnchor(line)) break;
    if (line === END_OF_FILE) {
      hunk.isAtEnd = true;
      reader.at++;
      break;
    }
    hunk.lines.push(hunkLine(line, path));
  }
  if (hunk.lines.length === 0) throw refused(`A hunk of ${path} has no lines.`);
  return hunk;
}

function hunkLine(line: string, path: string): Hunk['lines'][number] {
  const text = line.slice(1);
  if (line === '' || line.startsWith(' ')) return { kind: 'same', text };
  if (line.startsWith('+')) return { kind: 'add', text };
  if (line.startsWith('-')) return { kind: 'remove', text };
  throw refused(`A line of a hunk starts with ' ', '+' or '-', not as '${line}' (${path}).`);
}

function isAnchor(line: string): boolean {
  return line === '@@' || line.startsWith('@@ ');
}

function isSectionStart({ lines, at }: Reader): boolean {
  const line = lines[at];
  return line === undefined || (line.startsWith('*** ') && line !== END_OF_FILE);
}

function patchLines(text: string): string[] {
  return text.split('\n').map((line) => line.replace(/\r$/, ''));
}

function refused(message: string): HudError {
  return new HudError('BAD_ARGUMENT', message);
}
