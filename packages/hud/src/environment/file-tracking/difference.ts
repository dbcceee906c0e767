/** Changed files as patches, the smallest first, as many as one answer carries. */
import type { Contents } from './contents.ts';
import { MAX_DIFFED_BYTES, MAX_PATCHES_BYTES } from './limits.ts';
import type { Effort } from './matching.ts';
import { splitLines, unifiedDiff } from './patch.ts';
import type { FileEntry } from './tree.ts';

/** At least one of the two is there. */
export interface Changed {
  path: string;
  before: FileEntry | undefined;
  after: FileEntry | undefined;
}

export interface ScanFacts {
  /** Seconds since 1970. */
  snapshot_timestamp: number;
  scan_duration_ms: number;
  files_scanned: number;
}

export interface Patch {
  path: string;
  status: 'added' | 'modified' | 'deleted';
  patch: string;
  size_before: number;
  size_after: number;
  content_hash_before: string | null;
  content_hash_after: string | null;
}

/** As it goes over the wire. */
export interface Diff extends ScanFacts {
  /** Those without room for their patch included. */
  files_changed: number;
  patches: Patch[];
  truncated?: true;
}

/** Comparisons of lines for one answer, about a second of work. */
const EFFORT = 60_000_000;

/** @returns `left`: paths whose patches had no room */
export function diffOf(changed: readonly Changed[], contents: Contents, facts: ScanFacts): { diff: Diff; left: string[] } {
  const bySize = changed.toSorted((a, b) => largest(a) - largest(b) || (a.path < b.path ? -1 : 1));
  const effort = { steps: EFFORT };
  const patches: Patch[] = [];
  const left: string[] = [];
  let bytes = 0;
  for (const change of bySize) {
    const patch = patchText(change, contents, effort);
    const size = Buffer.byteLength(patch);
    if (bytes + size > MAX_PATCHES_BYTES) {
      left.push(change.path);
      continue;
    }
    bytes += size;
    patches.push(patchOf(change, patch, contents));
  }
  const diff: Diff = { ...facts, files_changed: changed.length, patches };
  return { diff: left.length === 0 ? diff : { ...diff, truncated: true }, left };
}

export function statusOf({ before, after }: Changed): Patch['status'] {
  if (before === undefined) return 'added';
  return after === undefined ? 'deleted' : 'modified';
}

function patchOf(change: Changed, patch: string, contents: Contents): Patch {
  const { path, before, after } = change;
  return {
    path,
    status: statusOf(change),
    patch,
    size_before: before?.size ?? 0,
    size_after: after?.size ?? 0,
    content_hash_before: before === undefined ? null : contents.hash(before),
    content_hash_after: after === undefined ? null : contents.hash(after),
  };
}

function largest({ before, after }: Changed): number {
  return Math.max(before?.size ?? 0, after?.size ?? 0);
}

/** One line in place of a patch for files whose text is not to be had. */
function patchText({ path, before, after }: Changed, contents: Contents, effort: Effort): string {
  if ([before, after].some((entry) => entry?.mark?.startsWith('redacted:'))) return `Secret file changed (content redacted): ${path}\n`;
  if (largest({ path, before, after }) > MAX_DIFFED_BYTES) {
    return `File too large to diff (${before?.size ?? 0} -> ${after?.size ?? 0} bytes): ${path}\n`;
  }
  const old = linesOf(before, contents);
  const now = linesOf(after, contents);
  if (old === undefined || now === undefined) return `Binary file changed: ${path}\n`;
  return unifiedDiff(path, old, now, effort);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns undefined for what is not UTF-8, or was not kept */
function linesOf(entry: FileEntry | undefined, contents: Contents): string[] | undefined {
  if (entry === undefined) return [];
  const bytes = contents.read(entry);
  if (bytes === undefined) return undefined;
  try {
    return splitLines(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}
