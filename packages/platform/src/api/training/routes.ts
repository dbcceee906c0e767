/** Training over HTTP: each operation by its id, so that a client that lost an answer asks what became of it. */
import { api, encode, type JsonObject } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { absent, Fault } from '../../fault.ts';
import type { StoredModel } from '../../storage/models/models.ts';
import type { StoredOperation } from '../../storage/training/operations.ts';
import { trainedModel, type Training } from '../../training/service.ts';
import type { Router } from '../bind.ts';

export function addTrainingRoutes(router: Router, context: Context): void {
  const { training } = context;
  const on = async (id: string, teamId: string): Promise<{ model: StoredModel; service: Training }> => {
    const model = await modelOf(context, teamId, id);
    if (training === undefined) throw new Fault(503, 'This platform has no training engine: HUD_TRAIN_ENGINE names one.');
    return { model, service: training };
  };
  router.on(api.training.losses, async ({ params, caller }) => {
    const { model, service } = await on(params.id, caller.teamId);
    return { losses: await service.losses(model) };
  });
  router.on(api.training.forwardBackward, async ({ params, caller, body, request }) => {
    const { model, service } = await on(params.id, caller.teamId);
    return await service.forwardBackward(model, keyOf(request), body);
  });
  router.on(api.training.forward, async ({ params, caller, body, request }) => {
    const { model, service } = await on(params.id, caller.teamId);
    return await service.forward(model, keyOf(request), body);
  });
  router.on(api.training.backward, async ({ params, caller, body, request }) => {
    const { model, service } = await on(params.id, caller.teamId);
    return await service.backward(model, keyOf(request), body);
  });
  router.on(api.training.optimStep, async ({ params, caller, body, request }) => {
    const { model, service } = await on(params.id, caller.teamId);
    return await service.optimStep(model, keyOf(request), body);
  });
  router.on(api.training.operation, async ({ params, caller }) => {
    const { model, service } = await on(params.id, caller.teamId);
    const found = await service.operation(model, params.operation);
    if (found === undefined) throw absent(`operation '${params.operation.slice(0, 200)}' of this model`);
    return operationOf(found);
  });
}

/** @throws Fault 403 for a model that everybody has, 404 */
async function modelOf({ db, models }: Context, teamId: string, text: string): Promise<StoredModel> {
  const id = api.hexId(text);
  const served = models.catalogue().find((model) => model.id === id);
  if (served !== undefined)
    throw new Fault(403, `'${served.modelName}' is everybody's and can't be trained. Fork it, and train the fork: \`hud models fork\`.`);
  return await trainedModel(db, teamId, { text, id });
}

function keyOf({ headers }: Request): string | undefined {
  const key = headers.get('idempotency-key')?.trim();
  return key === '' ? undefined : key;
}

const REPLIES = {
  'forward-backward': api.training.PassReply,
  forward: api.training.ForwardReply,
  backward: api.training.PassReply,
  'optim-step': api.training.StepReply,
} as const;

function errorOf({ error }: StoredOperation): { status: number; detail: string } | null {
  if (error === null) return null;
  const { status, detail } = JSON.parse(error) as { status: number; detail: string };
  return { status, detail };
}

function operationOf(row: StoredOperation): api.Reply<typeof api.training.operation> {
  const kind = row.kind as keyof typeof REPLIES;
  return {
    id: row.key,
    kind,
    status: row.phase === 'done' ? 'done' : row.phase === 'failed' ? 'failed' : 'running',
    phase: row.phase,
    reply: row.reply === null ? null : (encode(REPLIES[kind], JSON.parse(row.reply) as never) as JsonObject),
    error: errorOf(row),
    createdAt: new Date(row.created_at).toISOString(),
    endedAt: row.ended_at === null ? null : new Date(row.ended_at).toISOString(),
  };
}
