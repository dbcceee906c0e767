/** What made a checkpoint, and what it says. */
import { api, dashedUuid } from 'hud/protocol';
import type { Caller } from '../../caller.ts';
import type { Context } from '../../context.ts';
import { absent, Fault } from '../../fault.ts';
import { checkpointTree, findModel, type StoredModel } from '../../storage/models/models.ts';
import type { TrainingInputsTable } from '../../storage/schema/training.ts';
import { newId } from '../../storage/tasksets/tasksets.ts';
import { inputsOf } from '../../storage/training/inputs.ts';
import { hasSpread } from '../../training/advantages.ts';
import { lagsBehind } from '../../training/lag.ts';
import type { Samplers } from '../../training/sampling/samplers.ts';
import type { Router } from '../bind.ts';
import { ownCheckpoint, pinned } from './checkpoint-list.ts';
import { taskSpread } from './task-spread.ts';

type Lag = ReturnType<typeof lagsBehind>;
type Inputs = api.Reply<typeof api.models.inputs>;
type Sampling = api.Body<typeof api.models.sample>;

export function addCheckpointRoutes(router: Router, context: Context): void {
  const { samplers } = context;
  router.on(api.models.inputs, async ({ params, query, caller }) => {
    const model = await ownModel(context, caller, params.id);
    return await inputsReply(context, model, params.checkpoint, query);
  });
  router.on(
    api.models.tasks,
    async ({ params, query, caller }) => await taskSpread(context, await ownModel(context, caller, params.id), query),
  );
  router.on(api.models.pin, async ({ params, body, caller }) => {
    const model = await ownModel(context, caller, params.id);
    return await pinned(context, model, await ownCheckpoint(context, model, params.checkpoint), body.isPinned);
  });
  router.on(api.models.sample, async ({ params, body, caller, signal }) => {
    const model = await ownModel(context, caller, params.id);
    if (samplers === undefined) throw new Fault(503, 'This platform samples no models itself: HUD_TRAIN_ENGINE names an engine.');
    if (caller.models?.includes(model.model_name) === false) throw new Fault(403, `The key may not use '${model.model_name}'.`);
    return await sampled(samplers, model, body, { signal, now: context.now() });
  });
}

async function ownModel({ db }: Context, { teamId }: Caller, text: string): Promise<StoredModel> {
  const id = api.hexId(text);
  const model = id === undefined ? undefined : await findModel(db, teamId, id);
  if (model === undefined) throw absent(`model '${text.slice(0, 100)}' of your team`);
  return model;
}

async function inputsReply(context: Context, model: StoredModel, text: string, page: { limit: number; offset: number }): Promise<Inputs> {
  const { db } = context;
  const checkpoint = await ownCheckpoint(context, model, text);
  const [rows, tree] = await Promise.all([
    inputsOf(db, { teamId: model.team_id, modelId: model.id, checkpointId: checkpoint.id }),
    checkpointTree(db, model.id),
  ]);
  const lagOf = lagsBehind(tree, checkpoint.prev_id);
  const groups = [...Map.groupBy(rows, (row) => row.group_index).values()];
  return {
    items: groups.slice(page.offset, page.offset + page.limit).map((group) => groupReply(group, lagOf)),
    total: groups.length,
    flat: groups.filter((group) => !hasSpread(group.map(({ reward }) => reward))).length,
    numKept: rows.length,
    numInputs: checkpoint.num_traces,
    lag: lagReply(rows.flatMap((row) => lagOf(row.served_by) ?? [])),
  };
}

function groupReply(group: readonly TrainingInputsTable[], lagOf: Lag): api.models.StepGroup {
  const rewards = group.map(({ reward }) => reward);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return {
    index: group[0]?.group_index ?? 0,
    mean,
    std: Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length),
    min: Math.min(...rewards),
    max: Math.max(...rewards),
    hasSpread: hasSpread(rewards),
    inputs: group.map((row) => ({
      traceId: row.trace_id,
      reward: row.reward,
      advantage: row.advantage,
      tokens: row.tokens,
      servedBy: row.served_by === null || row.served_by === 'base' ? row.served_by : dashedUuid(row.served_by),
      lag: lagOf(row.served_by),
    })),
  };
}

function lagReply(lags: readonly number[]): Inputs['lag'] {
  if (lags.length === 0) return null;
  return { mean: lags.reduce((sum, lag) => sum + lag, 0) / lags.length, max: Math.max(...lags), n: lags.length };
}

/** As the gateway answers the same request. */
interface Completion {
  choices: [{ finish_reason: 'stop' | 'length'; message: { content: string | null; reasoning_content?: string } }];
}

async function sampled(
  samplers: Samplers,
  model: StoredModel,
  { prompt, checkpoint, maxTokens, temperature, seed }: Sampling,
  { signal, now }: { signal: AbortSignal; now: number },
): Promise<api.Reply<typeof api.models.sample>> {
  const request = { messages: [{ role: 'user', content: prompt }], temperature, max_tokens: maxTokens, seed, checkpoint };
  const call = { id: newId(), teamId: model.team_id, modelName: model.model_name, startedAt: now };
  const answer = await samplers.complete({ ...call, body: Buffer.from(JSON.stringify(request)) }, signal);
  const pieces: Buffer[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  const [choice] = (JSON.parse(Buffer.concat(pieces).toString('utf8')) as Completion).choices;
  const { content, reasoning_content: reasoning } = choice.message;
  return {
    text: content ?? '',
    ...(reasoning !== undefined && { reasoning }),
    finishReason: choice.finish_reason,
    ...answer.usage(),
    checkpoint: answer.headers['x-hud-checkpoint'] ?? 'base',
  };
}
