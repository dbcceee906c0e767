/** The tasks of a taskset: what an upload and a deletion change, all or nothing, and every state they were in. */
import type { Db } from '../database.ts';
import { inTransaction } from '../transaction.ts';
import { createTaskset, newId } from './tasksets.ts';

export interface NewTask {
  slug: string;
  /** As it will be exported. */
  row: string;
  environment: string;
  template: string;
  isVerified: boolean;
}

export interface Change {
  tasksetId: string;
  name: string;
  version: number;
  created: number;
  updated: number;
}

/** Who changes what, when. */
export interface Author {
  teamId: string;
  userId: string | undefined;
  now: number;
}

/** How many rows one statement takes: well below what both databases allow. */
const CHUNK = 200;

/**
 * Creates and updates by slug. Rows that are the same as before are no change, and a change of nothing is no version.
 * @param target an id that the team has, or a name, which is created when nobody has it
 * @returns undefined when the id is not the team's
 */
export async function uploadTasks(
  db: Db,
  { teamId, userId, now }: Author,
  target: { id: string } | { name: string },
  tasks: readonly NewTask[],
): Promise<Change | undefined> {
  return await inTransaction(db, async (transaction) => {
    const id = 'id' in target ? target.id : (await createTaskset(transaction, teamId, target.name, now)).id;
    const taskset = await lockTaskset(transaction, teamId, id);
    if (taskset === undefined) return undefined;
    const before = await currentTasks(transaction, id, tasks);
    const isNew = ({ slug }: NewTask): boolean => !before.has(slug);
    const isChanged = ({ slug, row }: NewTask): boolean => before.has(slug) && before.get(slug)?.row !== row;
    const created = tasks.filter(isNew);
    const updated = tasks.filter(isChanged);
    await markVerified(transaction, id, tasks, before);
    const change = { tasksetId: id, name: taskset.name, version: taskset.version, created: created.length, updated: updated.length };
    if (created.length + updated.length === 0) return change;
    change.version += 1;
    const last = await lastPosition(transaction, id);
    const rows = [
      ...created.map((task, at) => ({ ...task, id: newId(), position: last + 1 + at })),
      ...updated.map((task) => ({ ...task, ...(before.get(task.slug) as Current), row: task.row })),
    ];
    await writeRows(transaction, { id, version: change.version, now }, rows);
    await addVersion(
      transaction,
      { id, version: change.version, now, userId },
      { created: created.length, updated: updated.length, deleted: 0 },
    );
    return change;
  });
}

/** @returns undefined when the taskset is not the team's; slugs that are not there are no error */
export async function deleteTasks(
  db: Db,
  { teamId, userId, now }: Author,
  id: string,
  slugs: readonly string[],
): Promise<{ version: number; deleted: number } | undefined> {
  return await inTransaction(db, async (transaction) => {
    const taskset = await lockTaskset(transaction, teamId, id);
    if (taskset === undefined) return undefined;
    const gone = [
      ...(await currentTasks(
        transaction,
        id,
        [...new Set(slugs)].map((slug) => ({ slug })),
      )),
    ];
    if (gone.length === 0) return { version: taskset.version, deleted: 0 };
    const version = taskset.version + 1;
    for (const some of chunks(gone)) {
      await transaction
        .insertInto('taskset_task_versions')
        .values(some.map(([slug, { position }]) => ({ taskset_id: id, slug, version, position, row: null })))
        .execute();
      await transaction
        .deleteFrom('taskset_tasks')
        .where('taskset_id', '=', id)
        .where(
          'slug',
          'in',
          some.map(([slug]) => slug),
        )
        .execute();
    }
    await addVersion(transaction, { id, version, now, userId }, { created: 0, updated: 0, deleted: gone.length });
    return { version, deleted: gone.length };
  });
}

/** Rows as they are exported, in order; as they were at an earlier version when one is given. */
export async function taskRows(db: Db, tasksetId: string, version?: number): Promise<{ id?: string; row: string }[]> {
  if (version === undefined)
    return await db
      .selectFrom('taskset_tasks')
      .select(['id', 'row'])
      .where('taskset_id', '=', tasksetId)
      .orderBy('position')
      .orderBy('slug')
      .execute();
  const states = await db
    .selectFrom('taskset_task_versions')
    .select(['slug', 'position', 'row'])
    .where('taskset_id', '=', tasksetId)
    .where('version', '<=', version)
    .orderBy('version')
    .execute();
  return [...new Map(states.map((state) => [state.slug, state])).values()]
    .toSorted((a, b) => a.position - b.position)
    .flatMap(({ row }) => (row === null ? [] : [{ row }]));
}

