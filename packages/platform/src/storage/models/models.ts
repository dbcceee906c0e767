/** Models that a team trains, and their checkpoints. */
import type { Db } from '../database.ts';
import { inTransaction } from '../transaction.ts';
import type { CheckpointsTable, ModelsTable } from '../schema/registry.ts';
import { newId } from '../tasksets/tasksets.ts';
import { dropInputs } from '../training/inputs.ts';

export type StoredModel = Readonly<ModelsTable>;
export type StoredCheckpoint = Readonly<CheckpointsTable>;

/** Oldest first. */
export async function listModels(db: Db, teamId: string): Promise<StoredModel[]> {
  return await db.selectFrom('models').selectAll().where('team_id', '=', teamId).orderBy('created_at').orderBy('id').execute();
}

export async function findModel(db: Db, teamId: string, id: string): Promise<StoredModel | undefined> {
  return await db.selectFrom('models').selectAll().where('team_id', '=', teamId).where('id', '=', id).executeTakeFirst();
}

/** Oldest first. @param modelId one that the team has; @param page those that came after one of its checkpoints, some of them or all */
export async function listCheckpoints(
  db: Db,
  modelId: string,
  { after, limit }: { after?: StoredCheckpoint | undefined; limit?: number | undefined } = {},
): Promise<StoredCheckpoint[]> {
  return await db
    .selectFrom('checkpoints')
    .selectAll()
    .where('model_id', '=', modelId)
    .$if(after !== undefined, (query) => query.where('created_at', '>', after?.created_at ?? 0)) // no two have one time
    .orderBy('created_at')
    .orderBy('id')
    .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
    .execute();
}

export interface NewModel {
  modelName: string;
  name: string;
  provider: string;
  sdkAgentType: string;
  baseModel: string;
  /** What it begins as: a model of the team's own, or one that has base weights alone. */
  sourceId: string;
}

/**
 * A model that begins as the active checkpoint of its source, which is its root from then on.
 * @returns undefined when the team has a model of that name in requests already
 */
export async function createModel(db: Db, teamId: string, model: NewModel, now: number): Promise<StoredModel | undefined> {
  return await inTransaction(db, async (transaction) => {
    const id = newId();
    // Held, so that its weights are named by the fork as well before anybody takes them.
    const headId = await holdModel(transaction, model.sourceId);
    const inherited = headId === null ? undefined : await findCheckpoint(transaction, model.sourceId, headId);
    const root = inherited === undefined ? undefined : { ...inherited, id: newId(), model_id: id, prev_id: null, created_at: now };
    const row: ModelsTable = {
      id,
      team_id: teamId,
      model_name: model.modelName,
      name: model.name,
      provider: model.provider,
      sdk_agent_type: model.sdkAgentType,
      source_id: model.sourceId,
      base_model: model.baseModel,
      head_id: root?.id ?? null,
      created_at: now,
      gradient: null,
    };
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('models')
      .values(row)
      .onConflict((conflict) => conflict.columns(['team_id', 'model_name']).doNothing())
      .executeTakeFirstOrThrow();
    if (Number(numInsertedOrUpdatedRows ?? 0) === 0) return undefined;
    if (root !== undefined) await transaction.insertInto('checkpoints').values(root).execute();
    return row;
  });
}

/** By what requests say, by its id, or by its name, in this order. */
export async function findModelByName(db: Db, teamId: string, name: string): Promise<StoredModel | undefined> {
  const found = await db
    .selectFrom('models')
    .selectAll()
    .where('team_id', '=', teamId)
    .where((e) => e.or([e('model_name', '=', name), e('id', '=', name.replaceAll('-', '')), e('name', '=', name)]))
    .execute();
  return found.find((model) => model.model_name === name) ?? found.find(({ id }) => id === name.replaceAll('-', '')) ?? found[0];
}

export async function findCheckpoint(db: Db, modelId: string, id: string): Promise<StoredCheckpoint | undefined> {
  return await db.selectFrom('checkpoints').selectAll().where('model_id', '=', modelId).where('id', '=', id).executeTakeFirst();
}

/** Ids, names and ways of its checkpoints alone. */
export async function checkpointTree(db: Db, modelId: string): Promise<Pick<StoredCheckpoint, 'id' | 'name' | 'prev_id' | 'step'>[]> {
  return await db.selectFrom('checkpoints').select(['id', 'name', 'prev_id', 'step']).where('model_id', '=', modelId).execute();
}

/** @param gradient JSON of what was accumulated; null: nothing */
export async function setGradient(db: Db, modelId: string, gradient: string | null): Promise<void> {
  await inTransaction(db, async (transaction) => {
    if (gradient === null) await dropInputs(transaction, modelId);
    await transaction.updateTable('models').set({ gradient }).where('id', '=', modelId).execute();
  });
}

/** `gone`: it could not be trained on, since its weights or its optimizer's state were not kept. */
export type HeadOutcome = 'set' | 'absent' | 'gone';

/** Moves the pointer and forgets what was accumulated; unless it is set, nothing has changed. */
export async function setHead(db: Db, modelId: string, checkpointId: string): Promise<HeadOutcome> {
  return await inTransaction(db, async (transaction) => {
    await holdModel(transaction, modelId);
    const checkpoint = await findCheckpoint(transaction, modelId, checkpointId);
    if (checkpoint === undefined) return 'absent';
    if (isGone(checkpoint)) return 'gone';
    await transaction.updateTable('models').set({ head_id: checkpointId, gradient: null }).where('id', '=', modelId).execute();
    await dropInputs(transaction, modelId);
    return 'set';
  });
}

/** Others who move the head, pin a checkpoint, or take weights come before or after. @returns the head */
export async function holdModel(transaction: Db, modelId: string): Promise<string | null> {
  const model = transaction.updateTable('models').set({ id: modelId }).where('id', '=', modelId);
  return (await model.returning('head_id').executeTakeFirst())?.head_id ?? null;
}

/** Of a step that was made here. */
export function isGone({ step, state_path: state, checkpoint_name: sampler }: StoredCheckpoint): boolean {
  return step !== null && (state === null || sampler === null);
}
