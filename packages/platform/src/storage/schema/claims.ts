/** Which team sent which bytes: only who sent them may read them. */
import type { Kysely } from 'kysely';

export interface ClaimTables {
  claims: ClaimsTable;
}

interface ClaimsTable {
  team_id: string;
  sha256: string;
  /** As this team said. */
  media_type: string;
  size_bytes: number;
  /** Milliseconds since 1970. */
  created_at: number;
}

export async function createClaims(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('claims')
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('media_type', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addPrimaryKeyConstraint('claims_pkey', ['team_id', 'sha256'])
    .execute();
}
