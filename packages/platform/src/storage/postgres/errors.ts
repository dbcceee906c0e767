/** What PostgreSQL and the way to it report, as errors that say what to do. */
import { HudError, isHudError, messageOf } from 'hud/protocol';

/** Of the system, when nobody is at the other end or stops being there. */
const GONE = ['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
/** Shutting down, crashed, starting up, or out of connections. */
const AWAY = ['57P01', '57P02', '57P03', '53300'];
/** The driver's own, which have no code. */
const GONE_TEXT =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|The server does not)/;
const SERIALIZATION = ['40001', '40P01'];

/** The connection is gone: what was asked for has happened or has not. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  if (GONE.includes(code) || AWAY.includes(code) || code.startsWith('08')) return true;
  return code === '' && error instanceof Error && !isHudError(error) && GONE_TEXT.test(error.message);
}

/** It has not happened, because of what others did at the same moment: worth another try at once. */
export function isCollision(error: unknown): boolean {
  return SERIALIZATION.includes(codeOf(error));
}

/** The place of a row is another's already: who looks again sees that one. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === '23505';
}

/** @param location of the database, without its password */
export function postgresError(error: unknown, location: string): HudError {
  if (isHudError(error)) return error;
  const code = codeOf(error);
  if (code === '53100') {
    return new HudError('STORE_FULL', `There is no space left for ${location}. What was recorded before is safe.`, {
      cause: error,
      hint: "Free some space on the database server's disk; writes go on by themselves then.",
    });
  }
  if (['22', '23', '54'].includes(code.slice(0, 2)))
    return new HudError('BAD_ARGUMENT', `${location} refused what was to be written: ${messageOf(error)}.`, { cause: error });
  if (isLost(error)) return unreachable(error, location);
  if (isCollision(error) || ['55P03', '57014', '53200'].includes(code)) {
    return new HudError('STORE_LOCKED', `${location} was held by others for too long: ${messageOf(error)}.`, {
      cause: error,
      hint: 'Try again; `SELECT * FROM pg_stat_activity` says who holds it.',
    });
  }
  if (['XX001', 'XX002', '42P01', '42703', '58P01'].includes(code)) {
    return new HudError('STORE_DAMAGED', `${location} is damaged or is no record: ${messageOf(error)}.`, {
      cause: error,
      hint: 'Restore it from a backup, or point DATABASE_URL at another database.',
    });
  }
  return new HudError('STORE_UNWRITABLE', `${location} can't be used: ${messageOf(error)}.`, {
    cause: error,
    hint: 'Check DATABASE_URL and what its user may do.',
  });
}

function unreachable(error: unknown, location: string): HudError {
  if (messageOf(error).startsWith('timeout exceeded')) {
    return new HudError('STORE_LOCKED', `No connection to ${location} became free in time.`, {
      cause: error,
      hint: 'Raise HUD_PLATFORM_DATABASE_CONNECTIONS, or see what keeps the database busy.',
    });
  }
  return new HudError('STORE_UNWRITABLE', `${location} can't be reached: ${messageOf(error)}.`, {
    cause: error,
    hint: 'Start the database, or check DATABASE_URL.',
  });
}

/** SQLSTATE or the system's code; '' when there is none. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
