/** The answers of file tracking: what changed below a root since the last answer, and since the agent began. */
import { realpathSync } from 'node:fs';
import { relative } from 'node:path';
import { captureFiles, type Capture } from './capture.ts';
import { Contents } from './contents.ts';
import { comparePaths } from './paths.ts';
import { diffOf, type Diff, type Changed } from './difference.ts';
import { Tree, type FileEntry } from './tree.ts';
import { Watcher } from './watcher.ts';

export interface ManifestFile {
  path: string;
  size: number;
  content_hash: string;
}

/** By path, the entry at some earlier moment; undefined for a file that was not there. Paths that are not in it are as they were. */
export type Earlier = Map<string, FileEntry | undefined>;

export interface TrackerOptions {
  root: string;
  directory: string;
  onWarning: (message: string) => void;
}

/** A verification goes on in slices of about this many milliseconds, each followed by so many times its own duration. */
const SLICE_MS = 2;
const PAUSE_SHARE = 500;
/** From the end of one verification to the next, in milliseconds, at least. */
const VERIFY_EVERY_MS = 20_000;

export class Tracker implements Disposable {
  readonly #root: string;
  readonly #contents: Contents;
  readonly #watcher: Watcher;
  readonly #tree: Tree;
  readonly #sincePrevious: Earlier = new Map();
  readonly #sinceBaseline: Earlier = new Map();
  #scannedAt = 0;
  #scanMs = 0;
  #verifyTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * Takes the baseline.
   * @param options `directory`: empty, private, and the caller's to remove
   * @throws Error of the system when the root is not there
   */
  constructor({ root, directory, onWarning }: TrackerOptions) {
    this.#root = realpathSync(root);
    const own = relative(this.#root, realpathSync(directory));
    this.#contents = new Contents(directory, onWarning);
    this.#watcher = new Watcher(directory, {
      onLost: () => this.#tree.markEverything(),
      onExhausted: (code) =>
        onWarning(`The system has no more watches for files (${code}): some folders below ${this.#root} are looked at by each scan.`),
    });
    this.#tree = new Tree({
      root: this.#root,
      watcher: this.#watcher,
      contents: this.#contents,
      isOwn: (path) => path === own,
      onChange: (path, before) => this.#remember(path, before),
    });
    this.#scanNow();
    this.#sincePrevious.clear();
    this.#sinceBaseline.clear();
    this.#verifyLater(VERIFY_EVERY_MS);
  }

  async setup(): Promise<Diff> {
    await this.#scan({ whole: true });
    const { diff } = this.#diff();
    this.#begin();
    return diff;
  }

  async advance(): Promise<{ advanced: true }> {
    await this.#scan({ whole: true });
    this.#begin();
    return { advanced: true };
  }

  snapshot(): { files: ManifestFile[]; files_scanned: number } {
    const files: ManifestFile[] = [];
    for (const [path, entry] of this.#previousEntries()) {
      if (entry.mark?.startsWith('redacted:')) continue;
      files.push({ path, size: entry.size, content_hash: this.#contents.hash(entry) });
    }
    files.sort((a, b) => comparePaths(a.path, b.path));
    return { files, files_scanned: files.length };
  }

  async diff(): Promise<Diff> {
    await this.#scan({ whole: false });
    return this.#advanceDiff();
  }

  async flush(): Promise<{ diff: Diff; capture: Capture }> {
    await this.#scan({ whole: true });
    const changed = this.#changedSince(this.#sinceBaseline);
    const capture = captureFiles(changed, { root: this.#root, contents: this.#contents, facts: this.#facts() });
    return { diff: this.#advanceDiff(), capture };
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#verifyTimer);
    this.#tree.close();
    this.#watcher[Symbol.dispose]();
    this.#contents[Symbol.dispose]();
  }

  /** @param options `whole`: times of all files are compared, so that the answer rests on no event */
  async #scan({ whole }: { whole: boolean }): Promise<void> {
    const isComplete = await this.#watcher.drain();
    if (whole || !isComplete) this.#tree.markEverything();
    this.#scanNow();
  }

  #scanNow(): void {
    const startedAt = performance.now();
    this.#tree.scan();
    this.#scanMs = performance.now() - startedAt;
    this.#scannedAt = Date.now() / 1000;
    this.#contents.tidy(() => this.#entriesInUse());
  }

  #remember(path: string, before: FileEntry | undefined): void {
    if (!this.#sincePrevious.has(path)) this.#sincePrevious.set(path, before);
    if (!this.#sinceBaseline.has(path)) this.#sinceBaseline.set(path, before);
  }

  #begin(): void {
    this.#sincePrevious.clear();
    this.#sinceBaseline.clear();
  }

  /** What did not fit stays to be told by the next answer. */
  #advanceDiff(): Diff {
    const { diff, left } = this.#diff();
    const kept = left.map((path) => [path, this.#sincePrevious.get(path)] as const);
    this.#sincePrevious.clear();
    for (const [path, entry] of kept) this.#sincePrevious.set(path, entry);
    return diff;
  }

  #diff(): { diff: Diff; left: string[] } {
    return diffOf(this.#changedSince(this.#sincePrevious), this.#contents, this.#facts());
  }

  #facts(): { snapshot_timestamp: number; scan_duration_ms: number; files_scanned: number } {
    const scanMs = Math.round(this.#scanMs * 100) / 100;
    return { snapshot_timestamp: this.#scannedAt, scan_duration_ms: scanMs, files_scanned: this.#tree.fileCount };
  }

  /** Files that are as they were, whatever happened in between, are forgotten. */
  #changedSince(earlier: Earlier): Changed[] {
    const changed: Changed[] = [];
    for (const [path, before] of earlier) {
      const after = this.#tree.get(path);
      if (before === undefined && after === undefined) earlier.delete(path);
      else if (before !== undefined && after !== undefined && this.#contents.isSame(before, after)) earlier.delete(path);
      else changed.push({ path, before, after });
    }
    return changed;
  }

  *#previousEntries(): Generator<[path: string, entry: FileEntry]> {
    for (const [path, entry] of this.#tree.entries()) if (!this.#sincePrevious.has(path)) yield [path, entry];
    for (const [path, entry] of this.#sincePrevious) if (entry !== undefined) yield [path, entry];
  }

  *#entriesInUse(): Generator<FileEntry> {
    for (const [, entry] of this.#tree.entries()) yield entry;
    for (const earlier of [this.#sincePrevious, this.#sinceBaseline])
      for (const entry of earlier.values()) if (entry !== undefined) yield entry;
  }

  #verifyLater(ms: number, steps: Generator<void> = this.#tree.verify()): void {
    this.#verifyTimer = setTimeout(() => this.#verify(steps), ms);
  }

  #verify(steps: Generator<void>): void {
    const startedAt = performance.now();
    let isDone = false;
    let spentMs = 0;
    while (!isDone && spentMs < SLICE_MS) {
      isDone = steps.next().done === true;
      spentMs = performance.now() - startedAt;
    }
    if (isDone) this.#verifyLater(VERIFY_EVERY_MS);
    else this.#verifyLater(spentMs * PAUSE_SHARE, steps);
  }
}
