/** A row in the target that says how far a move has come: what is half there must not be used, nor overwritten once it is whole. */
import { HudError } from 'hud/protocol';
import { sql } from 'kysely';
import type { Db } from '../database.ts';

export interface MoveMark {
  /** Location of the database that it comes from. */
  source: string;
  state: 'copying' | 'done';
}

/** Not one of the schema's: nobody needs it who has never moved. */
export const MARK_TABLE = 'platform_move';

export async function readMark(db: Db): Promise<MoveMark | undefined> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === MARK_TABLE)) return undefined;
  const { rows } = await sql<MoveMark>`SELECT source, state FROM ${sql.table(MARK_TABLE)}`.execute(db);
  return rows[0];
}

export async function writeMark(db: Db, { source, state }: MoveMark): Promise<void> {
  await sql`CREATE TABLE IF NOT EXISTS ${sql.table(MARK_TABLE)} (source text NOT NULL, state text NOT NULL)`.execute(db);
  await db.transaction().execute(async (transaction) => {
    await sql`DELETE FROM ${sql.table(MARK_TABLE)}`.execute(transaction);
    await sql`INSERT INTO ${sql.table(MARK_TABLE)} (source, state) VALUES (${source}, ${state})`.execute(transaction);
  });
}

/** @throws HudError STORE_DAMAGED when a move into it has not come to its end */
export async function assertWhole(db: Db, location: string): Promise<void> {
  const mark = await readMark(db);
  if (mark?.state !== 'copying') return;
  throw new HudError('STORE_DAMAGED', `${location} holds only a part of what was moved to it from ${mark.source}.`, {
    hint: 'Run `hud platform migrate` again; it goes on where it stopped. The source is as it was.',
  });
}
