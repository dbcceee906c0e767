/**
 * Models that only sample, one for each checkpoint, for servers that would sample from the weights that are trained: with them, an
 * older checkpoint would replace what was learned since, and a newer state would answer in its name.
 */
import { HudError } from 'hud/protocol';
import type { WeightsPath } from '../engine.ts';
import { asEngineError, Refused } from './http.ts';

export interface SamplerModelsOptions {
  /** Makes one of saved weights. */
  make: (base: string, weights: WeightsPath) => Promise<string>;
  /** @returns what samples of the model are asked for by */
  save: (id: string) => Promise<string>;
  /** Never throws. */
  unload: (id: string) => Promise<void>;
}

interface Sampler {
  model: Promise<{ id: string; path: string }>;
  /** Samples under way. */
  users: number;
}

/** Kept without being used; those of the longest ago go first. */
const MOST_IDLE = 4;

export class SamplerModels {
  readonly #options: SamplerModelsOptions;
  /** The last one used comes last. */
  readonly #samplers = new Map<WeightsPath, Sampler>();

  constructor(options: SamplerModelsOptions) {
    this.#options = options;
  }

  /** @param work gets the path to sample from; once more when the engine has lost its model. @throws what it does; HudError, Fault 503 */
  async use<T>(base: string, weights: WeightsPath, work: (path: string) => Promise<T>): Promise<T> {
    for (let isFirst = true; ; isFirst = false) {
      const sampler = this.#take(base, weights);
      try {
        const { path } = await sampler.model;
        return await work(path);
      } catch (error) {
        const isAgain = isFirst && isGone(error);
        const isMade = await sampler.model.then(
          () => true,
          () => false,
        );
        if ((isAgain || !isMade) && this.#samplers.get(weights) === sampler) this.#samplers.delete(weights);
        if (!isAgain) throw asEngineError(error);
      } finally {
        sampler.users -= 1;
        await this.#trim();
      }
    }
  }

  /** @returns whether there was one that nobody uses; it is unloaded */
  async spare(): Promise<boolean> {
    const [idle] = this.#idle();
    if (idle === undefined) return false;
    await this.drop(idle);
    return true;
  }

  async drop(weights: WeightsPath): Promise<void> {
    const sampler = this.#samplers.get(weights);
    this.#samplers.delete(weights);
    const model = await sampler?.model.catch(() => undefined); // whoever waits for it is told
    if (model !== undefined) await this.#options.unload(model.id);
  }

  #take(base: string, weights: WeightsPath): Sampler {
    const sampler = this.#samplers.get(weights) ?? { model: this.#make(base, weights), users: 0 };
    this.#samplers.delete(weights);
    this.#samplers.set(weights, sampler);
    sampler.users += 1;
    return sampler;
  }

  async #make(base: string, weights: WeightsPath): Promise<{ id: string; path: string }> {
    const id = await this.#options.make(base, weights);
    try {
      return { id, path: await this.#options.save(id) };
    } catch (error) {
      await this.#options.unload(id);
      throw error;
    }
  }

  async #trim(): Promise<void> {
    for (const weights of this.#idle().slice(0, -MOST_IDLE)) await this.drop(weights);
  }

  #idle(): WeightsPath[] {
    return [...this.#samplers].flatMap(([weights, { users }]) => (users === 0 ? [weights] : []));
  }
}

function isGone(error: unknown): boolean {
  const cause = error instanceof HudError ? error.cause : error;
  return cause instanceof Refused && cause.isModelGone;
}
