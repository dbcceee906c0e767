/** The journal of operations: what was asked, how far it is, how it ended. */
import type { Db } from '../database.ts';
import { setGradient } from '../models/models.ts';
import type { CheckpointsTable } from '../schema/registry.ts';
import type { TrainingOperationsTable } from '../schema/training.ts';
import { inTransaction } from '../transaction.ts';
import { keepInputs, giveInputs, type StoredInput } from './inputs.ts';
import { noteLeftovers, noteRemovals, type Kept } from './retention.ts';

export type StoredOperation = Readonly<TrainingOperationsTable>;
export type NewOperation = Pick<TrainingOperationsTable, 'id' | 'model_id' | 'key' | 'kind' | 'request_hash'>;

/** How long the answer of an operation can be asked for again, in milliseconds. */
const KEPT_MS = 24 * 60 * 60_000;

export async function findOperation(db: Db, modelId: string, key: string): Promise<StoredOperation | undefined> {
  return await db.selectFrom('training_operations').selectAll().where('model_id', '=', modelId).where('key', '=', key).executeTakeFirst();
}

/** Those without an end, in order. */
export async function openOperations(db: Db, modelId: string): Promise<StoredOperation[]> {
  return await db
    .selectFrom('training_operations')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('ended_at', 'is', null)
    .orderBy('sequence')
    .execute();
}

/** One that failed under the same key begins anew: nothing of it took effect. */
export async function beginOperation(db: Db, operation: NewOperation, now: number): Promise<StoredOperation> {
  return await inTransaction(db, async (transaction) => {
    const { last } = await transaction
      .selectFrom('training_operations')
      .select(({ fn }) => fn.max('sequence').as('last'))
      .where('model_id', '=', operation.model_id)
      .executeTakeFirstOrThrow();
    await transaction
      .deleteFrom('training_operations')
      .where('model_id', '=', operation.model_id)
      .where('ended_at', '<', now - KEPT_MS)
      .execute();
    const fresh = { plan: null, state_path: null, reply: null, error: null, ended_at: null };
    const row: TrainingOperationsTable = { ...operation, ...fresh, sequence: Number(last ?? 0) + 1, phase: 'accepted', created_at: now };
    await transaction.deleteFrom('training_operations').where('model_id', '=', row.model_id).where('key', '=', row.key).execute();
    await transaction.insertInto('training_operations').values(row).execute();
    return row;
  });
}

/** Another process has ended the operation meanwhile, or moved the head: what this one computed for it must not count. */
export class Overtaken extends Error {
  override name = 'Overtaken';
}

export type Progress = Partial<Pick<TrainingOperationsTable, 'phase' | 'plan' | 'state_path'>>;

/** @throws Overtaken */
export async function noteProgress(db: Db, id: string, progress: Progress): Promise<void> {
  const updated = await db
    .updateTable('training_operations')
    .set(progress)
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  refuseOvertaken(updated);
}

export interface OperationEnd {
  id: string;
  modelId: string;
  now: number;
}

/** What a pass added. */
export interface Added {
  /** JSON of what the model has accumulated from now on. */
  gradient: string;
  /** What the pass was fed with. */
  inputs: readonly StoredInput[];
}

/** @param added absent: the gradient is as it was. @throws Overtaken, with nothing changed */
export async function finishOperation(db: Db, end: OperationEnd, reply: string, added?: Added): Promise<void> {
  await inTransaction(db, async (transaction) => {
    const updated = await transaction
      .updateTable('training_operations')
      .set({ phase: 'done', reply, ended_at: end.now })
      .where('id', '=', end.id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    refuseOvertaken(updated);
    if (added === undefined) return;
    await keepInputs(transaction, end.modelId, added.inputs);
    await setGradient(transaction, end.modelId, added.gradient);
  });
}

/** As if nobody had asked: for one that changed nothing, and whose answer is not kept. */
export async function forgetOperation(db: Db, id: string): Promise<void> {
  await db.deleteFrom('training_operations').where('id', '=', id).execute();
}

/** One that has ended stays as it is. @param dropsGradient nothing is accumulated any more */
export async function failOperation(db: Db, end: OperationEnd, error: string, dropsGradient: boolean): Promise<void> {
  await inTransaction(db, async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('training_operations')
      .set({ phase: 'failed', error, ended_at: end.now })
      .where('id', '=', end.id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    if (Number(numUpdatedRows) !== 1) return;
    await noteLeftovers(transaction, end);
    if (dropsGradient) await setGradient(transaction, end.modelId, null);
  });
}

/**
 * The step's checkpoint, which is the head at once, with what fed it, the end of its operation, an empty gradient, and older weights on
 * the list of what is to be removed: all of it or nothing.
 * Its time is after that of every other of the model.
 * @throws Overtaken when another process has ended the operation, or the head is not the checkpoint's parent any more
 */
export async function finishStep(
  db: Db,
  end: OperationEnd,
  checkpoint: CheckpointsTable,
  { reply, keep }: { reply: string; keep: Kept },
): Promise<void> {
  await inTransaction(db, async (transaction) => {
    await finishOperation(transaction, end, reply);
    const { last } = await transaction
      .selectFrom('checkpoints')
      .select(({ fn }) => fn.max('created_at').as('last'))
      .where('model_id', '=', end.modelId)
      .executeTakeFirstOrThrow();
    const created = Math.max(end.now, Number(last ?? 0) + 1);
    await transaction
      .insertInto('checkpoints')
      .values({ ...checkpoint, created_at: created })
      .execute();
    await giveInputs(transaction, end.modelId, checkpoint.id);
    const { prev_id: parent } = checkpoint;
    const promoted = await transaction
      .updateTable('models')
      .set({ head_id: checkpoint.id, gradient: null })
      .where('id', '=', end.modelId)
      .where((e) => (parent === null ? e('head_id', 'is', null) : e('head_id', '=', parent)))
      .executeTakeFirst();
    refuseOvertaken(promoted);
    await noteRemovals(transaction, end.modelId, keep, end.now);
  });
}

/** The pass or step that was done last. */
export async function lastDone(db: Db, modelId: string): Promise<StoredOperation | undefined> {
  return await db
    .selectFrom('training_operations')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('phase', '=', 'done')
    .where('kind', '<>', 'forward')
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
}

function refuseOvertaken({ numUpdatedRows }: { numUpdatedRows: bigint }): void {
  if (Number(numUpdatedRows) !== 1) throw new Overtaken('The operation was ended, or the head moved, by another process.');
}

/** The highest step that the model has made, or began with; 0 before the first. */
export async function lastStep(db: Db, modelId: string): Promise<number> {
  const { last } = await db
    .selectFrom('checkpoints')
    .select(({ fn }) => fn.max('step').as('last'))
    .where('model_id', '=', modelId)
    .executeTakeFirstOrThrow();
  return Number(last ?? 0);
}
