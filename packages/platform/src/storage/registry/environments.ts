/** Environments that a team has made known, and their manifests. */
import { sql } from 'kysely';
import type { Db } from '../database.ts';
import { inTransaction } from '../transaction.ts';
import { likePattern, newId } from '../tasksets/tasksets.ts';

export interface StoredEnvironment {
  /** 32 hex digits. */
  id: string;
  name: string;
  createdAt: number;
  updatedAt: number;
  /** 0: it has no manifest yet. */
  version: number;
  /** Of the newest version. */
  versionAt: number | undefined;
  /** JSON of the newest version. */
  manifest: string | undefined;
}

/** @param name normalized */
export async function findEnvironment(
  db: Db,
  teamId: string,
  key: { id: string } | { name: string },
): Promise<StoredEnvironment | undefined> {
  const rows = await db
    .selectFrom('environments')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('id' in key ? 'id' : 'name', '=', 'id' in key ? key.id : key.name)
    .execute();
  return (await withVersions(db, rows))[0];
}

export async function environmentsByName(db: Db, teamId: string, names: readonly string[]): Promise<Map<string, StoredEnvironment>> {
  if (names.length === 0) return new Map();
  const rows = await db.selectFrom('environments').selectAll().where('team_id', '=', teamId).where('name', 'in', names).execute();
  return new Map((await withVersions(db, rows)).map((environment) => [environment.name, environment]));
}

export interface EnvironmentSearch {
  /** As typed, and as the registry would spell it. */
  search?: { text: string; name: string } | undefined;
  sortBy: 'date' | 'name';
  limit: number;
  offset: number;
}

/** The exact name first, so that no limit can hide it. */
export async function listEnvironments(
  db: Db,
  teamId: string,
  { search, sortBy, limit, offset }: EnvironmentSearch,
): Promise<{ items: StoredEnvironment[]; total: number }> {
  let query = db.selectFrom('environments').where('team_id', '=', teamId);
  if (search !== undefined)
    query = query.where(
      sql<boolean>`(name LIKE ${likePattern(search.name)} ESCAPE '!' OR name LIKE ${likePattern(search.text)} ESCAPE '!')`,
    );
  const { total } = await query.select((e) => e.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
  let ordered = query.selectAll();
  if (search !== undefined) ordered = ordered.orderBy(sql`CASE WHEN name = ${search.name} THEN 0 ELSE 1 END`);
  ordered = sortBy === 'date' ? ordered.orderBy('updated_at', 'desc') : ordered.orderBy('name');
  const rows = await ordered.orderBy('id').limit(limit).offset(offset).execute();
  return { items: await withVersions(db, rows), total: Number(total) };
}

/**
 * Makes it known; a manifest that differs from the newest one is a new version.
 * @param name normalized
 * @param manifest JSON
 */
export async function registerEnvironment(
  db: Db,
  teamId: string,
  { name, manifest }: { name: string; manifest?: string | undefined },
  now: number,
): Promise<StoredEnvironment> {
  return await inTransaction(db, async (transaction) => {
    await transaction
      .insertInto('environments')
      .values({ id: newId(), team_id: teamId, name, created_at: now, updated_at: now })
      .onConflict((conflict) => conflict.columns(['team_id', 'name']).doNothing())
      .execute();
    await transaction // whoever else registers it waits
      .updateTable('environments')
      .set((e) => ({ updated_at: e.ref('updated_at') }))
      .where('team_id', '=', teamId)
      .where('name', '=', name)
      .execute();
    const known = (await findEnvironment(transaction, teamId, { name })) as StoredEnvironment;
    if (manifest === undefined || manifest === known.manifest) return known;
    const version = known.version + 1;
    await transaction.insertInto('environment_versions').values({ environment_id: known.id, version, manifest, created_at: now }).execute();
    await transaction.updateTable('environments').set({ updated_at: now }).where('id', '=', known.id).execute();
    return { ...known, version, versionAt: now, manifest, updatedAt: now };
  });
}

/** Newest first. @param environmentId one that the team has */
export async function environmentVersions(
  db: Db,
  environmentId: string,
  limit: number,
): Promise<{ version: number; manifest: string; createdAt: number }[]> {
  const rows = await db
    .selectFrom('environment_versions')
    .selectAll()
    .where('environment_id', '=', environmentId)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ version, manifest, created_at: createdAt }) => ({ version, manifest, createdAt }));
}

async function withVersions(
  db: Db,
  rows: readonly { id: string; name: string; created_at: number; updated_at: number }[],
): Promise<StoredEnvironment[]> {
  if (rows.length === 0) return [];
  const newest = await db
    .selectFrom('environment_versions as v')
    .select(['v.environment_id', 'v.version', 'v.manifest', 'v.created_at'])
    .where(
      'v.environment_id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('v.version', '=', (e) =>
      e
        .selectFrom('environment_versions as w')
        .select((m) => m.fn.max<number>('w.version').as('newest'))
        .whereRef('w.environment_id', '=', 'v.environment_id'),
    )
    .execute();
  const byId = new Map(newest.map((version) => [version.environment_id, version]));
  return rows.map(({ id, name, created_at: createdAt, updated_at: updatedAt }) => {
    const version = byId.get(id);
    return { id, name, createdAt, updatedAt, version: version?.version ?? 0, versionAt: version?.created_at, manifest: version?.manifest };
  });
}
