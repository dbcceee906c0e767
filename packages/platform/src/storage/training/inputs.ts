/** Which trajectories fed a step. They are kept with the gradient, and the step that applies it gives them to its checkpoint. */
import type { Db } from '../database.ts';
import type { TrainingInputsTable } from '../schema/training.ts';

/** Of a gradient: whose step it becomes is not known yet. */
export type StoredInput = Readonly<Omit<TrainingInputsTable, 'checkpoint_id'>>;

const OPEN = '';
/** In one statement. */
const MOST_ROWS = 500;

/** @param inputs their positions go on from those that are kept; from 0: nothing was accumulated before */
export async function keepInputs(db: Db, modelId: string, inputs: readonly StoredInput[]): Promise<void> {
  if (inputs[0]?.position === 0) await dropInputs(db, modelId);
  for (let at = 0; at < inputs.length; at += MOST_ROWS) {
    const rows = inputs.slice(at, at + MOST_ROWS).map((input) => ({ ...input, checkpoint_id: OPEN }));
    await db.insertInto('training_inputs').values(rows).execute();
  }
}

/** Those of the gradient become those of the checkpoint. */
export async function giveInputs(db: Db, modelId: string, checkpointId: string): Promise<void> {
  await db
    .updateTable('training_inputs')
    .set({ checkpoint_id: checkpointId })
    .where('model_id', '=', modelId)
    .where('checkpoint_id', '=', OPEN)
    .execute();
}

/** The gradient is gone, so its inputs fed nothing. */
export async function dropInputs(db: Db, modelId: string): Promise<void> {
  await db.deleteFrom('training_inputs').where('model_id', '=', modelId).where('checkpoint_id', '=', OPEN).execute();
}

/** In their order. */
export async function inputsOf(db: Db, { teamId, modelId, checkpointId }: Of): Promise<TrainingInputsTable[]> {
  return await db
    .selectFrom('training_inputs')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('checkpoint_id', '=', checkpointId)
    .where('team_id', '=', teamId)
    .orderBy('position')
    .execute();
}

interface Of {
  teamId: string;
  modelId: string;
  checkpointId: string;
}

/** Of the given traces, those that the team has. */
export async function knownTraces(db: Db, teamId: string, traceIds: readonly string[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (const some of inChunks(traceIds)) {
    const rows = await db.selectFrom('runs').select('trace_id').where('team_id', '=', teamId).where('trace_id', 'in', some).execute();
    for (const { trace_id: id } of rows) known.add(id);
  }
  return known;
}

/** The group that each of the given traces was rolled out in; those without one, and those of others, are absent. */
export async function recordedGroups(db: Db, teamId: string, traceIds: readonly string[]): Promise<Map<string, string>> {
  const groups = new Map<string, string>();
  for (const some of inChunks(traceIds)) {
    const query = db.selectFrom('runs').select(['trace_id', 'group_id']).where('team_id', '=', teamId).where('trace_id', 'in', some);
    for (const { trace_id: id, group_id: group } of await query.execute()) if (group !== null) groups.set(id, group);
  }
  return groups;
}

/** Who sampled the first turn of each trace: its model as requests say it, and the checkpoint, null for base weights. */
export async function firstServers(db: Db, teamId: string, traceIds: readonly string[]): Promise<Map<string, Server>> {
  const first = new Map<string, Server>();
  for (const some of inChunks(traceIds)) {
    const rows = await db
      .selectFrom('training_samples')
      .select(['trace_id', 'model_name', 'checkpoint_id'])
      .where('team_id', '=', teamId)
      .where('trace_id', 'in', some)
      .orderBy('trace_id')
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    for (const { trace_id: id, model_name: modelName, checkpoint_id: checkpointId } of rows)
      if (!first.has(id)) first.set(id, { modelName, checkpointId });
  }
  return first;
}

export interface Server {
  /** As requests say it. */
  modelName: string;
  /** Null: base weights. */
  checkpointId: string | null;
}

/** Everything that sampled a turn of each trace; those that nothing here has sampled are absent. */
export async function allServers(db: Db, teamId: string, traceIds: readonly string[]): Promise<Map<string, Server[]>> {
  const all = new Map<string, Server[]>();
  for (const some of inChunks(traceIds)) {
    const rows = await db
      .selectFrom('training_samples')
      .select(['trace_id', 'model_name', 'checkpoint_id'])
      .distinct()
      .where('team_id', '=', teamId)
      .where('trace_id', 'in', some)
      .execute();
    for (const { trace_id: id, model_name: modelName, checkpoint_id: checkpointId } of rows)
      all.set(id, [...(all.get(id) ?? []), { modelName, checkpointId }]);
  }
  return all;
}

function inChunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / MOST_ROWS) }, (_none, i) => items.slice(i * MOST_ROWS, (i + 1) * MOST_ROWS));
}
