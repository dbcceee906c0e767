/** Serves the engine's models: its bases, and what teams made of them, each request from the weights of one checkpoint. */
import { dashedUuid, uuid5 } from 'hud/protocol';
import { Fault } from '../../fault.ts';
import type { Db } from '../../storage/database.ts';
import { findCheckpoint, findModelByName, listCheckpoints, listModels, type StoredModel } from '../../storage/models/models.ts';
import type { BaseModel, TrainEngine } from '../engine.ts';
import { streamed, whole } from './answer.ts';
import { jobOf, type ChatCall, type Served } from './chat-job.ts';
import type { ChatUsage } from './chat-reply.ts';
import { readChatRequest } from './chat-request.ts';
import type { KnownBases } from './known-bases.ts';

/** A model as the catalogue of the gateway has it. */
export interface SampledModel {
  id: string;
  modelName: string;
  name: string;
  provider: string;
  sdkAgentType: 'openai_compatible';
  isTrainable: true;
  upstream: string;
  upstreamModel: string;
  price: { input: number; output: number };
  /** Absent while the engine has not told it. */
  contextTokens?: number;
}

export interface ChatAnswer {
  headers: Record<string, string>;
  body: AsyncIterable<Buffer>;
  /** As far as it has come. */
  usage(): ChatUsage;
}

export interface SamplersOptions {
  db: Db;
  engine: TrainEngine;
  bases: KnownBases;
}

/** How long a question that is not about the engine waits for it, in milliseconds. */
const [SHORT_MS, LONG_MS] = [1_000, 10_000];

export class Samplers {
  readonly #options: SamplersOptions;
  #described: { of: readonly BaseModel[]; models: readonly SampledModel[] } = { of: [], models: [] };

  constructor(options: SamplersOptions) {
    this.#options = options;
  }

  /** Name of the server that they are said to be at. */
  get upstream(): string {
    return this.#options.engine.name;
  }

  /** Those that everybody has, as far as they are known: another list once there are others. */
  get bases(): readonly SampledModel[] {
    const { known } = this.#options.bases;
    if (this.#described.of !== known)
      this.#described = {
        of: known,
        models: known.map((base) => this.#describe(base, { id: uuid5(base.name), modelName: base.name, name: base.name })),
      };
    return this.#described.models;
  }

  /** A model that the team made, by what requests say, by id or by name; a base when the catalogue could not have it yet. */
  async find(teamId: string, name: string): Promise<SampledModel | undefined> {
    const { db, bases } = this.#options;
    const model = await findModelByName(db, teamId, name);
    if (model !== undefined) return this.#own(model);
    if (bases.known.length > 0) return undefined;
    await bases.within(SHORT_MS);
    return this.bases.find(({ modelName, id }) => modelName === name || id === name);
  }

  /** All that the team made. */
  async list(teamId: string): Promise<SampledModel[]> {
    await this.#options.bases.within(SHORT_MS);
    return (await listModels(this.#options.db, teamId)).flatMap((model) => this.#own(model) ?? []);
  }

  /** @throws Fault 400 for what it can't do, 404 for a checkpoint that is not there, 503 while the engine can't be used */
  async complete(call: ChatCall, signal: AbortSignal): Promise<ChatAnswer> {
    const request = readChatRequest(call.body);
    const served = await this.#served(call, request.checkpoint);
    const job = await jobOf(call, request, served);
    const headers = { 'x-hud-checkpoint': served.checkpoint === undefined ? 'base' : dashedUuid(served.checkpoint.id) };
    const usage: ChatUsage = { promptTokens: job.prompt.length, completionTokens: 0 };
    const { db, engine } = this.#options;
    const parts = { db, engine, signal, usage };
    const asked = { usage: () => usage };
    if (request.isStream) {
      const type = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
      return { ...asked, headers: { ...headers, ...type }, body: streamed(job, parts) };
    }
    const reply = await whole(job, parts);
    return { ...asked, headers: { ...headers, 'content-type': 'application/json' }, body: one(reply) };
  }

  /** While the engine is out of reach, all that were made of its bases are listed: each call says why it fails. */
  #own(model: StoredModel): SampledModel | undefined {
    const { known } = this.#options.bases;
    const base = known.find(({ name }) => name === model.base_model);
    if (base === undefined && known.length > 0) return undefined;
    return this.#describe(base, { id: model.id, modelName: model.model_name, name: model.name });
  }

  #describe(base: BaseModel | undefined, names: Pick<SampledModel, 'id' | 'modelName' | 'name'>): SampledModel {
    const { name: engine } = this.#options.engine;
    return {
      ...names,
      provider: engine,
      sdkAgentType: 'openai_compatible',
      isTrainable: true,
      upstream: engine,
      upstreamModel: names.modelName,
      price: { input: 0, output: 0 },
      ...(base !== undefined && { contextTokens: base.contextLength }),
    };
  }

  /** The head of this moment: a promotion in the middle of a request changes nothing of it. */
  async #served({ teamId, modelName }: ChatCall, pinned: string | undefined): Promise<Served> {
    const { db } = this.#options;
    const bases = await this.#options.bases.within(LONG_MS);
    if (bases.length === 0) throw this.#options.bases.missing;
    const isBase = bases.find(({ name }) => name === modelName);
    const model = isBase === undefined ? await findModelByName(db, teamId, modelName) : undefined;
    const base = isBase ?? bases.find(({ name }) => name === model?.base_model);
    if (base === undefined) throw new Fault(404, `There is no model '${modelName.slice(0, 100)}' that is sampled here.`);
    if (pinned === undefined || model === undefined) {
      if (pinned !== undefined && pinned !== 'base') throw noCheckpoint(pinned, modelName);
      const checkpoint = model?.head_id == null ? undefined : await findCheckpoint(db, model.id, model.head_id);
      return { base, model, checkpoint };
    }
    if (pinned === 'base') return { base, model, checkpoint: undefined };
    const all = await listCheckpoints(db, model.id);
    const id = pinned.replaceAll('-', '').toLowerCase();
    const checkpoint = all.find((one) => one.id === id) ?? all.findLast((one) => one.name === pinned || one.checkpoint_name === pinned);
    if (checkpoint === undefined) throw noCheckpoint(pinned, modelName);
    return { base, model, checkpoint };
  }
}

function noCheckpoint(pinned: string, modelName: string): Fault {
  return new Fault(404, `There is no checkpoint '${pinned.slice(0, 200)}' of model '${modelName.slice(0, 100)}'.`);
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}
