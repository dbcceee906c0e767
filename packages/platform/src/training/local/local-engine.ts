/**
 * The engine inside this process: small transformers, trained and sampled on the CPU, each in a thread of its own.
 * A thread that dies takes its models along (EngineLost); the next call begins another.
 */
import { LOSSES, type BaseModel, type EngineModel, type Loss, type Sampled, type SampleRequest, type TrainEngine } from '../engine.ts';
import { BASES, readBase } from './bases.ts';
import { Sampler } from './sampler/sampler.ts';
import { removeSaved } from './saved-models.ts';
import { tokenizer } from './tokenizer.ts';
import { Trainer } from './trainer/trainer.ts';

export interface LocalEngineOptions {
  /** Of saved weights. */
  directory: string;
}

/** Its threads begin when they are needed. */
export function openLocalEngine({ directory }: LocalEngineOptions): LocalEngine {
  return new LocalEngine(directory);
}

export class LocalEngine implements TrainEngine {
  readonly name = 'local';
  readonly reduction = 'sum';
  readonly #directory: string;
  #trainer: Trainer | undefined;
  #sampler: Sampler | undefined;
  #isClosed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async bases(): Promise<BaseModel[]> {
    return Promise.all(
      BASES.map(async (name) => ({
        name,
        contextLength: (await readBase(name)).shape.context,
        tokenizer: () => Promise.resolve(tokenizer),
      })),
    );
  }

  losses(): Promise<Loss[]> {
    return Promise.resolve([...LOSSES]);
  }

  async open(base: string, state: string | undefined, signal?: AbortSignal): Promise<EngineModel> {
    this.#refuseClosed();
    if (this.#trainer?.hasEnded !== false) this.#trainer = new Trainer({ directory: this.#directory });
    return this.#trainer.open(base, state, signal);
  }

  /** Whoever has loaded them goes on with what is in memory. */
  async remove(path: string): Promise<boolean> {
    await removeSaved(this.#directory, path);
    return true;
  }

  async sample(request: SampleRequest, signal?: AbortSignal): Promise<Sampled> {
    const tokens = this.stream(request, signal);
    for (;;) {
      const { done, value } = await tokens.next();
      if (done === true) return value;
    }
  }

  async *stream(request: SampleRequest, signal?: AbortSignal): AsyncGenerator<{ token: number; logprob: number }, Sampled> {
    this.#refuseClosed();
    if (this.#sampler?.hasEnded !== false) this.#sampler = new Sampler({ directory: this.#directory });
    return yield* this.#sampler.stream(request, signal);
  }

  /** As if the threads had died. For tests and for a stop that can not wait. */
  async kill(): Promise<void> {
    await Promise.all([this.#trainer?.kill(), this.#sampler?.kill()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#trainer?.close(), this.#sampler?.close()]);
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new TypeError('This engine was closed.');
  }
}
