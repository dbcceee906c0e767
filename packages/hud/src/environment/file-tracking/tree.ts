/**
 * The files below a root as they were at the last scan. A scan looks only at what events marked, and at folders
 * that could not be watched; everything is looked at when events were lost.
 */
import { lstatSync, readdirSync, type BigIntStats, type Dirent, type Stats } from 'node:fs';
import { MAX_DIFFED_BYTES, MAX_FILE_BYTES, MAX_SCAN_BYTES } from './limits.ts';
import { look, openFolder, placeOf, readRegular, type Content, type Folder } from './inside.ts';
import { rulesWith, type Rules } from './rules.ts';
import type { Contents } from './contents.ts';
import type { Watch, Watcher } from './watcher.ts';

/** A file at one moment. Never changed once it was replaced, but for `at`. */
export interface FileEntry {
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  ino: number;
  /** Where its content is kept; -1 when it is not. */
  at: number;
  /** Stands for content that is not kept: `redacted:…`, `overlimit:…`, `budget_exceeded:…`, `unreadable:…`. */
  mark: string | undefined;
}

interface Directory {
  path: string;
  parent: Directory | undefined;
  ino: number;
  files: Map<string, FileEntry>;
  directories: Map<string, Directory> | undefined;
  watch: Watch | undefined;
}

export interface TreeParts {
  root: string;
  watcher: Watcher;
  contents: Contents;
  /** Never looked at: our own private folder, should it be below the root. */
  isOwn(path: string): boolean;
  /** Before an entry appears, changes or goes; `before` is undefined for one that appears. */
  onChange(path: string, before: FileEntry | undefined): void;
}

/** More marked names than this in one folder, and the folder is looked at as a whole. */
const MAX_NAMES = 4_096;
/** The system's clock for files ticks this slowly: a change within a tick of the last read leaves no trace in the times. */
const TICK_MS = 50;
/** In place of a time that proves nothing for this reason. */
const UNSURE = -1;
/** Deeper folders are not there: their addresses are longer than the system takes. */
const MAX_PATH_UNITS = 4_000;

export class Tree {
  readonly #parts: TreeParts;
  #root: Directory = emptyDirectory('', undefined);
  /** Names to look at; `all` of the folder's entries, changed or not, and those below. */
  #marked = new Map<Directory, Set<string> | 'all'>();
  readonly #unwatched = new Set<Directory>();
  /** Names of files that have other names as well: a write is told only where it was made. */
  readonly #linked = new Map<Directory, Set<string>>();
  /** Files whose other names are to be looked for. */
  readonly #newlyLinked = new Set<number>();
  #rules: Rules | undefined;
  #place = '';
  #budgetBytes = 0;
  readonly #room = Buffer.allocUnsafeSlow(MAX_DIFFED_BYTES + 1);
  fileCount = 0;

  constructor(parts: TreeParts) {
    this.#parts = parts;
    this.markEverything();
  }

  get(path: string): FileEntry | undefined {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    let directory: Directory | undefined = this.#root;
    for (const part of parts) directory = directory?.directories?.get(part);
    return directory?.files.get(name);
  }

