/**
 * One optimizer step as a transaction over engine and database: what is about to happen is on disk before it is asked for, so
 * that whoever comes after a crash goes on where it was, or knows that the weights are as they were before.
 */
import { dashedUuid, isHudError, type api } from 'hud/protocol';
import { Fault } from '../fault.ts';
import type { Db } from '../storage/database.ts';
import type { StoredModel } from '../storage/models/models.ts';
import type { CheckpointsTable } from '../storage/schema/registry.ts';
import { newId } from '../storage/tasksets/tasksets.ts';
import { finishStep, lastDone, lastStep, noteProgress, type Progress, type StoredOperation } from '../storage/training/operations.ts';
import { savedName, type Kept } from '../storage/training/retention.ts';
import { EngineLost, type AdamParams, type EngineModel, type WeightsPath } from './engine.ts';
import type { Gradient } from './gradient.ts';
import type { Opening, Session } from './session.ts';

/** What a step is going to leave, decided before it begins. */
interface StepPlan {
  step: number;
  checkpointId: string;
  /** Parent of the checkpoint. */
  headId: string | null;
  params: AdamParams;
  gradient: Gradient;
}

interface Saved {
  state: WeightsPath;
  sampler: WeightsPath;
}

export interface StepContext extends Opening {
  now: () => number;
  keep: Kept;
  /** Called when an operation has got so far. Of a step, `applied` and `sampler-saved` are not on record: both can be asked for again. */
  onPhase: (operation: StoredOperation, phase: string) => void;
}

export type StepReply = api.training.StepReply;

/** @returns the operation, with its plan on record */
export async function planStep(
  context: StepContext,
  model: StoredModel,
  operation: StoredOperation,
  { params, gradient }: { params: AdamParams; gradient: Gradient },
): Promise<StoredOperation> {
  const step = (await lastStep(context.db, model.id)) + 1;
  const plan: StepPlan = { step, checkpointId: newId(), headId: model.head_id, params, gradient };
  return await note(context, operation, { phase: 'applying', plan: JSON.stringify(plan) });
}

/**
 * From the phase that is on record to the end. The engine takes each call once, however often it is asked.
 * @throws EngineLost when what the engine held is gone before it was saved; any other error leaves the step to be gone on with
 */
export async function carryOn(context: StepContext, session: Session, model: StoredModel, begun: StoredOperation): Promise<StepReply> {
  const plan = JSON.parse(begun.plan ?? '{}') as StepPlan;
  const operation = begun.state_path === null ? await saveApplied(context, session, begun, plan) : begun;
  const state = operation.state_path ?? '';
  const isHeld = session.pendingStep === operation.id ? session.held : undefined;
  const engine = isHeld ?? (await session.openAt(context, model, { state, headId: plan.checkpointId }));
  const sampler = await engine.saveSampler(savedName('sampler', plan.step, operation.id));
  context.onPhase(operation, 'sampler-saved');
  return await finish(context, session, model, { operation, plan, saved: { state, sampler } });
}

/** @returns the operation, with the state's path on record */
async function saveApplied(context: StepContext, session: Session, operation: StoredOperation, plan: StepPlan): Promise<StoredOperation> {
  const engine = held(session);
  session.pendingStep = operation.id;
  try {
    await engine.optimStep(plan.params, operation.id);
  } catch (error) {
    if (isHudError(error)) session.pendingStep = undefined; // refused: the weights are as they were
    throw error;
  }
  context.onPhase(operation, 'applied');
  const path = await held(session).saveState(savedName('state', plan.step, operation.id));
  return await note(context, operation, { phase: 'state-saved', state_path: path });
}

/** Why there is nothing to apply, as far as the record knows. */
export async function nothingToApply(db: Db, model: StoredModel): Promise<Fault> {
  const last = await lastDone(db, model.id);
  const reply = JSON.parse(last?.reply ?? '{}') as { step?: number; numDatums?: number };
  const first = 'Run forward-backward with groups whose rewards differ before optim-step.';
  const why =
    last === undefined
      ? first
      : last.kind === 'optim-step'
        ? `step ${reply.step} applied all there was. ${first} If you did, another trainer uses this model: give each a fork of its own.`
        : reply.numDatums === 0
          ? `in each group of the last pass all rewards are equal, and that teaches nothing. ${first}`
          : `it was dropped, as the head was set or the engine was lost. ${first}`;
  return new Fault(409, `no accumulated gradient: ${why}`);
}

/** What was accumulated, or applied, is in the engine's memory alone. */
function held(session: Session): EngineModel {
  if (session.held === undefined) throw new EngineLost('The engine does not hold the model any more.');
  return session.held;
}

async function finish(
  context: StepContext,
  session: Session,
  model: StoredModel,
  { operation, plan, saved }: { operation: StoredOperation; plan: StepPlan; saved: Saved },
): Promise<StepReply> {
  const reply: StepReply = {
    step: plan.step,
    checkpointId: dashedUuid(plan.checkpointId),
    samplerPath: saved.sampler,
    statePath: saved.state,
    model: model.model_name,
  };
  const end = { id: operation.id, modelId: model.id, now: context.now() };
  await finishStep(context.db, end, checkpointOf(model, plan, saved), { reply: JSON.stringify(reply), keep: context.keep });
  session.promoted(plan.checkpointId);
  context.onPhase(operation, 'done');
  return reply;
}

function checkpointOf(model: StoredModel, { step, checkpointId, headId, params, gradient }: StepPlan, saved: Saved): CheckpointsTable {
  return {
    id: checkpointId,
    model_id: model.id,
    name: `step-${step}`,
    checkpoint_name: saved.sampler,
    prev_id: headId,
    created_at: 0,
    metrics: JSON.stringify(gradient.metrics),
    num_traces: gradient.traces,
    num_datums: gradient.datums,
    num_tokens: gradient.tokens,
    mean_reward: gradient.traces === 0 ? null : gradient.rewardSum / gradient.traces,
    learning_rate: params.learningRate,
    loss_fn: gradient.loss,
    state_path: saved.state,
    optimizer: JSON.stringify(params),
    step,
  };
}

async function note(
  { db, onPhase }: { db: Db } & Pick<StepContext, 'onPhase'>,
  operation: StoredOperation,
  progress: Progress,
): Promise<StoredOperation> {
  await noteProgress(db, operation.id, progress);
  const after = { ...operation, ...progress };
  onPhase(after, after.phase);
  return after;
}
