/** Replies of the Responses API that a server keeps: who may go on from one, and where it is. */
import type { Kysely } from 'kysely';

export interface ResponseTables {
  gateway_responses: GatewayResponsesTable;
}

interface GatewayResponsesTable {
  team_id: string;
  /** As the server calls it: `resp_…`. */
  response_id: string;
  /** Name of the upstream. */
  upstream: string;
  /** Milliseconds since 1970. */
  created_at: number;
}

export async function createResponses(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('gateway_responses')
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('response_id', 'text', (column) => column.notNull())
    .addColumn('upstream', 'text', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addPrimaryKeyConstraint('gateway_responses_key', ['team_id', 'response_id'])
    .execute();
  await db.schema.createIndex('gateway_responses_by_time').on('gateway_responses').columns(['created_at']).execute();
}