export interface StoredVersion {
  version: number;
  createdAt: number;
  created: number;
  updated: number;
  deleted: number;
  userId: string | null;
}

/** Newest first. */
export async function tasksetVersions(db: Db, tasksetId: string, limit: number): Promise<StoredVersion[]> {
  const rows = await db
    .selectFrom('taskset_versions')
    .selectAll()
    .where('taskset_id', '=', tasksetId)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    version: row.version,
    createdAt: row.created_at,
    created: row.tasks_created,
    updated: row.tasks_updated,
    deleted: row.tasks_deleted,
    userId: row.user_id,
  }));
}

interface Current {
  id: string;
  position: number;
  row: string;
  isVerified: boolean;
}

/** Others who would change it wait until this transaction has ended. */
async function lockTaskset(db: Db, teamId: string, id: string): Promise<{ name: string; version: number } | undefined> {
  await db
    .updateTable('tasksets')
    .set((e) => ({ version: e.ref('version') }))
    .where('id', '=', id)
    .where('team_id', '=', teamId)
    .execute();
  return await db.selectFrom('tasksets').select(['name', 'version']).where('id', '=', id).where('team_id', '=', teamId).executeTakeFirst();
}

async function currentTasks(db: Db, id: string, tasks: readonly { slug: string }[]): Promise<Map<string, Current>> {
  const found = new Map<string, Current>();
  for (const some of chunks(tasks)) {
    const rows = await db
      .selectFrom('taskset_tasks')
      .select(['slug', 'id', 'position', 'row', 'is_verified'])
      .where('taskset_id', '=', id)
      .where(
        'slug',
        'in',
        some.map(({ slug }) => slug),
      )
      .execute();
    for (const { slug, is_verified: isVerified, ...row } of rows) found.set(slug, { ...row, isVerified: isVerified === 1 });
  }
  return found;
}

/** An unchanged row may have been taken on trust before. */
async function markVerified(db: Db, id: string, tasks: readonly NewTask[], before: ReadonlyMap<string, Current>): Promise<void> {
  const same = tasks.filter(({ slug, row, isVerified }) => {
    const known = before.get(slug);
    return known !== undefined && known.row === row && known.isVerified !== isVerified;
  });
  for (const some of chunks(same)) {
    for (const isVerified of [true, false]) {
      const slugs = some.filter((task) => task.isVerified === isVerified).map(({ slug }) => slug);
      if (slugs.length === 0) continue;
      await db
        .updateTable('taskset_tasks')
        .set({ is_verified: Number(isVerified) })
        .where('taskset_id', '=', id)
        .where('slug', 'in', slugs)
        .execute();
    }
  }
}

async function lastPosition(db: Db, id: string): Promise<number> {
  const row = await db
    .selectFrom('taskset_task_versions')
    .select((e) => e.fn.max<number | null>('position').as('last'))
    .where('taskset_id', '=', id)
    .executeTakeFirst();
  return Number(row?.last ?? -1);
}

async function writeRows(
  db: Db,
  { id, version, now }: { id: string; version: number; now: number },
  rows: readonly (NewTask & { id: string; position: number })[],
): Promise<void> {
  for (const some of chunks(rows)) {
    await db
      .insertInto('taskset_tasks')
      .values(
        some.map((task) => ({
          taskset_id: id,
          slug: task.slug,
          id: task.id,
          position: task.position,
          row: task.row,
          environment: task.environment,
          template: task.template,
          is_verified: Number(task.isVerified),
          updated_at: now,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['taskset_id', 'slug']).doUpdateSet((e) => ({
          row: e.ref('excluded.row'),
          environment: e.ref('excluded.environment'),
          template: e.ref('excluded.template'),
          is_verified: e.ref('excluded.is_verified'),
          updated_at: e.ref('excluded.updated_at'),
        })),
      )
      .execute();
    await db
      .insertInto('taskset_task_versions')
      .values(some.map(({ slug, position, row }) => ({ taskset_id: id, slug, version, position, row })))
      .execute();
  }
}

async function addVersion(
  db: Db,
  { id, version, now, userId }: { id: string; version: number; now: number; userId: string | undefined },
  { created, updated, deleted }: { created: number; updated: number; deleted: number },
): Promise<void> {
  await db
    .insertInto('taskset_versions')
    .values({
      taskset_id: id,
      version,
      created_at: now,
      tasks_created: created,
      tasks_updated: updated,
      tasks_deleted: deleted,
      user_id: userId ?? null,
    })
    .execute();
  await db.updateTable('tasksets').set({ version, updated_at: now }).where('id', '=', id).execute();
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += CHUNK) yield items.slice(at, at + CHUNK);
}
