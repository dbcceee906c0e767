/** Finished documents and pictures, whole: what a diff can't show. */
import { createHash } from 'node:crypto';
import type { Contents } from './contents.ts';
import { statusOf, type Changed, type ScanFacts } from './difference.ts';
import { openFolder, placeOf, readRegular } from './inside.ts';
import { CAPTURE } from './limits.ts';
import { comparePaths } from './paths.ts';
import type { FileEntry } from './tree.ts';

const OFFICE = 'application/vnd.openxmlformats-officedocument';
const TYPES: Record<string, string> = {
  '.docx': `${OFFICE}.wordprocessingml.document`,
  '.htm': 'text/html',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.pptx': `${OFFICE}.presentationml.presentation`,
  '.webp': 'image/webp',
  '.xlsm': 'application/vnd.ms-excel.sheet.macroEnabled.12',
  '.xlsx': `${OFFICE}.spreadsheetml.sheet`,
};

export interface CapturedFile {
  path: string;
  status: 'added' | 'modified';
  size: number;
  content_hash: string;
  content_type: string;
  /** `data` is base64. */
  file: { type: 'file'; data: string; media_type: string };
}

/** As it goes over the wire. */
export interface Capture extends ScanFacts {
  files_changed: number;
  files_eligible: number;
  files_captured: number;
  files_skipped: number;
  files: CapturedFile[];
  truncated?: true;
}

export interface CaptureParts {
  root: string;
  contents: Contents;
  facts: ScanFacts;
}

/** @param changed since the agent began */
export function captureFiles(changed: readonly Changed[], { root, contents, facts }: CaptureParts): Capture {
  const present = changed.filter(({ after }) => after !== undefined).toSorted((a, b) => comparePaths(a.path, b.path));
  const files: CapturedFile[] = [];
  let eligible = 0;
  let totalBytes = 0;
  let isTruncated = false;
  for (const { path, before, after } of present) {
    const type = TYPES[suffixOf(path)];
    if (after === undefined || type === undefined || after.mark?.startsWith('redacted:')) continue;
    eligible += 1;
    if (files.length >= CAPTURE.maxFiles || after.size > CAPTURE.maxFileBytes || totalBytes + after.size > CAPTURE.maxTotalBytes) {
      isTruncated = true;
      continue;
    }
    const bytes = contents.read(after) ?? unchangedBytes(root, path, after);
    if (bytes === undefined) continue;
    totalBytes += bytes.length;
    const status = statusOf({ path, before, after }) === 'added' ? 'added' : 'modified';
    files.push(captured({ path, status, type, bytes }));
  }
  const counts = { files_eligible: eligible, files_captured: files.length, files_skipped: eligible - files.length };
  return { ...facts, files_changed: present.length, ...counts, files, ...(isTruncated ? { truncated: true as const } : {}) };
}

function captured({
  path,
  status,
  type,
  bytes,
}: {
  path: string;
  status: CapturedFile['status'];
  type: string;
  bytes: Buffer;
}): CapturedFile {
  return {
    path,
    status,
    size: bytes.length,
    content_hash: createHash('sha256').update(bytes).digest('hex'),
    content_type: type,
    file: { type: 'file', data: bytes.toString('base64'), media_type: type },
  };
}

/** Of a file whose content is not kept, if it is still the one that was scanned. */
function unchangedBytes(root: string, path: string, entry: FileEntry): Buffer | undefined {
  const cut = path.lastIndexOf('/');
  using folder = openFolder(root, placeOf(root) ?? '', cut < 0 ? '' : path.slice(0, cut));
  if (folder === undefined) return undefined;
  const found = readRegular(folder.at(path.slice(cut + 1)), entry.size, Buffer.allocUnsafe(entry.size + 1));
  if (!('bytes' in found)) return undefined;
  const { stats, bytes } = found;
  return bytes.length === entry.size && stats.mtimeMs === entry.mtimeMs && stats.ino === entry.ino ? bytes : undefined;
}

/** As Python's pathlib sees it, lower-cased: a leading dot begins a name, not a suffix. */
function suffixOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(dot).toLowerCase() : '';
}
