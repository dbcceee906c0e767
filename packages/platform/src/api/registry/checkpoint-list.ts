/** Checkpoints as lists show them: what became of their weights, and whose stay. */
import { api, dashedUuid } from 'hud/protocol';
import type { Config } from '../../config.ts';
import type { Context } from '../../context.ts';
import { absent, Fault } from '../../fault.ts';
import { findCheckpoint, listCheckpoints, type StoredCheckpoint, type StoredModel } from '../../storage/models/models.ts';
import { pin, pinnedIn, unpin } from '../../storage/training/retention.ts';

type Page = api.Query<typeof api.models.checkpoints>;

/** Oldest first. @throws Fault 404 for a checkpoint to begin after that the model has not */
export async function checkpointList(context: Context, model: StoredModel, { after, limit }: Page): Promise<api.models.Checkpoint[]> {
  const { db } = context;
  const last = after === undefined ? undefined : await ownCheckpoint(context, model, after);
  const [checkpoints, pins] = await Promise.all([listCheckpoints(db, model.id, { after: last, limit }), pinnedIn(db, model.id)]);
  return checkpoints.map((checkpoint) => node(checkpoint, model, pins));
}

/** By id. @throws Fault 404 */
export async function ownCheckpoint({ db }: Context, model: StoredModel, text: string): Promise<StoredCheckpoint> {
  const id = api.hexId(text);
  const checkpoint = id === undefined ? undefined : await findCheckpoint(db, model.id, id);
  if (checkpoint === undefined) throw absent(`checkpoint '${text.slice(0, 100)}' of model '${model.model_name}'`);
  return checkpoint;
}

/** @throws Fault 409 when there is nothing to keep any more */
export async function pinned(
  { db, config, now }: Context,
  model: StoredModel,
  checkpoint: StoredCheckpoint,
  isPinned: boolean,
): Promise<api.models.Checkpoint> {
  if (!isPinned) await unpin(db, model.id, checkpoint.id);
  else if (!(await pin(db, model.id, checkpoint.id, now()))) throw notKept(`The weights of '${checkpoint.name}' are gone`, config);
  return node(checkpoint, model, await pinnedIn(db, model.id));
}

/** 409, with the settings that decide. @param what a sentence without its end */
export function notKept(what: string, { HUD_TRAIN_KEEP_STATES: states, HUD_TRAIN_KEEP_SAMPLERS: samplers }: Config): Fault {
  const kept = `HUD_TRAIN_KEEP_STATES keeps the newest ${states} to train on, HUD_TRAIN_KEEP_SAMPLERS the newest ${samplers} to sample`;
  return new Fault(409, `${what}: ${kept}, and a pin keeps one for good (\`hud models pin\`).`);
}

function node(checkpoint: StoredCheckpoint, { head_id: headId }: StoredModel, pins: ReadonlySet<string>): api.models.Checkpoint {
  return {
    id: dashedUuid(checkpoint.id),
    name: checkpoint.name,
    checkpointName: checkpoint.checkpoint_name,
    prevModelCheckpointId: checkpoint.prev_id === null ? null : dashedUuid(checkpoint.prev_id),
    isActive: checkpoint.id === headId,
    createdAt: new Date(checkpoint.created_at).toISOString(),
    metrics: JSON.parse(checkpoint.metrics) as Record<string, number>,
    numTraces: checkpoint.num_traces,
    numDatums: checkpoint.num_datums,
    numTokens: checkpoint.num_tokens,
    meanReward: checkpoint.mean_reward,
    learningRate: checkpoint.learning_rate,
    lossFn: checkpoint.loss_fn,
    ...(checkpoint.step !== null && { hasState: checkpoint.state_path !== null }),
    isPinned: pins.has(checkpoint.id),
  };
}
