/**
 * An engine on other machines that speaks the Tinker API: hosted Tinker, or the open server of SkyRL.
 * `models.ts` makes models there, `tinker-model.ts` trains one, `http.ts` has requests and futures.
 */
import { HudError } from 'hud/protocol';
import { z } from 'zod';
import type { Log } from '../../log.ts';
import {
  EngineLost,
  type BaseModel,
  type EngineModel,
  type Loss,
  type Sampled,
  type SampleRequest,
  type TrainEngine,
  type WeightsPath,
} from '../engine.ts';
import type { ToolFormat } from '../text/replies/reply-format.ts';
import { asEngineError, Refused, TinkerHttp, type TinkerAddress } from './http.ts';
import { RemoteModels } from './models.ts';
import { sampleOf } from './sample.ts';
import { SamplerModels } from './sampler-models.ts';
import { removeSave, saveForSamples } from './saves.ts';
import { SERVERS, type ServerKind, type ServerName } from './servers.ts';
import { TinkerSession } from './session.ts';
import { openModel, type Found, type TinkerModel } from './tinker-model.ts';
import { Tokenizers } from './tokenizers.ts';

export interface TinkerEngineOptions extends TinkerAddress {
  /** What speaks the API there. */
  server: ServerName;
  /** Of its models: `characters`, or a folder with their files. */
  tokenizer: string | undefined;
  /** In which its models call tools. @default 'auto', as their chat templates show */
  toolFormat?: ToolFormat | undefined;
  /** Context of models of which the engine does not say it, in tokens. */
  contextTokens: number;
  /** Of the low-rank adapters that it trains. */
  loraRank: number;
  log: Pick<Log, 'warn'>;
  /** @default 10_000 */
  heartbeatMs?: number;
}

const Capabilities = z.object({
  supported_models: z.array(z.object({ model_name: z.string(), max_context_length: z.int().positive().nullish() })),
});
/** Patience of what a platform that starts up waits for. */
const SHORT_MS = 5_000;

/** It asks the engine nothing before it is asked for something itself. */
export function openTinkerEngine(options: TinkerEngineOptions): TinkerEngine {
  return new TinkerEngine(options);
}

export class TinkerEngine implements TrainEngine {
  readonly name = 'tinker';
  readonly #options: TinkerEngineOptions;
  readonly #server: ServerKind;
  readonly #http: TinkerHttp;
  readonly #session: TinkerSession;
  readonly #tokenizers: Tokenizers;
  readonly #models: RemoteModels;
  readonly #samplers: SamplerModels;
  readonly #found: Found = {};
  /** Samples under way, by their weights. */
  readonly #sampling = new Map<WeightsPath, number>();
  #capabilities: Promise<z.output<typeof Capabilities>> | undefined;
  #losses: Promise<Loss[]> | undefined;
  #isClosed = false;