  *entries(): Generator<[path: string, entry: FileEntry]> {
    for (const directory of walk(this.#root)) for (const [name, entry] of directory.files) yield [join(directory.path, name), entry];
  }

  /** Everything is looked at by the next scan. */
  markEverything(): void {
    this.#marked = new Map([[this.#root, 'all']]);
  }

  /** Brings the tree up to date with all that was marked. Waits for nothing. */
  scan(): void {
    this.#budgetBytes = MAX_SCAN_BYTES;
    for (const directory of this.#unwatched) this.#marked.set(directory, 'all');
    this.#checkRoot();
    this.#lookAtMarked();
    this.#findOtherNames();
    this.#compareLinked();
    this.#lookAtMarked();
  }

  #lookAtMarked(): void {
    // Each round marks the folders below those that it looked at.
    while (this.#marked.size > 0) {
      const marked = this.#marked;
      this.#marked = new Map();
      for (const [directory, names] of marked) {
        if (!this.#isPresent(directory)) continue;
        if (names === 'all') this.#lookAtAll(directory);
        else this.#lookAt(directory, names);
      }
    }
  }

  #findOtherNames(): void {
    if (this.#newlyLinked.size === 0) return;
    for (const directory of walk(this.#root)) {
      for (const [name, { ino }] of directory.files) if (this.#newlyLinked.has(ino)) this.#noteLinked(directory, name);
    }
    this.#newlyLinked.clear();
  }

  #noteLinked(directory: Directory, name: string): void {
    const names = this.#linked.get(directory);
    if (names === undefined) this.#linked.set(directory, new Set([name]));
    else names.add(name);
  }

  #compareLinked(): void {
    for (const [directory, names] of this.#linked) {
      using folder = this.#isPresent(directory) ? this.#open(directory) : undefined;
      for (const name of names) {
        if (folder === undefined || !directory.files.has(name)) names.delete(name);
        else if (!this.#isAsKnown(directory, folder, name)) this.#mark(directory, name);
      }
      if (names.size === 0) this.#linked.delete(directory);
    }
  }

  #isAsKnown(directory: Directory, folder: Folder, name: string): boolean {
    const known = directory.files.get(name);
    const stats = look(folder.at(name));
    return known !== undefined && stats?.isFile() === true && isSame(known, stats);
  }

  /**
   * Compares what is on disk with what is known, a folder at each step, and marks what differs: it finds what
   * happened without an event, such as a write through mapped memory.
   */
  *verify(): Generator<void> {
    for (const directory of walk(this.#root)) {
      if (this.#isPresent(directory)) this.#verifyOne(directory);
      yield;
    }
  }

  close(): void {
    for (const directory of walk(this.#root)) directory.watch?.close();
  }

  #checkRoot(): void {
    const place = placeOf(this.#parts.root);
    const inode = look(`${this.#parts.root}/.`)?.ino;
    const isSameRoot = place !== undefined && place === this.#place && inode === this.#root.ino;
    this.#place = place ?? '';
    if (!isSameRoot) this.#markItself(this.#root);
  }

  #isPresent(directory: Directory): boolean {
    const { parent } = directory;
    if (parent === undefined) return directory === this.#root;
    return parent.directories?.get(baseName(directory.path)) === directory && this.#isPresent(parent);
  }

  #mark(directory: Directory, name: string): void {
    const names = this.#marked.get(directory);
    if (names === 'all') return;
    if (names === undefined) this.#marked.set(directory, new Set([name]));
    else if (names.size < MAX_NAMES) names.add(name);
    else this.#marked.set(directory, 'all');
  }

  /** The folder itself may be another one now. */
  #markItself(directory: Directory): void {
    this.#unwatch(directory);
    if (directory.parent === undefined) this.#marked.set(directory, 'all');
    else this.#mark(directory.parent, baseName(directory.path));
  }

  #open(directory: Directory): Folder | undefined {
    return openFolder(this.#parts.root, this.#place, directory.path);
  }

  #lookAt(directory: Directory, names: ReadonlySet<string>): void {
    using folder = this.#open(directory);
    if (folder === undefined) {
      this.#vanished(directory);
      return;
    }
    for (const name of names) this.#lookAtName(directory, folder, name, look(folder.at(name)));
  }

  #lookAtName(directory: Directory, folder: Folder, name: string, stats: Stats | undefined): void {
    const path = join(directory.path, name);
    const isDirectory = stats?.isDirectory() ?? false;
    if (isDirectory && !this.#isExcluded(path, true)) {
      const known = directory.directories?.get(name);
      // Had it been moved or removed meanwhile, its watch would be gone.
      if (known?.watch !== undefined && known.ino === stats?.ino) return;
      this.#removeFile(directory, name);
      this.#lookAtFolder(directory, name);
      return;
    }
    this.#removeFolder(directory, name);
    if (stats?.isFile() && !this.#isExcluded(path, false)) this.#lookAtFile(directory, folder, name, stats);
    else this.#removeFile(directory, name);
  }

  /** Compares a folder's entries by their times; new or other folders below it are looked at as well. */
  #lookAtAll(directory: Directory): void {
    using folder = this.#open(directory);
    if (folder === undefined) {
      this.#vanished(directory);
      return;
    }
    this.#rules ??= rulesWith(ignoreFile(folder, this.#room));
    if (directory.ino !== folder.stats.ino) this.#unwatch(directory);
    directory.ino = folder.stats.ino;
    this.#watch(directory, folder); // before reading: what happens from now on is told
    const seen = new Set<string>();
    for (const entry of list(folder)) {
      const { name } = entry;
      const path = join(directory.path, name);
      if (entry.isDirectory()) {
        if (this.#isExcluded(path, true)) continue;
        seen.add(name);
        this.#removeFile(directory, name);
        this.#lookAtFolder(directory, name);
      } else if (entry.isFile() && !this.#isExcluded(path, false)) {
        seen.add(name);
        this.#removeFolder(directory, name);
        this.#compare(directory, folder, name);
      }
    }
    for (const name of directory.files.keys()) if (!seen.has(name)) this.#removeFile(directory, name);
    for (const name of directory.directories?.keys() ?? []) if (!seen.has(name)) this.#removeFolder(directory, name);
  }

  /** Left for the next round, so that depth costs no stack. */
  #lookAtFolder(parent: Directory, name: string): void {
    const path = join(parent.path, name);
    if (path.length > MAX_PATH_UNITS) return;
    const directories = (parent.directories ??= new Map<string, Directory>());
    let directory = directories.get(name);
    if (directory === undefined) {
      directory = emptyDirectory(path, parent);
      directories.set(name, directory);
    }
    this.#marked.set(directory, 'all');
  }

  #compare(directory: Directory, folder: Folder, name: string): void {
    const known = directory.files.get(name);
    if (known === undefined) {
      this.#read(directory, folder, name, undefined);
      return;
    }
    const stats = look(folder.at(name));
    if (stats?.isFile() && !isSame(known, stats)) this.#lookAtFile(directory, folder, name, stats);
    else if (!stats?.isFile()) this.#removeFile(directory, name);
  }

  #lookAtFile(directory: Directory, folder: Folder, name: string, stats: Stats): void {
    if (stats.size > MAX_FILE_BYTES) this.#removeFile(directory, name);
    else this.#read(directory, folder, name, stats);
  }

