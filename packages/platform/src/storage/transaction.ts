/** Several statements as one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from './database.ts';
import { isCollision, isTaken } from './postgres/errors.ts';

const MAX_TRIES = 10;
/** Longest pause before the second try, in milliseconds; each later one may take twice as long, up to a tenth of a second. */
const PAUSE_MS = 4;
const MAX_PAUSE_MS = 100;

/**
 * SQLite lets one at a time write. PostgreSQL lets many, and undoes what meets another in the middle: that is done again.
 * @param work changes nothing but the database, so that it can be done again; part of the transaction that `db` is in, if any
 */
export async function inTransaction<T>(db: Db, work: (transaction: Db) => Promise<T>): Promise<T> {
  if (db.isTransaction) return await work(db);
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (tries === MAX_TRIES || !(isCollision(error) || isTaken(error))) throw error;
    }
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** tries));
  }
}
