/** Troubles of a database that go by themselves, whichever it is. */
import { isCollision, isLost } from './postgres/errors.ts';

/** Of SQLite: busy, locked, full. */
const SQLITE = [5, 6, 13];
const FULL = '53100';

/** The same request may succeed later: the server is away or starts, others hold it, its disk is full. */
export function isPassing(error: unknown): boolean {
  const { errcode, code } = error as { errcode?: unknown; code?: unknown };
  return (typeof errcode === 'number' && SQLITE.includes(errcode & 0xff)) || code === FULL || isLost(error) || isCollision(error);
}
