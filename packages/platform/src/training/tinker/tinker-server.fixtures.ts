/** A server of the Tinker API, over HTTP, whose models are those of the exact engine; and how to disturb it. */
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from 'hud/protocol';
import type { Datum, EngineModel, Loss } from '../engine.ts';
import { CONTEXT, exactEngine, VOCABULARY, type ExactEngine } from '../exact.fixtures.ts';
import { SERVERS, type ServerName } from './servers.ts';
import type { Body, WireDatum } from './tinker-requests.fixtures.ts';

export interface TinkerServer extends AsyncDisposable {
  readonly url: string;
  /** Its models compute here. */
  readonly exact: ExactEngine;
  /** As they came; replays too. */
  readonly requests: readonly { path: string; body: Body }[];
  /** Times that a pass came while one of another loss was under way. */
  readonly mixed: number;
  /** Emits `beat` for each heartbeat. */
  readonly events: EventEmitter;
  /** Milliseconds that have passed for it. */
  clock: number;
  /** For the next request of the path. `cut`: it takes effect and its reply is lost; else this is the reply, and nothing happens. */
  disturb(path: string, how: 'cut' | Reply): void;
  /** Forgets all that is not saved. */
  restart(): void;
  /** Where saved weights are. */
  fileOf(path: string): string;
}

interface Reply {
  status: number;
  body?: unknown;
}

interface Model {
  id: string;
  sessionId: string;
  engine: EngineModel;
  isUsed: boolean;
  /** By sequence number. */
  futures: Map<number, { text: string; id: string }>;
  /** Loss and settings of passes under way. */
  waiting: string[];
  slot: number;
  /** Passes since the last step, where the number of their sequences counts. */
  held: { loss: Loss; config: Record<string, number>; data: Datum[] }[];
  last: Promise<unknown>;
}

const [MOST_DATA, MOST_BYTES, SILENCE_MS] = [1024, 5_200_000, 300_000];
const CLIP = ['clip_low_threshold', 'clip_high_threshold'];
const SETTINGS: Record<Loss, string[]> = { importance_sampling: [], ppo: CLIP, cispo: CLIP, dro: ['beta'], cross_entropy: [] };

class Answered extends Error {
  readonly reply: Reply;

  constructor(status: number, detail: string) {
    super(detail);
    this.reply = { status, body: { detail } };
  }
}

