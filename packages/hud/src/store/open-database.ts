/** The database file: found or made, checked to be ours, set to survive anything but the loss of its disk. */
import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { Host } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { checkSmall, hasLog } from './integrity.ts';
import { isCurrent, migrate } from './migrations.ts';
import { isBusy, needsWriter, orphanedLog } from './store-errors.ts';

export interface FileOptions {
  /** Absolute. */
  directory: string;
  readOnly: boolean;
  /** Largest size of the database file; writes beyond it fail with STORE_FULL. */
  maxSizeBytes?: number;
  host: Host;
}

/** SQLite waits this long by itself, with the event loop stopped; longer waits let it run. */
export const BLOCKING_BUSY_MS = 5;

const SETTINGS = `
  -- Bytes, of a new file alone. Spans fill pages of 8 KiB better, and touch fewer of their indexes, than those of 4 KiB.
  PRAGMA page_size = 8192;
  PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
  -- KiB. A chunk of spans touches some 5 MiB; with less, its pages are written twice.
  PRAGMA cache_size = -16000;
  -- Bytes that the log's file keeps when it begins anew.
  PRAGMA journal_size_limit = 67108864;
`;

/** Pages of log that a commit copies into the database before it returns. */
export const SMALL_LOG = 'PRAGMA wal_autocheckpoint = 1000';
/** The same where `checkpoints.ts` does so long before. */
const LARGE_LOG = 'PRAGMA wal_autocheckpoint = 8000';

/** Rows are checked against their pages as these are read, which costs nothing that can be measured. */
const CAREFUL = 'PRAGMA cell_size_check = ON';

/** A file on its way to being used. */
export interface OpenedFile {
  db: DatabaseSync;
  /**
   * Reads only, and looks inside first. While it is open no other connection folds the log into the
   * database or drops it as it closes, so that a file that is refused stays as it was.
   */
  witness?: DatabaseSync;
}

export function databasePath(directory: string): string {
  return join(directory, 'hud.db');
}

/**
 * Opens the file, which may still be any file: {@link configure} looks inside.
 * @throws HudError STORE_DAMAGED when its log is there without it; BAD_ARGUMENT when there is nothing to read
 */
export function openFile(options: FileOptions): OpenedFile {
  const { directory, readOnly, host } = options;
  const path = databasePath(directory);
  expectNoOrphanedLog(path);
  if (readOnly) return { db: openForReading(loadSqlite().DatabaseSync, path) };
  prepareDirectory(directory);
  const isNew = !existsSync(path);
  // SQLite itself would go on without the right to write, and fail at the first row.
  if (!isNew) accessSync(path, constants.W_OK);
  accessSync(directory, constants.W_OK);
  const connect = (settings: DatabaseSyncOptions): DatabaseSync =>
    host.openDatabase?.(path, settings) ?? new (loadSqlite().DatabaseSync)(path, settings);
  const witness = isNew ? {} : { witness: connect({ readOnly: true, timeout: BLOCKING_BUSY_MS }) };
  try {
    const db = connect({ timeout: BLOCKING_BUSY_MS }); // touches nothing until it is used
    if (isNew) chmodSync(path, 0o600);
    return { db, ...witness };
  } catch (error) {
    witness.witness?.close();
    throw error;
  }
}

/** May be repeated when another process held the file meanwhile. */
export function configure({ db, witness }: OpenedFile, options: FileOptions): void {
  const path = databasePath(options.directory);
  if (witness !== undefined) inspect(witness, path);
  db.exec(CAREFUL);
  const isReady = isCurrent(db, path);
  if (options.readOnly) {
    if (!isReady)
      throw new HudError('STORE_UNWRITABLE', `${path} is of an older version and has to be written once before it can be read.`, {
        hint: 'Open it without `readOnly`.',
      });
    checkSmall(db, path);
    return;
  }
  db.exec(SETTINGS);
  db.exec(options.host.openDatabase === undefined ? LARGE_LOG : SMALL_LOG);
  if (options.maxSizeBytes !== undefined) limitSize(db, options.maxSizeBytes);
  if (!isReady) migrate(db, path);
}

/** @throws HudError STORE_DAMAGED, before anything was changed */
function inspect(witness: DatabaseSync, path: string): void {
  try {
    witness.exec(CAREFUL);
    isCurrent(witness, path);
  } catch (error) {
    if (!needsWriter(error)) throw error;
    return; // its making was interrupted, and only a writer can tell what it was before
  }
  checkSmall(witness, path);
}

/**
 * SQLite takes a log beside an empty or missing database for a leftover and deletes it, with all that it holds.
 * The log is looked at first: another process that makes this record writes the database before it.
 */
function expectNoOrphanedLog(path: string): void {
  if (!hasLog(path)) return;
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size === 0) throw orphanedLog(path, size === undefined ? 'missing' : 'empty');
}

function limitSize(db: DatabaseSync, maxSizeBytes: number): void {
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.page_size);
  db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSizeBytes / pageBytes))}`);
}

/**
 * Where even the index of the log can't be written (a read-only file system, an archive), a file that
 * was closed properly is read as one that nobody changes.
 */
function openForReading(Driver: typeof DatabaseSync, path: string): DatabaseSync {
  if (!existsSync(path))
    throw new HudError('BAD_ARGUMENT', `There is no record at ${path}.`, {
      hint: 'Run something first, or point HUD_DIR at another record.',
    });
  const db = new Driver(path, { readOnly: true, timeout: BLOCKING_BUSY_MS });
  try {
    db.prepare('PRAGMA user_version').get();
    return db;
  } catch (error) {
    if (isBusy(error)) return db;
    db.close();
    if (existsSync(`${path}-wal`)) throw error;
    const url = pathToFileURL(path);
    url.searchParams.set('immutable', '1');
    return new Driver(url, { readOnly: true });
  }
}

/** Private to the user, and no business of the project's version control. */
function prepareDirectory(directory: string): void {
  const isOurs = mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined || basename(directory) === '.hud';
  const ignore = join(directory, '.gitignore');
  if (isOurs && !existsSync(ignore)) writeFileSync(ignore, '*\n');
}

/**
 * Older engines announce on first use that SQLite is experimental; other warnings still get through.
 * Not `import()`: the original must be back before anything else of the program runs.
 */
function loadSqlite(): typeof import('node:sqlite') {
  const emit = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) Reflect.apply(emit, process, [warning, ...rest]);
  };
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emit;
  }
}
