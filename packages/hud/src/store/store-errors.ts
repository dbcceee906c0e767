/** What SQLite and the file system report, as errors that say what to do. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { HudError, isHudError, messageOf } from '../protocol/errors.ts';
import { lockHolders } from './lock-holders.ts';

const ERROR = 1;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const PROTOCOL = 15; // two processes recovering one log at the same time
const TOOBIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
const RANGE = 25;
const NOTADB = 26;

const NO_ROOM = ['ENOSPC', 'EDQUOT'];

/** Another connection holds the lock: worth another try, unlike every other failure. */
export function isBusy(error: unknown): boolean {
  return [BUSY, LOCKED, PROTOCOL].includes(primaryCode(error));
}

/** The file was left in the middle of its making, which a reader can't undo. */
export function needsWriter(error: unknown): boolean {
  return primaryCode(error) === READONLY;
}

/** The row or the value is at fault, not the file: everything else that is written with it may stay. */
export function isRefusal(error: unknown): boolean {
  return isHudError(error) || error instanceof TypeError || [TOOBIG, CONSTRAINT, MISMATCH, RANGE].includes(primaryCode(error));
}

/** @param location path of the database file */
export function storeError(error: unknown, location: string): HudError {
  if (isHudError(error)) return error;
  const system = String((error as { code?: unknown } | null)?.code);
  if (NO_ROOM.includes(system)) return full(location, error);
  if (isBusy(error)) return locked(location, error);
  if (isRefusal(error))
    return new HudError('BAD_ARGUMENT', `${location} refused what was to be written: ${messageOf(error)}.`, { cause: error });
  switch (primaryCode(error)) {
    case FULL:
      return full(location, error);
    case CORRUPT:
    case NOTADB:
    case ERROR: // our statements are sound, so the tables are not ours any more
      return damaged(location, messageOf(error), error);
    case IOERR:
      // SQLite says no more than "disk I/O error" when its index of the log can't grow.
      return hasRoom(location) ? unwritable(location, error) : full(location, error);
    default:
      return unwritable(location, error);
  }
}

/** @param what why it can't be read, as in "is damaged or is no store: …" */
export function damaged(location: string, what: string, cause?: unknown): HudError {
  return new HudError('STORE_DAMAGED', `${location} is damaged or is no store: ${what}.`, {
    cause,
    hint: 'Nothing was changed. Move the file aside with its `-wal` to start a new one; `hud doctor` looks at it, `sqlite3 FILE .recover` may read what is left.',
  });
}

/** @param state of the database beside its log */
export function orphanedLog(location: string, state: 'empty' | 'missing'): HudError {
  return new HudError('STORE_DAMAGED', `${location} is ${state}, but its log ${location}-wal still holds what was recorded last.`, {
    hint: `Nothing was changed. Put the database back beside its log, from a backup or where it was moved to; or move the log aside as well to start a new record.`,
  });
}

function full(location: string, cause: unknown): HudError {
  return new HudError('STORE_FULL', `There is no space left for ${location}. What was recorded before is safe.`, {
    cause,
    hint: 'Free some space on that disk, or point HUD_DIR at another one.',
  });
}

function locked(location: string, cause: unknown): HudError {
  const holders = lockHolders(location);
  const who = holders.map(({ pid, command }) => `process ${pid} (${command})`).join(', ');
  return new HudError('STORE_LOCKED', `${who === '' ? 'Another process' : who} has held ${location} for too long.`, {
    cause,
    hint:
      who === ''
        ? `Wait until it is done, or find it with \`fuser ${location}\` and end it.`
        : `Wait until it is done, or end it: kill ${holders.map(({ pid }) => pid).join(' ')}.`,
    data: { holders },
  });
}

function unwritable(location: string, cause: unknown): HudError {
  return new HudError('STORE_UNWRITABLE', `${location} can't be used: ${messageOf(cause)}.`, {
    cause,
    hint: 'Check its permissions, or point HUD_DIR at a directory that can be written.',
  });
}

const ROOM_BYTES = 1_048_576;

function hasRoom(location: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(location));
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return true; // a file system that does not even say how full it is
  }
}

/** SQLite's result code without its extension; 0 for errors of other origin. */
function primaryCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}
