/** The model catalogue: what the gateway serves, and what a team trains. */
import { api, dashedUuid, normalizeEnvironmentName } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { absent, Fault } from '../../fault.ts';
import type { ServedModel } from '../../gateway/seams.ts';
import { createModel, findModel, listModels, setHead, type HeadOutcome, type StoredModel } from '../../storage/models/models.ts';
import type { Router } from '../bind.ts';
import { checkpointList, notKept, ownCheckpoint } from './checkpoint-list.ts';

/** A fork of the same source under the same name within this time is the same request, sent again. */
const SAME_REQUEST_MS = 10 * 60_000;

export function addModelRoutes(router: Router, context: Context): void {
  const { db, models } = context;
  const all = async (teamId: string): Promise<api.models.Model[]> => [
    ...models.catalogue().map(servedModel),
    ...(await listModels(db, teamId)).map(ownModel),
  ];
  router.on(api.models.list, async ({ query, caller }) => {
    const items = await all(caller.teamId);
    return { items: items.slice(query.offset, query.offset + query.limit), total: items.length };
  });
  router.on(api.models.resolve, async ({ query, caller }) => {
    const found = (await all(caller.teamId)).find(({ modelName }) => modelName === query.model);
    if (found === undefined) throw absent(`model '${query.model}'`);
    return found;
  });
  router.on(api.models.fork, async ({ body, caller }) => ownModel(await fork(context, caller.teamId, body)));
  router.on(api.models.checkpoints, async ({ params, query, caller }) => {
    const model = await existing(context, caller.teamId, params.id);
    if (model !== undefined) return await checkpointList(context, model, query);
    if (models.catalogue().some(({ id }) => id === api.hexId(params.id))) return []; // base weights alone
    throw absent(`model '${params.id}'`);
  });
  router.on(api.models.setHead, async ({ params, body, caller }) => {
    const model = await existing(context, caller.teamId, params.id);
    if (model === undefined) throw absent(`model '${params.id}' of your team`);
    const checkpoint = await ownCheckpoint(context, model, body.checkpointId);
    if ((await moveHead(context, model, checkpoint.id)) === 'gone')
      throw notKept(`'${checkpoint.name}' can't be the head, for it could not be trained on`, context.config);
    return { id: dashedUuid(model.id), checkpointId: dashedUuid(checkpoint.id) };
  });
}

/** In its turn among the operations that train the model. */
async function moveHead({ db, training }: Context, model: StoredModel, checkpointId: string): Promise<HeadOutcome> {
  return training === undefined ? await setHead(db, model.id, checkpointId) : await training.setHead(model, checkpointId);
}

async function existing({ db }: Context, teamId: string, text: string): Promise<StoredModel | undefined> {
  const id = api.hexId(text);
  return id === undefined ? undefined : await findModel(db, teamId, id);
}

async function fork(context: Context, teamId: string, { sourceModelId, name }: api.Body<typeof api.models.fork>): Promise<StoredModel> {
  const { db, models, now } = context;
  const own = await existing(context, teamId, sourceModelId);
  const served = own === undefined ? models.catalogue().find(({ id }) => id === api.hexId(sourceModelId)) : undefined;
  const source = own ?? served;
  if (source === undefined) throw absent(`model '${sourceModelId}'`);
  if (served?.isTrainable === false)
    throw new Fault(400, `'${served.modelName}' can't be forked: it is not trainable. \`hud models list\` shows which are.`);
  const mine = await listModels(db, teamId);
  const known = mine.find((model) => model.name === name);
  if (known !== undefined) {
    if (known.source_id === source.id && now() - known.created_at < SAME_REQUEST_MS) return known;
    throw new Fault(409, `Your team has a model '${name}' already; choose another name.`);
  }
  const taken = new Set([...models.catalogue().map(({ modelName }) => modelName), ...mine.map(({ model_name: modelName }) => modelName)]);
  const model = await createModel(
    db,
    teamId,
    {
      name,
      modelName: freeName(normalizeEnvironmentName(name), taken),
      provider: own?.provider ?? (served as ServedModel).provider,
      sdkAgentType: 'openai_compatible', // the one dialect whose replies carry tokens
      baseModel: own?.base_model ?? (served as ServedModel).modelName,
      sourceId: source.id,
    },
    now(),
  );
  if (model === undefined) throw new Fault(409, `Your team has a model '${name}' already; choose another name.`);
  return model;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!taken.has(candidate)) return candidate;
  }
}

function servedModel({ id, name, modelName, sdkAgentType, isTrainable, provider }: ServedModel): api.models.Model {
  return { id: dashedUuid(id), name, modelName, sdkAgentType, isTrainable, provider: { name: provider } };
}

function ownModel(model: StoredModel): api.models.Model {
  return {
    id: dashedUuid(model.id),
    name: model.name,
    modelName: model.model_name,
    sdkAgentType: model.sdk_agent_type,
    isTrainable: true,
    provider: { name: model.provider },
    sourceModelId: dashedUuid(model.source_id),
    createdAt: new Date(model.created_at).toISOString(),
  };
}
