/**
 * A model in a remote engine. One call at a time, since some servers put passes that wait into one and take the first one's loss for
 * all. Each pass and step has sequence numbers before it is sent: whatever is sent again under them happens once.
 */
import { HudError, messageOf } from 'hud/protocol';
import { z } from 'zod';
import {
  EngineLost,
  type AdamParams,
  type Datum,
  type EngineModel,
  type Loss,
  type Pass,
  type PassResult,
  type WeightsPath,
} from '../engine.ts';
import { lossOf, settingsOf } from '../local/trainer/loss.ts';
import { combine } from '../metrics.ts';
import { Queue } from '../queue.ts';
import { checkData, chunksOf, logprobsOf, NO_LOSS, PassOutput, stated, type Chunk } from './data.ts';
import { asEngineError, Refused, type Ticket, type TinkerHttp } from './http.ts';
import { Saves } from './saves.ts';
import type { ServerKind } from './servers.ts';

export interface ModelPlace {
  http: TinkerHttp;
  server: ServerKind;
  contextLength: number;
  /** What was found out about the server. */
  found: Found;
  /** Makes one in the engine. @returns its id there */
  make: (state: string | undefined, signal?: AbortSignal) => Promise<string>;
  /** Never throws. */
  unload: (id: string) => Promise<void>;
}

export interface Found {
  /** The same request again, under the number that it had, is done once. */
  keepsNumbers?: boolean;
}

/** What was sent and has had no answer: only the same again is safe. */
interface Unsure {
  id: string;
  kind: 'pass' | 'step';
}

const NEVER = (): boolean => false;

const PROBE: Datum = { input: [0, 0], targets: [0, 0], mask: [0, 1], samplingLogprobs: [0, -1], advantages: [0, 1], weights: [0, 1] };

/** @param state a path as `saveState` gave it: the engine's own, and after a `#` the step that made the weights */
export async function openModel(place: ModelPlace, state: WeightsPath | undefined, signal?: AbortSignal): Promise<TinkerModel> {
  const [path, step] = state?.split('#') ?? [];
  if (path !== undefined && !path.startsWith('tinker://'))
    throw new HudError('BAD_ARGUMENT', `There are no saved weights "${path}" in this engine.`, { hint: 'Were they saved by another one?' });
  const model = new TinkerModel(place, await place.make(path, signal), { path, step });
  try {
    await model.tryNumbers(signal);
    return model;
  } catch (error) {
    await model[Symbol.asyncDispose]();
    throw error;
  }
}

export class TinkerModel implements EngineModel {
  readonly #place: ModelPlace;
  readonly #queue = new Queue();
  readonly #saves: Saves;
  /** Of passes and steps, by kind and id. */
  readonly #numbers = new Map<string, number[]>();
  readonly #passes = new Map<string, PassResult>();
  #id: string;
  #lastNumber = 0;
  #steps = 0;
  #step: string | undefined;
  /** Where the weights are saved as they are; a path of undefined: the base's own. */
  #saved: { path: string | undefined } | undefined;
  #hasGradient = false;
  #unsure: Unsure | undefined;
  #lost: EngineLost | undefined;

  constructor(place: ModelPlace, id: string, { path, step }: { path: string | undefined; step: string | undefined }) {
    this.#place = place;
    this.#saves = new Saves(place.http);
    this.#id = id;
    this.#step = step;
    this.#saved = { path };
  }

