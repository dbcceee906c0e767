/** Which runs went on to a collector of OpenTelemetry. */
import type { Kysely } from 'kysely';

export interface OtlpTables {
  otlp_sent: {
    trace_id: string;
    /** Milliseconds since 1970. */
    sent_at: number;
    /** Why the collector refused it for good. */
    error: string | null;
  };
}

export async function createOtlp(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('otlp_sent')
    .addColumn('trace_id', 'text', (column) => column.primaryKey())
    .addColumn('sent_at', 'double precision', (column) => column.notNull())
    .addColumn('error', 'text')
    .execute();
}