  /** @param stats when they are known; content that must not be read is told by them alone */
  #read(directory: Directory, folder: Folder, name: string, stats: Stats | undefined): void {
    const path = join(directory.path, name);
    if (this.#rulesNow.isSecret(path)) {
      this.#keepMark(directory, folder, name, 'redacted');
      return;
    }
    if (stats !== undefined && stats.size > MAX_DIFFED_BYTES) {
      this.#keepMark(directory, folder, name, 'overlimit');
      return;
    }
    const most = Math.min(MAX_DIFFED_BYTES, this.#budgetBytes);
    const found = readRegular(folder.at(name), most, this.#room);
    if ('bytes' in found) this.#keep(directory, folder, name, found);
    else if (found.why === 'gone') this.#removeFile(directory, name);
    else if (found.why === 'refused') this.#keepMark(directory, folder, name, 'unreadable');
    else this.#keepMark(directory, folder, name, (found.stats?.size ?? 0) > MAX_DIFFED_BYTES ? 'overlimit' : 'budget_exceeded');
  }

  #keep(directory: Directory, folder: Folder, name: string, { stats, bytes }: Content): void {
    const { contents } = this.#parts;
    if (stats.nlink > 1) {
      this.#noteLinked(directory, name);
      this.#newlyLinked.add(stats.ino);
    }
    const known = directory.files.get(name);
    const isSameContent =
      known !== undefined && (known.at < 0 ? known.size === bytes.length && known.mtimeMs === stats.mtimeMs : contents.holds(known, bytes));
    if (isSameContent) {
      Object.assign(known, timesOf(stats));
      return;
    }
    const at = contents.add(bytes);
    if (at === undefined) {
      this.#keepMark(directory, folder, name, 'budget_exceeded');
      return;
    }
    this.#budgetBytes -= bytes.length;
    this.#put(directory, name, { ...timesOf(stats), size: bytes.length, at, mark: undefined });
  }