  async forward(data: readonly Datum[], signal?: AbortSignal): Promise<Float32Array[]> {
    return await this.#inTurn(NEVER, async () => {
      checkData(data, this.#place.contextLength);
      return await this.#logprobs(data, signal);
    });
  }

  async forwardBackward(pass: Pass, signal?: AbortSignal): Promise<PassResult> {
    return await this.#inTurn(
      ({ kind, id }) => kind === 'pass' && id === pass.id,
      async () => {
        const known = this.#passes.get(pass.id);
        if (known !== undefined) return known;
        const { server, contextLength } = this.#place;
        checkData(pass.data, contextLength);
        const needsCurrent = pass.loss === 'cross_entropy' && server.reduction === 'mean';
        const current = needsCurrent ? await this.#logprobs(pass.data, signal) : [];
        const chunks = await chunksOf(pass.data, stated(pass, server, current));
        const result = await this.#once({ id: pass.id, kind: 'pass' }, chunks.length, async (numbers, isOnce) => {
          const outputs = await this.#send('forward_backward', chunks, { numbers, isOnce, signal });
          return passResult(pass, chunks, outputs);
        });
        this.#hasGradient = true;
        this.#passes.set(pass.id, result);
        return result;
      },
    );
  }

  async optimStep({ learningRate, beta1, beta2, eps, weightDecay }: AdamParams, id: string): Promise<void> {
    await this.#inTurn(
      (unsure) => unsure.kind === 'step' && unsure.id === id,
      async () => {
        if (this.#step === id) return;
        if (weightDecay > 0 && this.#place.server.hasSlots)
          throw new HudError('BAD_ARGUMENT', 'On this training engine the weight decay of one model changes the weights of all others.', {
            hint: 'Step with a weight decay of 0.',
          });
        const params = { learning_rate: learningRate, beta1, beta2, eps, weight_decay: weightDecay };
        await this.#once({ id, kind: 'step' }, 1, async ([number], isOnce) => {
          const body = JSON.stringify({ model_id: this.#id, adam_params: params, seq_id: number });
          const { http } = this.#place;
          await http.result(await http.submit('optim_step', body, { isOnce }), z.unknown());
        });
        this.#step = id;
        this.#steps += 1;
        this.#saved = undefined;
        this.#forget();
      },
    );
  }

  /** The engine can't: another model takes its place, from where the weights are saved. */
  async dropGradient(): Promise<void> {
    await this.#inTurn(
      ({ kind }) => kind === 'pass',
      async () => {
        if (!this.#hasGradient && this.#unsure === undefined) return;
        const before = this.#id;
        this.#saved ??= { path: await this.#saves.save('training', { id: before, steps: this.#steps }, `held-${this.#steps}`) };
        this.#id = await this.#place.make(this.#saved.path);
        this.#lastNumber = 0;
        this.#forget();
        await this.#place.unload(before);
      },
    );
  }

  async saveState(name: string): Promise<WeightsPath> {
    return await this.#inTurn(NEVER, async () => {
      const path = await this.#saves.save('training', { id: this.#id, steps: this.#steps }, name);
      this.#saved = { path };
      return this.#step === undefined ? path : `${path}#${this.#step}`;
    });
  }

  async saveSampler(name: string): Promise<WeightsPath> {
    // Where samples have models of their own, those are made of what training goes on from.
    const [kind, own] = this.#place.server.hasSlots ? (['training', `${name}-sampler`] as const) : (['sampler', name] as const);
    return await this.#inTurn(NEVER, async () => await this.#saves.save(kind, { id: this.#id, steps: this.#steps }, own));
  }

  /** Finds out whether the server keeps them, with a request that changes nothing; once for all models. */
  async tryNumbers(signal: AbortSignal | undefined): Promise<void> {
    const { http, found } = this.#place;
    if (found.keepsNumbers !== undefined) return;
    const [{ json }] = (await chunksOf([PROBE], NO_LOSS)) as [Chunk];
    const head = JSON.stringify({ model_id: this.#id, seq_id: this.#numbered(1)[0] }).slice(0, -1);
    const body = `${head},"forward_input":${json}}`;
    const [first, second] = [await http.submit('forward', body, { signal }), await http.submit('forward', body, { signal })];
    for (const ticket of [first, second]) await http.result(ticket, PassOutput, signal);
    found.keepsNumbers = first.requestId === second.requestId;
  }

  /** Whether the engine computes the loss; nothing of it stays. */
  async takes(loss: Loss): Promise<boolean> {
    return await this.#inTurn(NEVER, async () => {
      const chunks = await chunksOf([PROBE], stated({ loss, config: {} }, { ...this.#place.server, reduction: 'sum' }, []));
      try {
        await this.#send('forward', chunks, { numbers: this.#numbered(1) });
        return true;
      } catch (error) {
        if (error instanceof Refused && error.isHandled) return false;
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lost ??= new EngineLost('The model was closed.');
    await this.#place.unload(this.#id);
  }

  async #logprobs(data: readonly Datum[], signal?: AbortSignal): Promise<Float32Array[]> {
    const chunks = await chunksOf(data, NO_LOSS);
    const outputs = await this.#send('forward', chunks, { numbers: this.#numbered(chunks.length), signal });
    return chunks.flatMap((chunk, i) => logprobsOf(outputs[i]!, chunk.data));
  }

  /** All of the chunks are waited for, so that no pass is under way when it is over. @throws EngineLost when a part was added */
  async #send(
    path: 'forward' | 'forward_backward',
    chunks: readonly Chunk[],
    { numbers, isOnce, signal }: { numbers: readonly number[]; isOnce?: boolean; signal?: AbortSignal | undefined },
  ): Promise<PassOutput[]> {
    const { http, server } = this.#place;
    const tickets: Ticket[] = [];
    const failures: unknown[] = [];
    try {
      for (const [i, { json }] of chunks.entries()) {
        const head = JSON.stringify({ model_id: this.#id, seq_id: numbers[i] }).slice(0, -1);
        tickets.push(await http.submit(path, `${head},"${path}_input":${json}}`, { signal, isOnce }));
      }
    } catch (error) {
      failures.push(error);
    }
    const settled = await Promise.allSettled(tickets.map(async (ticket) => await http.result(ticket, PassOutput, signal)));
    failures.push(...settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])));
    const late = settled.find((one) => one.status === 'rejected' && one.reason instanceof Refused);
    if (late?.status === 'rejected' && server.hasSlots && path === 'forward_backward')
      throw new EngineLost(`The engine failed within the pass, with a part of it added or none: ${messageOf(late.reason)}.`);
    const outputs = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (failures.length === 0) return outputs;
    const unknown = failures.find((failure) => !(failure instanceof Refused && failure.isHandled));
    if (unknown !== undefined) throw unknown;
    if (outputs.length === 0 || path === 'forward') throw failures[0];
    throw new EngineLost('The engine refused a part of the pass after it had added another to the gradient.');
  }

  /** Under the numbers that it had before, if it was sent before. @throws EngineLost when the server does not keep numbers */
  async #once<T>(asked: Unsure, count: number, work: (numbers: readonly number[], isOnce: boolean) => Promise<T>): Promise<T> {
    const isOnce = this.#place.found.keepsNumbers !== true;
    const name = `${asked.kind} ${asked.id}`;
    if (isOnce && this.#numbers.has(name))
      throw new EngineLost(`Whether the ${asked.kind} took effect is not known, and the engine would do it twice.`);
    const numbers = this.#numbers.get(name) ?? this.#numbered(count);
    if (numbers.length !== count) throw new EngineLost('A pass was sent again with other data.');
    this.#numbers.set(name, numbers);
    this.#unsure = asked;
    try {
      const result = await work(numbers, isOnce);
      this.#unsure = undefined;
      return result;
    } catch (error) {
      if (error instanceof Refused && error.isHandled) {
        this.#unsure = undefined;
        this.#numbers.delete(name); // what was refused under them is refused for good
      }
      throw error;
    }
  }

  /** @param isSafe while it is not known whether that took effect */
  async #inTurn<T>(isSafe: (unsure: Unsure) => boolean, work: () => Promise<T>): Promise<T> {
    return await this.#queue.run(async () => {
      if (this.#lost !== undefined) throw this.#lost;
      try {
        if (this.#unsure !== undefined && !isSafe(this.#unsure))
          throw new EngineLost(`Whether a ${this.#unsure.kind} before this one took effect is not known.`);
        return await work();
      } catch (error) {
        const told = asEngineError(error);
        if (told instanceof EngineLost) this.#lost = told;
        throw told;
      }
    });
  }

  #numbered(count: number): number[] {
    return Array.from({ length: count }, () => (this.#lastNumber += 1));
  }

  #forget(): void {
    this.#hasGradient = false;
    this.#unsure = undefined;
    this.#passes.clear();
    this.#numbers.clear();
  }
}

/** The loss is summed here, whatever the server's own numbers mean; those are passed on by their names. */
function passResult(pass: Pass, chunks: readonly Chunk[], outputs: readonly PassOutput[]): PassResult {
  const logprobs = chunks.flatMap((chunk, i) => logprobsOf(outputs[i]!, chunk.data));
  const settings = settingsOf(pass);
  let sum = 0;
  for (const [d, { advantages, weights, samplingLogprobs }] of pass.data.entries()) {
    const factors = pass.loss === 'cross_entropy' ? weights : advantages;
    for (const [i, factor] of factors.entries()) sum += lossOf(settings, logprobs[d]![i]!, samplingLogprobs[i]!, factor);
  }
  if (!Number.isFinite(sum)) throw new EngineLost('The loss of the pass is no finite number.');
  const told = outputs.map(({ metrics }, i) => ({
    datums: chunks[i]!.data.length,
    metrics: Object.fromEntries(
      Object.entries(metrics ?? {}).flatMap(([name, value]) => (typeof value === 'number' ? [[`tinker.${name}`, value]] : [])),
    ),
  }));
  return { logprobs, metrics: { ...combine(told), 'loss:sum': sum } };
}