  constructor(options: TinkerEngineOptions) {
    const { log, heartbeatMs = 10_000 } = options;
    this.#options = options;
    this.#server = SERVERS[options.server];
    this.#http = new TinkerHttp(options);
    this.#tokenizers = new Tokenizers(options);
    this.#session = new TinkerSession({ http: this.#http, log, heartbeatMs });
    this.#models = new RemoteModels({
      http: this.#http,
      session: this.#session,
      server: this.#server,
      loraRank: options.loraRank,
      log,
      spare: async () => await this.#samplers.spare(),
    });
    this.#samplers = new SamplerModels({
      make: async (base, weights) => await this.#models.make(base, weights, { isTrained: false }),
      save: async (id) => await saveForSamples(this.#http, id),
      unload: async (id) => await this.#models.unload(id),
    });
  }

  get reduction(): 'sum' | 'mean' {
    return this.#server.reduction;
  }

  /** Those whose text can be read; the others are told of in the log. */
  async bases(): Promise<BaseModel[]> {
    const { supported_models: models } = await this.#supported();
    const names = models.map(({ model_name: name }) => name);
    const known = await this.#tokenizers.known(names);
    const unread = names.filter((name) => !known.includes(name));
    if (unread.length > 0) this.#options.log.warn('models without a tokenizer are not offered', { models: unread.join(', ') });
    return models
      .filter(({ model_name: name }) => known.includes(name))
      .map(({ model_name: name, max_context_length: length }) => ({
        name,
        contextLength: length ?? this.#options.contextTokens,
        tokenizer: async () => await this.#tokenizers.of(name),
      }));
  }

  /** Tried out, once: a server names losses that its trainer does not have. */
  async losses(): Promise<Loss[]> {
    const asked = (this.#losses ??= this.#probed());
    try {
      return await asked;
    } catch (error) {
      if (this.#losses === asked) this.#losses = undefined; // the next one asks again
      throw error;
    }
  }

  async open(base: string, state: string | undefined, signal?: AbortSignal): Promise<EngineModel> {
    return await this.#open(base, state, signal);
  }

  async sample(request: SampleRequest, signal?: AbortSignal): Promise<Sampled> {
    this.#refuseClosed();
    const { base, weights = '' } = request;
    this.#sampling.set(weights, (this.#sampling.get(weights) ?? 0) + 1);
    try {
      return await this.#sample(request, await this.#contextOf(base), signal);
    } finally {
      const left = (this.#sampling.get(weights) ?? 1) - 1;
      if (left === 0) this.#sampling.delete(weights);
      else this.#sampling.set(weights, left);
    }
  }

  async remove(path: WeightsPath): Promise<boolean> {
    this.#refuseClosed();
    if (this.#sampling.has(path)) return false;
    await this.#samplers.drop(path);
    return await removeSave(this.#http, path);
  }

  /** The API has no streams: all tokens come at the end. */
  async *stream(request: SampleRequest, signal?: AbortSignal): AsyncGenerator<{ token: number; logprob: number }, Sampled> {
    const whole = await this.sample(request, signal);
    for (const [i, token] of whole.tokens.entries()) yield { token, logprob: whole.logprobs[i]! };
    return whole;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#models.unloadAll();
    this.#session.close();
    this.#http.close();
  }

  async #sample(request: SampleRequest, contextLength: number, signal?: AbortSignal): Promise<Sampled> {
    const { base, weights } = request;
    const from = async (path: string | undefined): Promise<Sampled> =>
      await sampleOf(this.#http, { ...request, weights: path }, contextLength, signal);
    return await (this.#server.hasSlots && weights !== undefined ? this.#samplers.use(base, weights, from) : from(weights));
  }

  async #open(base: string, state: string | undefined, signal?: AbortSignal): Promise<TinkerModel> {
    this.#refuseClosed();
    const contextLength = await this.#contextOf(base);
    const make = async (path: string | undefined, cancel?: AbortSignal): Promise<string> =>
      await this.#models.make(base, path, { signal: cancel });
    const unload = async (id: string): Promise<void> => await this.#models.unload(id);
    const place = { http: this.#http, server: this.#server, contextLength, found: this.#found, make, unload };
    try {
      return await openModel(place, state, signal);
    } catch (error) {
      throw asEngineError(error);
    }
  }

  async #probed(): Promise<Loss[]> {
    const [first] = (await this.#supported()).supported_models;
    if (first === undefined) throw new HudError('MODEL_UNKNOWN', 'The training engine has no models.');
    await using model = await this.#open(first.model_name, undefined);
    const offered: Loss[] = [];
    for (const loss of this.#server.losses) if (await model.takes(loss)) offered.push(loss);
    return offered;
  }

  async #contextOf(base: string): Promise<number> {
    const found = (await this.#supported()).supported_models.find(({ model_name: name }) => name === base);
    if (found !== undefined) return found.max_context_length ?? this.#options.contextTokens;
    throw new HudError('MODEL_UNKNOWN', `The training engine has no base model "${base}".`);
  }

  async #supported(): Promise<z.output<typeof Capabilities>> {
    const asked = (this.#capabilities ??= this.#http.call('get_server_capabilities', Capabilities, {
      method: 'GET',
      patienceMs: SHORT_MS,
    }));
    try {
      return await asked;
    } catch (error) {
      if (this.#capabilities === asked) this.#capabilities = undefined;
      throw error instanceof Refused ? asEngineError(error) : error;
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new EngineLost('This engine was closed.');
  }
}
