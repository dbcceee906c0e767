/** Pages go on after the last row that was seen, so rows that come meanwhile neither repeat nor hide others. */
import { HudError } from 'hud/protocol';

export interface Paged<T> {
  items: T[];
  /** Absent on the last page. */
  nextCursor?: string;
}

/** @param rows one more than the limit were asked for: it only says that there is a next page */
export function pageOf<T>(rows: readonly T[], limit: number, keyOf: (row: T) => (string | number)[]): Paged<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rows.length > items.length && last !== undefined;
  return { items, ...(hasMore ? { nextCursor: Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') } : {}) };
}

/** @throws HudError BAD_ARGUMENT */
export function openCursor(cursor: string, types: readonly ('string' | 'number')[]): (string | number)[] {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    values = undefined; // refused below
  }
  if (Array.isArray(values) && values.length === types.length && types.every((type, i) => typeof values[i] === type))
    return values as (string | number)[];
  throw new HudError('BAD_ARGUMENT', 'This cursor is not one that a page returned.', {
    hint: 'Leave it out to start with the first page.',
  });
}
