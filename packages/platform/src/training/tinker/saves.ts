/** Weights of one engine model, saved under names: each once, whatever became of the answer to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HudError } from 'hud/protocol';
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import type { WeightsPath } from '../engine.ts';
import { Refused, type TinkerHttp } from './http.ts';

export type Saved = 'training' | 'sampler';

interface Save {
  /** Steps of the model when it was asked for. */
  steps: number;
  /** Names that a save which failed has taken. */
  spoiled: number;
  path: WeightsPath | undefined;
}

const ROUTES: Readonly<Record<Saved, string>> = { training: 'save_weights', sampler: 'save_weights_for_sampler' };
const NAME = /^[\w-]{1,240}$/;
const MOST_SPOILED = 20;
/** How long a save may still be under way whose answer did not come. */
const [ADOPT_MS, ADOPT_PAUSE_MS] = [10 * 60_000, 500];

const Answer = z.object({ path: z.string() });
const Listed = z.object({ checkpoints: z.array(z.object({ checkpoint_type: z.string(), tinker_path: z.string() })) });

export class Saves {
  readonly #http: TinkerHttp;
  readonly #saves = new Map<string, Save>();

  constructor(http: TinkerHttp) {
    this.#http = http;
  }

  /** @throws HudError for a name that can't be one, or that weights of another step have; Refused, Fault 503 */
  async save(kind: Saved, model: { id: string; steps: number }, name: string): Promise<WeightsPath> {
    if (!NAME.test(name))
      throw new HudError('BAD_ARGUMENT', `"${name}" can not be the name of saved weights.`, { hint: 'Use letters, digits, "-" and "_".' });
    const save = this.#saves.get(`${kind} ${name}`) ?? { steps: model.steps, spoiled: 0, path: undefined };
    if (save.steps !== model.steps)
      throw new HudError('BAD_ARGUMENT', `There are weights "${name}" already, of step ${save.steps}; these are of step ${model.steps}.`, {
        hint: 'Save under another name.',
      });
    this.#saves.set(`${kind} ${name}`, save);
    return (save.path ??= await this.#saved(kind, model.id, name, save));
  }

  async #saved(kind: Saved, modelId: string, name: string, save: Save): Promise<WeightsPath> {
    for (; save.spoiled < MOST_SPOILED; save.spoiled += 1) {
      const path = save.spoiled === 0 ? name : `${name}-${save.spoiled + 1}`;
      try {
        return (await this.#http.future(ROUTES[kind], Answer, { model_id: modelId, path })).path;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.isHandled) save.spoiled += 1;
        if (error.status !== 409) throw error;
      }
      // An earlier request got through: nobody else knows this model.
      const adopted = await this.#adopted(kind, modelId, path);
      if (adopted !== undefined) return adopted;
    }
    throw new Fault(503, `The training engine could not save "${name}", ${MOST_SPOILED} times.`);
  }

  async #adopted(kind: Saved, modelId: string, path: string): Promise<WeightsPath | undefined> {
    const until = performance.now() + ADOPT_MS;
    for (;;) {
      const { checkpoints } = await this.#http.call(`training_runs/${encodeURIComponent(modelId)}/checkpoints`, Listed, { method: 'GET' });
      const found = checkpoints.find((one) => one.checkpoint_type === kind && one.tinker_path.endsWith(`/${path}`));
      if (found !== undefined) return found.tinker_path;
      if (performance.now() > until) return undefined;
      await sleep(ADOPT_PAUSE_MS);
    }
  }
}

/** Of a model that is never trained. @returns the path to sample from. @throws Refused, Fault 503 */
export async function saveForSamples(http: TinkerHttp, id: string): Promise<string> {
  return (await http.future(ROUTES.sampler, Answer, { model_id: id, path: 'own' })).path;
}

/**
 * Removes saved weights from the engine.
 * @param path as `saveState` or `saveSampler` gave it; of another engine, there is nothing to remove
 * @returns false while a save or something else holds them: ask again later. @throws Fault 503
 */
export async function removeSave(http: TinkerHttp, path: WeightsPath): Promise<boolean> {
  const [, run, kind = 'sampler_weights', name] = /^tinker:\/\/([^/#]+)\/(?:(weights|sampler_weights)\/)?([^/#]+)/.exec(path) ?? [];
  if (run === undefined || name === undefined) return true;
  const status = await http.discard(`training_runs/${encodeURIComponent(run)}/checkpoints/${kind}/${encodeURIComponent(name)}`);
  if (status < 300 || status === 404 || status === 410) return true;
  if ([408, 409, 425, 429].includes(status)) return false;
  throw new Fault(503, `The training engine does not remove saved weights: it answers ${status}.`);
}
