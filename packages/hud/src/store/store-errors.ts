/** What SQLite and the file system report, as errors that say what to do. */
import { HudError, isHudError, messageOf } from '../protocol/errors.ts';

const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** Another connection holds the lock: worth another try, unlike every other failure. */
export function isBusy(error: unknown): boolean {
  return [BUSY, LOCKED].includes(primaryCode(error));
}

export function storeError(error: unknown, location: string): HudError {
  if (isHudError(error)) return error;
  const cause = { cause: error };
  const system = (error as { code?: unknown } | null)?.code;
  if (system === 'ENOSPC' || system === 'EDQUOT') return full(location, error);
  if (system === 'EACCES' || system === 'EROFS' || system === 'EPERM' || system === 'ENOTDIR') return unwritable(location, error);
  switch (primaryCode(error)) {
    case FULL:
      return full(location, error);
    case BUSY:
    case LOCKED:
      return new HudError('STORE_LOCKED', `Another process has held ${location} for too long.`, {
        ...cause,
        hint: 'Wait until it is done, or find it with `fuser` or `lsof` and end it.',
      });
    case CORRUPT:
    case NOTADB:
      return new HudError('STORE_DAMAGED', `${location} is damaged or is no store: ${messageOf(error)}.`, {
        ...cause,
        hint: 'Nothing was changed. Move the file aside to start a new one; `sqlite3 FILE .recover` may read what is left.',
      });
    case READONLY:
    case CANTOPEN:
      return unwritable(location, error);
    case IOERR:
      return /disk|space|full/i.test(messageOf(error)) ? full(location, error) : unwritable(location, error);
    default:
      return new HudError('STORE_UNWRITABLE', `${location} can't be used: ${messageOf(error)}.`, cause);
  }
}

function full(location: string, cause: unknown): HudError {
  return new HudError('STORE_FULL', `There is no space left for ${location}. What was recorded before is safe.`, {
    cause,
    hint: 'Free some space on that disk, or point HUD_DIR at another one.',
  });
}

function unwritable(location: string, cause: unknown): HudError {
  return new HudError('STORE_UNWRITABLE', `${location} can't be written: ${messageOf(cause)}.`, {
    cause,
    hint: 'Check its permissions, or point HUD_DIR at a directory that can be written.',
  });
}

/** SQLite's result code without its extension. */
function primaryCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}
