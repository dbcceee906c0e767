/**
 * Which weights stay. A checkpoint's row stays for good. Its paths go from there into a list of what is to be removed, and whoever
 * removes asks again whether anybody names them: forks share weights with what they came from.
 */
import type { Db } from '../database.ts';
import { holdModel } from '../models/models.ts';
import { inTransaction } from '../transaction.ts';

export interface Kept {
  /** Newest checkpoints of a model that can be trained on, beside its head and those that are pinned. */
  states: number;
  /** Newest ones that can be sampled, likewise. */
  samplers: number;
}

/** How many values one statement takes. */
const MOST_VALUES = 200;

/** Takes the weights that need not stay from their checkpoints: in the transaction of the step that has made them old. */
export async function noteRemovals(transaction: Db, modelId: string, keep: Kept, now: number): Promise<void> {
  const headId = await holdModel(transaction, modelId);
  const stay = await pinnedIn(transaction, modelId);
  if (headId !== null) stay.add(headId);
  const states = await take(transaction, modelId, 'state_path', { newest: keep.states, stay });
  const samplers = await take(transaction, modelId, 'checkpoint_name', { newest: keep.samplers, stay });
  await note(transaction, [...states, ...samplers], now);
}

/** What an operation that failed may have saved, under the names that it would have given: nobody will ask for it. */
export async function noteLeftovers(db: Db, { id, now }: { id: string; now: number }): Promise<void> {
  const row = await db.selectFrom('training_operations').select(['plan', 'state_path']).where('id', '=', id).executeTakeFirst();
  const { step } = JSON.parse(row?.plan ?? '{}') as { step?: number };
  if (step === undefined) return;
  await note(db, [row?.state_path ?? savedName('state', step, id), savedName('sampler', step, id)], now);
}

/** What a step calls what it saves. */
export function savedName(what: 'state' | 'sampler', step: number, operationId: string): string {
  return `${what}-${step}-${operationId}`;
}

/** Noted before a time, oldest first; some of them where there are many. */
export async function dueRemovals(db: Db, before: number): Promise<string[]> {
  const query = db.selectFrom('weights_removals').select('path').where('noted_at', '<=', before);
  return (await query.orderBy('noted_at').orderBy('path').limit(MOST_VALUES).execute()).map(({ path }) => path);
}

/** Of the given paths, those that a checkpoint of any model names, or an operation that goes on. */
export async function namedPaths(db: Db, paths: readonly string[]): Promise<Set<string>> {
  const named = new Set<string>();
  if (paths.length === 0) return named;
  for (const column of ['state_path', 'checkpoint_name'] as const)
    for (const row of await db.selectFrom('checkpoints').select(column).where(column, 'in', paths).execute()) named.add(row[column] ?? '');
  const open = await db.selectFrom('training_operations').select('state_path').where('ended_at', 'is', null).execute();
  for (const { state_path: state } of open) named.add(state ?? '');
  return named;
}

/** It could not be removed; others come first now. */
export async function postponeRemoval(db: Db, path: string, now: number): Promise<void> {
  await db.updateTable('weights_removals').set({ noted_at: now }).where('path', '=', path).execute();
}

/** It is removed, or it stays. */
export async function forgetRemoval(db: Db, path: string): Promise<void> {
  await db.deleteFrom('weights_removals').where('path', '=', path).execute();
}

export async function pinnedIn(db: Db, modelId: string): Promise<Set<string>> {
  const rows = await db.selectFrom('checkpoint_pins').select('checkpoint_id').where('model_id', '=', modelId).execute();
  return new Set(rows.map(({ checkpoint_id: id }) => id));
}

/** @returns false when none of its weights are there any more */
export async function pin(db: Db, modelId: string, checkpointId: string, now: number): Promise<boolean> {
  return await inTransaction(db, async (transaction) => {
    await holdModel(transaction, modelId);
    const columns = ['state_path', 'checkpoint_name'] as const;
    const row = await transaction.selectFrom('checkpoints').select(columns).where('id', '=', checkpointId).executeTakeFirst();
    if (row?.state_path == null && row?.checkpoint_name == null) return false;
    await transaction
      .insertInto('checkpoint_pins')
      .values({ checkpoint_id: checkpointId, model_id: modelId, created_at: now })
      .onConflict((conflict) => conflict.column('checkpoint_id').doNothing())
      .execute();
    return true;
  });
}

export async function unpin(db: Db, modelId: string, checkpointId: string): Promise<void> {
  await db.deleteFrom('checkpoint_pins').where('model_id', '=', modelId).where('checkpoint_id', '=', checkpointId).execute();
}

/** @returns the paths that the checkpoints named until now; another one may name them too */
async function take(
  transaction: Db,
  modelId: string,
  column: 'state_path' | 'checkpoint_name',
  { newest, stay }: { newest: number; stay: ReadonlySet<string> },
): Promise<string[]> {
  const rows = await transaction
    .selectFrom('checkpoints')
    .select(['id', column])
    .where('model_id', '=', modelId)
    .where(column, 'is not', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  const older = rows.slice(newest).filter(({ id }) => !stay.has(id));
  for (let at = 0; at < older.length; at += MOST_VALUES) {
    const ids = older.slice(at, at + MOST_VALUES).map(({ id }) => id);
    await transaction
      .updateTable('checkpoints')
      .set({ [column]: null })
      .where('id', 'in', ids)
      .execute();
  }
  return older.flatMap((row) => row[column] ?? []);
}

async function note(db: Db, paths: readonly string[], now: number): Promise<void> {
  for (const path of paths)
    await db
      .insertInto('weights_removals')
      .values({ path, noted_at: now })
      .onConflict((conflict) => conflict.column('path').doNothing())
      .execute();
}
