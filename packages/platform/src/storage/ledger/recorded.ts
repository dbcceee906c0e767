/** Recorded replies of models, by the trace that asked for them. */
import type { Db } from '../database.ts';
import type { RecordedCallsTable } from '../schema/gateway.ts';
import { portions } from './portions.ts';

/** What tells recorded calls apart, without the replies. */
export type RecordedCall = Pick<RecordedCallsTable, 'id' | 'request_hash' | 'parts'>;

/** What is there already stays as it is. */
export async function writeRecordedCalls(db: Db, rows: readonly RecordedCallsTable[]): Promise<void> {
  for (const portion of portions(rows)) {
    await db
      .insertInto('recorded_calls')
      .values(portion)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
  }
}

/** In the order in which they were asked. */
export async function recordedCalls(db: Db, teamId: string, traceId: string): Promise<RecordedCall[]> {
  return await db
    .selectFrom('recorded_calls')
    .select(['id', 'request_hash', 'parts'])
    .where('team_id', '=', teamId)
    .where('trace_id', '=', traceId)
    .orderBy('started_at')
    .orderBy('id')
    .execute();
}

export async function recordedReply(db: Db, id: string): Promise<Pick<RecordedCallsTable, 'reply' | 'reply_blob'> | undefined> {
  return await db.selectFrom('recorded_calls').select(['reply', 'reply_blob']).where('id', '=', id).executeTakeFirst();
}
