/** PostgreSQL sorts texts as people of its language do, SQLite by their bytes. Lists and their pages are to be the same on both. */
import { sql, type Kysely } from 'kysely';

/** Gives every column of text that has no order of its own that of its bytes. Cheap right after its table was made. */
export async function sortByBytes(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS NULL`.execute(db);
  for (const [table, columns] of Map.groupBy(rows, (row) => row.table)) {
    const changes = columns.map(({ column }) => sql`ALTER COLUMN ${sql.ref(column)} TYPE text COLLATE "C"`);
    await sql`ALTER TABLE ${sql.table(table)} ${sql.join(changes)}`.execute(db);
  }
}
