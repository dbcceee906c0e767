/** Models of this platform in a remote engine: made, filled with saved weights, unloaded. */
import { HudError, messageOf } from 'hud/protocol';
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import type { Log } from '../../log.ts';
import { Refused, type TinkerHttp } from './http.ts';
import type { ServerKind } from './servers.ts';
import type { TinkerSession } from './session.ts';

export interface RemoteModelsOptions {
  http: TinkerHttp;
  session: TinkerSession;
  server: ServerKind;
  loraRank: number;
  log: Pick<Log, 'warn'>;
  /** Makes room in an engine that is full. @returns false when there is nothing to spare */
  spare: () => Promise<boolean>;
}

export interface MakeOptions {
  signal?: AbortSignal | undefined;
  /** @default true */
  isTrained?: boolean;
}

const Created = z.object({ model_id: z.string(), request_id: z.coerce.string().nullish() });
const Made = z.object({ model_id: z.string().optional() }).nullish();
const Stepped = z.object({ metrics: z.object({ 'skyrl.ai/grad_norm': z.number().optional() }).nullish() });
const UNLOAD_MS = 5_000;
/** The same adapter for each model that begins at the base. */
const SEED = 1;
/** Moves no weight, and leaves no gradient. */
const EMPTYING = { learning_rate: 0, beta1: 0, beta2: 0, eps: 1, weight_decay: 0 };
const MOST_EMPTYING = 3;

export class RemoteModels {
  readonly #options: RemoteModelsOptions;
  readonly #ids = new Set<string>();
  #made = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: RemoteModelsOptions) {
    this.#options = options;
  }

  /**
   * @param state a path of saved weights; undefined: the base's own
   * @throws HudError BAD_ARGUMENT when there are none; Refused; Fault 503
   */
  async make(base: string, state: string | undefined, { signal, isTrained = true }: MakeOptions = {}): Promise<string> {
    const id = await this.#placed(base, isTrained, signal);
    this.#ids.add(id);
    if (state === undefined) return id;
    try {
      // Its first request: later ones may not load.
      await this.#options.http.future('load_weights', z.unknown(), { model_id: id, path: state, optimizer: true }, signal);
      return id;
    } catch (error) {
      await this.unload(id);
      if (!(error instanceof Refused && error.isModelGone)) throw error;
      throw new HudError('BAD_ARGUMENT', `There are no saved weights "${state}" in the training engine any more: ${error.detail}.`);
    }
  }

  /** Never throws: what is not unloaded goes with the session. */
  async unload(id: string): Promise<void> {
    if (!this.#ids.delete(id)) return;
    try {
      await (this.#options.server.hasSlots ? this.#alone(async () => await this.#tellUnload(id)) : this.#tellUnload(id));
    } catch (error) {
      if (error instanceof Refused && error.isModelGone) return;
      this.#options.log.warn('model was not unloaded from the training engine', { model: id, reason: messageOf(error) });
    }
  }

  async unloadAll(): Promise<void> {
    await Promise.all([...this.#ids].map(async (id) => await this.unload(id)));
  }

  async #placed(base: string, isTrained: boolean, signal: AbortSignal | undefined): Promise<string> {
    const make = async (): Promise<string> => await (isTrained ? this.#inEmptySlot(base, signal) : this.#create(base, signal));
    for (;;) {
      try {
        return await (this.#options.server.hasSlots ? this.#alone(make) : this.#create(base, signal));
      } catch (error) {
        const isFull = error instanceof Refused && /\bmaximum number of lora adapters\b/i.test(error.detail);
        if (!isFull) throw error;
        if (!(await this.#options.spare())) throw new Fault(503, `The training engine has no room for another model: ${error.detail}.`);
      }
    }
  }

  /**
   * A slot keeps the gradient of the model that was in it before, and the lowest free one is taken: a first model empties it, a second
   * one, whose optimizer has taken no step, comes into its place. Nothing else is made or unloaded meanwhile.
   */
  async #inEmptySlot(base: string, signal: AbortSignal | undefined): Promise<string> {
    const first = await this.#create(base, signal);
    try {
      await this.#empty(first, signal);
    } finally {
      await this.#tellUnload(first);
    }
    return await this.#create(base, signal);
  }

  async #empty(id: string, signal: AbortSignal | undefined): Promise<void> {
    for (let tries = 0; tries < MOST_EMPTYING; tries += 1) {
      try {
        const { metrics } = await this.#options.http.future('optim_step', Stepped, { model_id: id, adam_params: EMPTYING }, signal);
        if ((metrics?.['skyrl.ai/grad_norm'] ?? 0) === 0) return;
      } catch (error) {
        // What was left is no finite number, and the engine can't write that as JSON.
        if (!(error instanceof Refused && error.status === 500)) throw error;
      }
    }
    throw new Fault(503, `The training engine keeps a gradient of another model, after ${MOST_EMPTYING} steps that should end it.`);
  }

  /** In a new session when the engine has forgotten ours. */
  async #create(base: string, signal: AbortSignal | undefined): Promise<string> {
    const { http, session, loraRank } = this.#options;
    const number = (this.#made += 1);
    for (let isFirst = true; ; isFirst = false) {
      const sessionId = await session.id();
      const lora = { rank: loraRank, seed: SEED };
      const body = JSON.stringify({ session_id: sessionId, base_model: base, lora_config: lora, model_seq_id: number });
      try {
        const { model_id: id, request_id: requestId } = await http.call('create_model', Created, { body, signal });
        if (requestId == null) return id;
        const made = await http.result({ path: 'create_model', body, requestId }, Made, signal);
        return made?.model_id ?? id;
      } catch (error) {
        if (!(isFirst && error instanceof Refused && error.status === 404)) throw error;
        session.forget();
      }
    }
  }

  async #tellUnload(id: string): Promise<void> {
    await this.#options.http.tell('unload_model', { model_id: id }, UNLOAD_MS);
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  }
}
