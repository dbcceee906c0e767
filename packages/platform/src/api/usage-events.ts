/** Use of the command line: few, small, from anybody. */
import { randomUUID } from 'node:crypto';
import { api, encode } from 'hud/protocol';
import type { Context } from '../context.ts';
import { Fault } from '../fault.ts';
import type { Router } from './bind.ts';

/** Events that are kept; the oldest make room. */
const MOST_KEPT = 100_000;
/** Events a minute that are taken from everybody together. */
const MOST_PER_MINUTE = 6_000;

export function addUsageEventRoutes(router: Router, { db, now }: Context): void {
  const limit = minuteLimit(MOST_PER_MINUTE);
  let written = 0;
  router.on(api.usageEvents.record, async ({ body: { events } }) => {
    const receivedAt = now();
    if (!limit(events.length, receivedAt)) throw new Fault(429, 'Too many events come in; they are not worth a retry.', { retryAfter: 60 });
    if (events.length === 0) return { accepted: 0 };
    const rows = events.map((event) => ({
      id: randomUUID().replaceAll('-', ''),
      received_at: receivedAt,
      event: JSON.stringify(encode(api.usageEvents.UsageEvent, event)),
    }));
    await db.insertInto('usage_events').values(rows).execute();
    written += rows.length;
    if (written >= MOST_KEPT / 100) {
      written = 0;
      await forgetOldest(db);
    }
    return { accepted: rows.length };
  });
}

async function forgetOldest(db: Context['db']): Promise<void> {
  const last = await db
    .selectFrom('usage_events')
    .select('received_at')
    .orderBy('received_at', 'desc')
    .offset(MOST_KEPT)
    .limit(1)
    .executeTakeFirst();
  if (last !== undefined) await db.deleteFrom('usage_events').where('received_at', '<=', last.received_at).execute();
}

/** @returns whether that many more are within the limit of this minute */
function minuteLimit(most: number): (count: number, now: number) => boolean {
  let minute = -1;
  let taken = 0;
  return (count, now) => {
    const current = Math.floor(now / 60_000);
    if (current !== minute) [minute, taken] = [current, 0];
    if (taken + count > most) return false;
    taken += count;
    return true;
  };
}
