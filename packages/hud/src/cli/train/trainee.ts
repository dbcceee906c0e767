/** The model that is trained: one of the team's own, or a fork of a base. */
import type { PlatformClient } from '../../api-client/index.ts';
import { fork, type Model } from '../../protocol/api/models.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import { allModels, findModel } from '../model-reference.ts';

export interface TraineeChoice {
  /** Name in requests, name, or id. */
  model: string;
  /** Name of the fork; with one a model of one's own is forked too. */
  fork?: string | undefined;
  /** What forks are named after where nobody says. */
  tasks: string;
}

export interface Trainee {
  model: Model;
  /** The model that it began as just now. */
  forkOf?: Model;
}

/** @throws HudError PLATFORM_NOT_FOUND, BAD_ARGUMENT for a model that can't be trained, or a name that is taken */
export async function traineeOf(client: PlatformClient, { model: reference, fork: name, tasks }: TraineeChoice): Promise<Trainee> {
  const source = await findModel(client, reference).catch(async (error: unknown) => {
    throw (await allModels(client)).some(({ isTrainable }) => isTrainable) ? error : withNothingTrainable(error);
  });
  if (!source.isTrainable) {
    throw new HudError('BAD_ARGUMENT', `'${source.modelName}' can't be trained: its weights are not the platform's.`, {
      hint: '`hud models list` shows which are trainable.',
    });
  }
  const isOwn = typeof source.sourceModelId === 'string';
  if (isOwn && name === undefined) return { model: source };
  const taken = new Set((await allModels(client)).map((model) => model.name));
  // The platform takes the same fork soon after for the same request: that model may be trained by now.
  if (name !== undefined && taken.has(name)) {
    throw new HudError('BAD_ARGUMENT', `There is a model '${name}' already.`, {
      hint: `Train on with --model ${name}, or choose another name for --fork.`,
    });
  }
  const body = { sourceModelId: source.id, name: name ?? freeName(`${source.modelName}-${tasks}`, taken) };
  return { model: await client.call(fork, { body }), forkOf: source };
}

function withNothingTrainable(error: unknown): unknown {
  if (!isHudError(error) || error.code !== 'PLATFORM_NOT_FOUND') return error;
  const hint =
    'It has none that can be trained: HUD_TRAIN_ENGINE of the platform says what trains models, and its log whether that answers.';
  return new HudError(error.code, error.message, { hint, cause: error });
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  const short = name.slice(0, 90);
  if (!taken.has(short)) return short;
  for (let n = 2; ; n += 1) if (!taken.has(`${short}-${n}`)) return `${short}-${n}`;
}
