/** Which tasksets a team has. */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Db } from '../database.ts';

export interface StoredTaskset {
  /** 32 hex digits. */
  id: string;
  name: string;
  /** 0 before the first change. */
  version: number;
  createdAt: number;
  updatedAt: number;
}

export interface CountedTaskset extends StoredTaskset {
  tasks: number;
  unverified: number;
}

export async function findTaskset(db: Db, teamId: string, key: { id: string } | { name: string }): Promise<CountedTaskset | undefined> {
  const row = await db
    .selectFrom('tasksets')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('id' in key ? 'id' : 'name', '=', 'id' in key ? key.id : key.name)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const [counted] = await withCounts(db, [row]);
  return counted;
}

/** Newest change first. @param search is part of the name, in any case */
export async function listTasksets(
  db: Db,
  teamId: string,
  { search, limit, offset }: { search?: string | undefined; limit: number; offset: number },
): Promise<{ items: CountedTaskset[]; total: number }> {
  let query = db.selectFrom('tasksets').where('team_id', '=', teamId);
  if (search !== undefined && search !== '') query = query.where(sql<boolean>`lower(name) LIKE ${likePattern(search)} ESCAPE '!'`);
  const { total } = await query.select((e) => e.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
  const rows = await query.selectAll().orderBy('updated_at', 'desc').orderBy('id').limit(limit).offset(offset).execute();
  return { items: await withCounts(db, rows), total: Number(total) };
}

/** @returns the one that is there already, when it is */
export async function createTaskset(db: Db, teamId: string, name: string, now: number): Promise<StoredTaskset> {
  await db
    .insertInto('tasksets')
    .values({ id: newId(), team_id: teamId, name, version: 0, created_at: now, updated_at: now })
    .onConflict((conflict) => conflict.columns(['team_id', 'name']).doNothing())
    .execute();
  const row = await db.selectFrom('tasksets').selectAll().where('team_id', '=', teamId).where('name', '=', name).executeTakeFirstOrThrow();
  return stored(row);
}

export function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/** For `lower(…) LIKE … ESCAPE '!'`: the text anywhere. Databases know the lower case of A to Z alone. */
export function likePattern(text: string): string {
  return `%${lowerCase(text).replace(/[!%_]/g, '!$&')}%`;
}

function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

interface TasksetRow {
  id: string;
  name: string;
  version: number;
  created_at: number;
  updated_at: number;
}

async function withCounts(db: Db, rows: readonly TasksetRow[]): Promise<CountedTaskset[]> {
  if (rows.length === 0) return [];
  const counts = await db
    .selectFrom('taskset_tasks')
    .select((e) => ['taskset_id', e.fn.countAll<number>().as('tasks'), e.fn.sum<number>('is_verified').as('verified')])
    .where(
      'taskset_id',
      'in',
      rows.map(({ id }) => id),
    )
    .groupBy('taskset_id')
    .execute();
  const byId = new Map(counts.map((count) => [count.taskset_id, count]));
  return rows.map((row) => {
    const tasks = Number(byId.get(row.id)?.tasks ?? 0);
    return { ...stored(row), tasks, unverified: tasks - Number(byId.get(row.id)?.verified ?? 0) };
  });
}

function stored({ id, name, version, created_at: createdAt, updated_at: updatedAt }: TasksetRow): StoredTaskset {
  return { id, name, version, createdAt, updatedAt };
}