/** @param directory of saved weights */
export async function tinkerServer(directory: string, kind: ServerName = 'skyrl'): Promise<TinkerServer> {
  const server = new Server(directory, kind);
  const http = createServer((request, response) => {
    server.serve(request, response).catch(() => response.destroy()); // whoever asked has gone
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  server.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  server.close = async () => {
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  };
  return server;
}

class Server implements TinkerServer {
  url = '';
  close = (): Promise<void> => Promise.resolve();
  mixed = 0;
  clock = 0;
  readonly exact: ExactEngine;
  readonly requests: { path: string; body: Body }[] = [];
  readonly events = new EventEmitter();
  readonly #kind: ServerName;
  readonly #disturbances: { path: string; how: 'cut' | Reply }[] = [];
  /** Time of its last heartbeat. */
  readonly #sessions = new Map<string, number>();
  readonly #models = new Map<string, Model>();
  readonly #futures = new Map<string, Promise<Reply>>();
  /** By path; undefined while it is not there, or failed. */
  readonly #saved = new Map<string, { file: string; type: string; whole?: string } | undefined>();
  /** Gradients, where models are slots. */
  readonly #slots: Model['held'][] = [];

  constructor(directory: string, kind: ServerName) {
    this.exact = exactEngine(directory);
    this.#kind = kind;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  disturb(path: string, how: 'cut' | Reply): void {
    this.#disturbances.push({ path, how });
  }

  restart(): void {
    this.#sessions.clear();
    this.#models.clear();
    this.#futures.clear();
    this.#slots.length = 0;
  }

  fileOf(path: string): string {
    return this.#savedAt(path).file;
  }

  #savedAt(path: string): { file: string; whole?: string } {
    const bare = path.split('#')[0]!;
    const kinds = [bare, bare.replace(/\/([^/]+)$/, '/sampler_weights/$1')];
    const saved = kinds.map((one) => this.#saved.get(one)).find((one) => one !== undefined);
    if (saved === undefined) throw new Answered(404, `Checkpoint not found: ${path}`);
    return saved;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    const path = (request.url ?? '').replace('/api/v1/', '');
    const body = JSON.parse(text === '' ? '{}' : text) as Body;
    this.requests.push({ path, body });
    const at = this.#disturbances.findIndex((one) => one.path === path);
    const [disturbance] = at === -1 ? [] : this.#disturbances.splice(at, 1);
    const how = disturbance?.how;
    const reply = typeof how === 'object' ? how : await this.#reply(request.method === 'DELETE' ? `DELETE ${path}` : path, body, text);
    if (how === 'cut') response.destroy();
    else response.writeHead(reply.status, { 'content-type': 'application/json' }).end(JSON.stringify(reply.body ?? null));
  }

  async #reply(path: string, body: Body, text: string): Promise<Reply> {
    try {
      if (text.length > MOST_BYTES) throw new Answered(413, 'The body is too long.');
      return await this.#answer(path, body, text);
    } catch (error) {
      if (error instanceof Answered) return error.reply;
      return { status: 500, body: { detail: messageOf(error) } };
    }
  }

  async #answer(path: string, body: Body, text: string): Promise<Reply> {
    const run = /^training_runs\/([^/]+)\/checkpoints$/.exec(path)?.[1];
    if (run !== undefined) return this.#checkpoints(run);
    const [, ofRun, kind, name] = /^DELETE training_runs\/([^/]+)\/checkpoints\/(weights|sampler_weights)\/([^/]+)$/.exec(path) ?? [];
    if (ofRun !== undefined) return await this.#remove(`tinker://${ofRun}/${kind}/${name}`);
    switch (path) {
      case 'get_server_capabilities':
        return { status: 200, body: { supported_models: [{ model_name: 'bigram', max_context_length: CONTEXT }] } };
      case 'create_session':
        return this.#createSession();
      case 'session_heartbeat':
        return this.#beat(body);
      case 'create_model':
        return await this.#createModel(body);
      case 'retrieve_future':
        return (await this.#futures.get(body.request_id)) ?? { status: 404, body: { detail: 'Future not found' } };
      case 'asample':
        return this.#sample(body);
      default:
        return this.#ofModel(path, body, text);
    }
  }

  #createSession(): Reply {
    const id = `session_${randomUUID().slice(0, 8)}`;
    this.#sessions.set(id, this.clock);
    return { status: 200, body: { session_id: id } };
  }

  #beat({ session_id: id }: Body): Reply {
    if (!this.#sessions.has(id)) throw new Answered(404, 'Session not found');
    this.#sessions.set(id, this.clock);
    setImmediate(() => this.events.emit('beat'));
    return { status: 200, body: { type: 'session_heartbeat' } };
  }

  async #createModel({ session_id: sessionId, base_model: base = '' }: Body): Promise<Reply> {
    if (!this.#sessions.has(sessionId)) throw new Answered(404, 'Session not found');
    const id = `model_${randomUUID().slice(0, 8)}`;
    const engine = await this.exact.open(base, undefined);
    const rest = { isUsed: false, futures: new Map(), waiting: [], last: Promise.resolve() };
    const model: Model = { id, sessionId, engine, ...rest, ...this.#freeSlot() };
    this.#models.set(id, model);
    const { body } = this.#future(model, () => ({ model_id: id }));
    return { status: 200, body: { model_id: id, ...(body as object) } };
  }

  /** The lowest one; what is held of its gradient stays from one model to the next. */
  #freeSlot(): Pick<Model, 'slot' | 'held'> {
    if (!SERVERS[this.#kind].hasSlots) return { slot: -1, held: [] };
    const taken = new Set([...this.#models.values()].map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    return { slot, held: (this.#slots[slot] ??= []) };
  }

  #ofModel(path: string, body: Body, text: string): Reply {
    const model = this.#models.get(body.model_id);
    const silence = model === undefined ? 0 : this.clock - (this.#sessions.get(model.sessionId) ?? -Infinity);
    if (model === undefined || silence > SILENCE_MS) throw new Answered(404, 'Model not found');
    const wasUsed = model.isUsed;
    model.isUsed = true;
    switch (path) {
      case 'unload_model':
        this.#models.delete(model.id);
        return this.#future(model, () => ({}));
      case 'load_weights':
        if (wasUsed) throw new Answered(400, 'Weights can only be loaded as the first request of a model.');
        return this.#load(model, this.fileOf(body.path));
      case 'save_weights':
        return this.#save(model, body.path, 'training');
      case 'save_weights_for_sampler':
        return this.#save(model, body.path, 'sampler');
      default:
        return this.#once(model, body, text, () => (path === 'optim_step' ? this.#step(model, body) : this.#pass(model, body)));
    }
  }

  /** The same number with the same body has the same future, where numbers are kept. */
  #once(model: Model, { seq_id: number = -1 }: Body, text: string, work: () => Reply): Reply {
    if (SERVERS[this.#kind].hasSlots) return work();
    const known = model.futures.get(number);
    if (known !== undefined && known.text !== text) throw new Answered(409, 'Training request sequence number was reused');
    if (known !== undefined) return { status: 200, body: { request_id: known.id } };
    const reply = work();
    model.futures.set(number, { text, id: (reply.body as { request_id: string }).request_id });
    return reply;
  }

  #load(model: Model, file: string): Reply {
    return this.#future(model, async () => {
      model.engine = await this.exact.open('bigram', file);
      return { type: 'load_weights' };
    });
  }

  #pass(model: Model, body: Body): Reply {
    const isForward = body.forward_input !== undefined;
    const { data: wire, loss_fn: loss, loss_fn_config: config = {} } = (body.forward_input ?? body.forward_backward_input)!;
    if (!SERVERS[this.#kind].losses.some((one) => one === loss)) throw new Answered(422, `loss_fn: '${loss}' is no loss`);
    if (Object.keys(config).some((name) => !SETTINGS[loss].includes(name))) throw new Answered(422, 'no such setting');
    if (wire.length > MOST_DATA) throw new Answered(413, `${wire.length} data at once`);
    const what = JSON.stringify([isForward, loss, config]);
    if (model.waiting.some((one) => one !== what)) this.mixed += 1;
    model.waiting.push(what);
    return this.#future(model, async () => {
      try {
        const data = wire.map((one) => this.#datum(one, loss));
        const logprobs = await model.engine.forward(data);
        if (!isForward && SERVERS[this.#kind].reduction === 'mean') model.held.push({ loss, config, data });
        else if (!isForward) await model.engine.forwardBackward({ loss, config, data, id: randomUUID() });
        const outputs = logprobs.map((own) => ({ logprobs: { data: Array.from(own), dtype: 'float32', shape: [own.length] } }));
        return { loss_fn_output_type: 'scalar', loss_fn_outputs: outputs, metrics: { 'rows:sum': data.length, 'rows:max': data.length } };
      } finally {
        model.waiting.shift();
      }
    });
  }

  /** As such a server reads it: weights multiply policy losses, and may divide all. */
  #datum({ model_input: { chunks }, loss_fn_inputs: inputs }: WireDatum, loss: Loss): Datum {
    const { reduction, weighsPolicyLosses } = SERVERS[this.#kind];
    const targets = inputs['target_tokens']!.data;
    const of = (name: string, standard: number): number[] => inputs[name]?.data ?? targets.map(() => standard);
    const weights = of('weights', 1);
    if (targets.some((token) => token >= VOCABULARY)) throw new Answered(400, 'target_tokens: no such token');
    if (!weighsPolicyLosses && loss !== 'cross_entropy' && 'weights' in inputs) throw new Answered(400, 'weights: no such input');
    const divisor =
      reduction === 'mean'
        ? Math.max(
            weights.reduce((sum, one) => sum + one, 0),
            1e-9,
          )
        : 1;
    return {
      input: chunks.flatMap(({ tokens }) => tokens),
      targets,
      mask: weights.map(() => 1),
      samplingLogprobs: of('logprobs', 0),
      advantages: of('advantages', 0).map((advantage, i) => (advantage * weights[i]!) / divisor),
      weights: weights.map((weight) => weight / divisor),
    };
  }

  #step(model: Model, { adam_params: adam }: Body): Reply {
    return this.#future(model, async () => {
      const norm = model.held.length;
      const sequences = model.held.reduce((sum, { data }) => sum + data.length, 0);
      const mean = (values: Datum['weights']): number[] => Array.from(values, (value) => value / sequences);
      for (const { loss, config, data } of model.held.splice(0)) {
        const averaged = data.map((datum) => ({ ...datum, advantages: mean(datum.advantages), weights: mean(datum.weights) }));
        await model.engine.forwardBackward({ loss, config, data: averaged, id: randomUUID() });
      }
      const { learning_rate: learningRate, beta1, beta2, eps, weight_decay: weightDecay } = adam;
      await model.engine.optimStep({ learningRate, beta1, beta2, eps, weightDecay }, randomUUID());
      return { metrics: { 'skyrl.ai/grad_norm': norm } };
    });
  }

  #save(model: Model, name: string, type: 'training' | 'sampler'): Reply {
    const listed = `tinker://${model.id}/${type === 'training' ? 'weights' : 'sampler_weights'}/${name}`;
    if (this.#saved.has(listed)) throw new Answered(409, `Checkpoint '${name}' already exists for model '${model.id}'`);
    this.#saved.set(listed, undefined);
    return this.#future(model, async () => {
      const file = `${model.id}-${type}-${name}`;
      const path = type === 'training' ? await model.engine.saveState(file) : await model.engine.saveSampler(file);
      const whole = SERVERS[this.#kind].hasSlots ? { whole: await model.engine.saveState(`${file}-whole`) } : {};
      this.#saved.set(listed, { file: path, type, ...whole });
      return { path: type === 'training' ? listed : `tinker://${model.id}/${name}`, type: 'saved' };
    });
  }

  #checkpoints(modelId: string): Reply {
    const own = [...this.#saved].flatMap(([path, saved]) =>
      saved !== undefined && path.startsWith(`tinker://${modelId}/`) ? [{ path, saved }] : [],
    );
    return { status: 200, body: { checkpoints: own.map(({ path, saved }) => ({ checkpoint_type: saved.type, tinker_path: path })) } };
  }

  async #remove(path: string): Promise<Reply> {
    if (!this.#saved.has(path)) throw new Answered(404, `Checkpoint not found: ${path}`);
    const saved = this.#saved.get(path);
    if (saved === undefined) throw new Answered(425, 'The checkpoint is still being saved.');
    this.#saved.delete(path);
    await this.exact.remove(saved.file);
    return { status: 204 };
  }

  #sample({ base_model: base, model_path: path, prompt, sampling_params: params }: Body): Reply {
    const weights = path === undefined ? undefined : this.fileOf(path);
    const model = path === undefined || !SERVERS[this.#kind].hasSlots ? undefined : this.#modelOf(path);
    return this.#future(model, async () => {
      // Of the model that made the checkpoint, whatever it has become since.
      if (model !== undefined) model.engine = await this.exact.open('bigram', this.#savedAt(path ?? '').whole);
      const { tokens, logprobs, stopReason } = await this.exact.sample({
        weights,
        base: base ?? 'bigram',
        prompt: prompt.chunks.flatMap((chunk) => chunk.tokens),
        maxTokens: params.max_tokens,
        temperature: params.temperature,
        stop: (params.stop ?? []).map((token) => [token]),
        ...(params.seed !== undefined && { seed: params.seed }),
      });
      return { sequences: [{ tokens, logprobs, stop_reason: stopReason }] };
    });
  }

  #modelOf(path: string): Model {
    const id = path.split('/')[2] ?? '';
    const model = this.#models.get(id);
    if (model === undefined) throw new Answered(400, `Model ${id} not loaded`);
    return model;
  }

  /** Done after what came before it, and not at once. */
  #future(model: Model | undefined, work: () => unknown): Reply {
    const id = randomUUID();
    const before = model?.last;
    const done = (async (): Promise<Reply> => {
      await before;
      await sleep(2);
      try {
        return { status: 200, body: await work() };
      } catch (error) {
        return error instanceof Answered ? error.reply : { status: 400, body: { detail: messageOf(error) } };
      }
    })();
    if (model !== undefined) model.last = done;
    this.#futures.set(id, done);
    return { status: 200, body: { future_id: id, request_id: id, status: 'pending' } };
  }
}