  #keepMark(directory: Directory, folder: Folder, name: string, kind: 'redacted' | 'overlimit' | 'budget_exceeded' | 'unreadable'): void {
    const stats = lookExactly(folder.at(name));
    if (!stats?.isFile() || stats.size > MAX_FILE_BYTES) {
      this.#removeFile(directory, name);
      return;
    }
    const size = Number(stats.size);
    const known = directory.files.get(name);
    const isUntouched = known !== undefined && known.size === size && known.mtimeMs === toMs(stats.mtimeNs);
    // Whose times are the same is unchanged, whatever it may not be read for now.
    if (isUntouched && (kind === 'unreadable' || kind === 'budget_exceeded')) return;
    const mark = kind === 'unreadable' ? `unreadable:${size}` : `${kind}:${size}:${stats.mtimeNs}`;
    const times = { mtimeMs: toMs(stats.mtimeNs), ctimeMs: toMs(stats.ctimeNs), ino: Number(stats.ino) };
    if (known?.mark === mark) Object.assign(known, times);
    else this.#put(directory, name, { ...times, size, at: -1, mark });
  }

  #put(directory: Directory, name: string, entry: FileEntry): void {
    const before = directory.files.get(name);
    this.#parts.onChange(join(directory.path, name), before);
    if (before === undefined) this.fileCount += 1;
    directory.files.set(name, entry);
  }

  #removeFile(directory: Directory, name: string): void {
    const before = directory.files.get(name);
    if (before === undefined) return;
    this.#parts.onChange(join(directory.path, name), before);
    directory.files.delete(name);
    this.fileCount -= 1;
  }

  #removeFolder(parent: Directory, name: string): void {
    const removed = parent.directories?.get(name);
    if (removed === undefined) return;
    for (const directory of walk(removed)) this.#empty(directory);
    parent.directories?.delete(name);
  }

  #empty(directory: Directory): void {
    this.#unwatch(directory);
    this.#unwatched.delete(directory);
    for (const name of directory.files.keys()) this.#removeFile(directory, name);
  }

  #vanished(directory: Directory): void {
    if (directory.parent !== undefined) {
      this.#removeFolder(directory.parent, baseName(directory.path));
      return;
    }
    for (const below of walk(directory)) this.#empty(below);
    directory.directories = undefined;
    directory.ino = 0;
  }

  #watch(directory: Directory, folder: Folder): void {
    if (directory.watch !== undefined) return;
    directory.watch = this.#parts.watcher.watch(folder.at(), (name) => {
      if (name === undefined) this.#markItself(directory);
      else this.#mark(directory, name);
    });
    if (directory.watch === undefined) this.#unwatched.add(directory);
    else this.#unwatched.delete(directory);
  }

  #unwatch(directory: Directory): void {
    directory.watch?.close();
    directory.watch = undefined;
  }

  #verifyOne(directory: Directory): void {
    using folder = this.#open(directory);
    if (folder === undefined || folder.stats.ino !== directory.ino) {
      this.#markItself(directory);
      return;
    }
    let present = 0;
    for (const entry of list(folder)) {
      const { name } = entry;
      const file = directory.files.get(name);
      const isFolder = directory.directories?.has(name) === true;
      if (file !== undefined || isFolder) present += 1;
      else if (!(entry.isFile() || entry.isDirectory()) || this.#isExcluded(join(directory.path, name), entry.isDirectory())) continue;
      const isAsKnown = file === undefined ? isFolder && entry.isDirectory() : this.#isAsKnown(directory, folder, name);
      if (!isAsKnown) this.#mark(directory, name);
    }
    if (present < directory.files.size + (directory.directories?.size ?? 0)) this.#marked.set(directory, 'all');
  }

  #isExcluded(path: string, isDirectory: boolean): boolean {
    return this.#rulesNow.isExcluded(path, isDirectory) || this.#parts.isOwn(path);
  }

  get #rulesNow(): Rules {
    return (this.#rules ??= rulesWith(''));
  }
}

function emptyDirectory(path: string, parent: Directory | undefined): Directory {
  return { path, parent, ino: 0, files: new Map(), directories: undefined, watch: undefined };
}

/** The folder and those below it, parents first; they may be taken away meanwhile. */
function* walk(directory: Directory): Generator<Directory> {
  const waiting = [directory];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.directories !== undefined) waiting.push(...next.directories.values());
    yield next;
  }
}

function list(folder: Folder): Dirent[] {
  try {
    return readdirSync(folder.at(), { withFileTypes: true });
  } catch {
    return []; // it may not be listed: then it has no entries that can be followed
  }
}

/** The file's times and place; a time so recent that the next change may not show in it counts for nothing. */
function timesOf(stats: Stats): { mtimeMs: number; ctimeMs: number; ino: number } {
  const isRecent = Date.now() - Math.max(stats.ctimeMs, stats.mtimeMs) < TICK_MS;
  return { mtimeMs: stats.mtimeMs, ctimeMs: isRecent ? UNSURE : stats.ctimeMs, ino: stats.ino };
}

function isSame(entry: FileEntry, stats: Stats): boolean {
  return entry.ctimeMs === stats.ctimeMs && entry.mtimeMs === stats.mtimeMs && entry.size === stats.size && entry.ino === stats.ino;
}

/** With times in whole nanoseconds, as they are told to peers. */
function lookExactly(address: string): BigIntStats | undefined {
  try {
    return lstatSync(address, { bigint: true });
  } catch {
    return undefined; // it is gone by now
  }
}

/** As Node computes it for `mtimeMs`, to the bit. */
function toMs(ns: bigint): number {
  return Number(ns / 1_000_000_000n) * 1e3 + Number(ns % 1_000_000_000n) / 1e6;
}

function ignoreFile(folder: Folder, room: Buffer): string {
  const found = readRegular(folder.at('.gitignore'), MAX_DIFFED_BYTES, room);
  return 'bytes' in found ? found.bytes.toString('utf8') : '';
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
