/**
 * An engine whose every number can be computed by hand: the logits of a token depend on the token before it alone.
 * Bytes are tokens; weights are a table of 261 x 261 doubles, kept in files.
 */
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HudError } from 'hud/protocol';
import {
  EngineLost,
  LOSSES,
  type AdamParams,
  type BaseModel,
  type Datum,
  type EngineModel,
  type Loss,
  type Pass,
  type PassResult,
  type Sampled,
  type SampleRequest,
  type Tokenizer,
  type TrainEngine,
} from './engine.ts';

const ROLES = ['system', 'user', 'assistant', 'tool'];
const END = 256 + ROLES.length;
export const VOCABULARY = END + 1;
const SIZE = VOCABULARY ** 2;
export const CONTEXT = 512;

export const bytes: Tokenizer = {
  stop: [[END]],
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens.filter((token) => token < 256))),
  render: (messages) => [
    ...messages.flatMap(({ role, content }) => [256 + Math.max(0, ROLES.indexOf(role)), ...bytes.encode(content), END]),
    256 + ROLES.indexOf('assistant'),
  ],
};

export interface ExactEngine extends TrainEngine {
  /** Whatever is in memory is gone. */
  lose(): void;
  /** The next save fails, as a full disk makes it. */
  failNextSave(): void;
  /** Passes that added to a gradient, over all models. */
  readonly passes: number;
}

/** @param directory of saved weights, as another process may have left them */
export function exactEngine(directory: string): ExactEngine {
  let open: ExactModel[] = [];
  const disk = { fails: false };
  const files = new Map<string, Promise<Float64Array>>();
  const weightsOf = async (path: string | undefined): Promise<Float64Array> => {
    if (path === undefined) return baseWeights();
    let file = files.get(path);
    if (file === undefined) files.set(path, (file = readNumbers(path)));
    return await file;
  };
  return {
    name: 'exact',
    reduction: 'sum',
    get passes() {
      return open.reduce((sum, model) => sum + model.passes, 0);
    },
    bases: (): Promise<BaseModel[]> =>
      Promise.resolve([{ name: 'bigram', contextLength: CONTEXT, tokenizer: () => Promise.resolve(bytes) }]),
    losses: (): Promise<Loss[]> => Promise.resolve([...LOSSES]),
    open: async (_base, state) => {
      await mkdir(directory, { recursive: true });
      const numbers = state === undefined ? undefined : await readNumbers(state);
      const model = new ExactModel(directory, disk, numbers);
      open.push(model);
      return model;
    },
    remove: async (path) => {
      files.delete(path);
      await rm(resolve(directory, path), { force: true });
      return true;
    },
    sample: async (request) => sampled(await weightsOf(request.weights), request),
    stream: async function* stream(request: SampleRequest) {
      const whole = sampled(await weightsOf(request.weights), request);
      for (const [i, token] of whole.tokens.entries()) yield { token, logprob: whole.logprobs[i] ?? 0 };
      return whole;
    },
    lose: () => {
      for (const model of open) model.isLost = true;
      open = [];
    },
    failNextSave: () => (disk.fails = true),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Weights, then both moments of Adam and its count of steps. */
const STATE = 3 * SIZE + 1;

class ExactModel implements EngineModel {
  isLost = false;
  passes = 0;
  readonly #directory: string;
  readonly #disk: { fails: boolean };
  readonly #state: Float64Array;
  #gradient = new Float64Array(SIZE);
  readonly #done = new Map<string, PassResult>();
  readonly #steps = new Set<string>();

  constructor(directory: string, disk: { fails: boolean }, state: Float64Array | undefined) {
    this.#directory = directory;
    this.#disk = disk;
    this.#state = state ?? new Float64Array(STATE);
    if (state === undefined) this.#state.set(baseWeights());
  }

  forward(data: readonly Datum[]): Promise<Float32Array[]> {
    return this.#alive(() => data.map((datum) => Float32Array.from(logprobsOf(this.#state, datum))));
  }

  forwardBackward({ loss, config, data, id }: Pass): Promise<PassResult> {
    return this.#alive(() => {
      const known = this.#done.get(id);
      if (known !== undefined) return known;
      check(data);
      let sum = 0;
      for (const datum of data) {
        const logprobs = logprobsOf(this.#state, datum);
        for (const [i, logprob] of logprobs.entries()) {
          const token = tokenLoss(loss, config, datum, i, logprob);
          sum += token.loss;
          if (token.slope !== 0) this.#add(datum.input[i] ?? 0, datum.targets[i] ?? 0, token.slope);
        }
      }
      const result = { logprobs: data.map((datum) => Float32Array.from(logprobsOf(this.#state, datum))), metrics: { 'loss:sum': sum } };
      this.passes += 1;
      this.#done.set(id, result);
      return result;
    });
  }

  optimStep({ learningRate, beta1, beta2, eps, weightDecay }: AdamParams, id: string): Promise<void> {
    return this.#alive(() => {
      if (this.#steps.has(id)) return;
      this.#steps.add(id);
      const step = (this.#state[3 * SIZE] = (this.#state[3 * SIZE] ?? 0) + 1);
      for (let i = 0; i < SIZE; i += 1) {
        const slope = this.#gradient[i] ?? 0;
        const first = beta1 * (this.#state[SIZE + i] ?? 0) + (1 - beta1) * slope;
        const second = beta2 * (this.#state[2 * SIZE + i] ?? 0) + (1 - beta2) * slope ** 2;
        const change = first / (1 - beta1 ** step) / (Math.sqrt(second / (1 - beta2 ** step)) + eps);
        this.#state[SIZE + i] = first;
        this.#state[2 * SIZE + i] = second;
        this.#state[i] = (this.#state[i] ?? 0) * (1 - learningRate * weightDecay) - learningRate * change;
      }
      this.#gradient = new Float64Array(SIZE);
    });
  }

  dropGradient(): Promise<void> {
    return this.#alive(() => {
      this.#gradient = new Float64Array(SIZE);
    });
  }

  async saveState(name: string): Promise<string> {
    return await this.#save(name, this.#state);
  }

  async saveSampler(name: string): Promise<string> {
    return await this.#save(name, this.#state.subarray(0, SIZE));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #save(name: string, numbers: Float64Array): Promise<string> {
    await this.#alive(() => {});
    if (this.#disk.fails) {
      this.#disk.fails = false;
      throw new HudError('STORE_FULL', 'No space left on the disk.');
    }
    const path = join(this.#directory, name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
    await writeFile(`${path}.part`, Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    await rename(`${path}.part`, path);
    return path;
  }

  #add(from: number, to: number, slope: number): void {
    const row = softmax(this.#state, from);
    for (let token = 0; token < VOCABULARY; token += 1) {
      const at = from * VOCABULARY + token;
      this.#gradient[at] = (this.#gradient[at] ?? 0) + slope * ((token === to ? 1 : 0) - (row[token] ?? 0));
    }
  }

  #alive<T>(work: () => T): Promise<T> {
    if (this.isLost) return Promise.reject(new EngineLost('The engine was started anew.'));
    return new Promise((resolve) => resolve(work()));
  }
}

/** Not all equal, so that there is something to unlearn. */
function baseWeights(): Float64Array {
  return Float64Array.from({ length: SIZE }, (_none, i) => Math.sin(i) / 2);
}

async function readNumbers(path: string): Promise<Float64Array> {
  const file = await readFile(path);
  return new Float64Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
}

function softmax(weights: Float64Array, from: number): Float64Array {
  const row = weights.subarray(from * VOCABULARY, (from + 1) * VOCABULARY);
  const exps = row.map((logit) => Math.exp(logit));
  const sum = exps.reduce((all, value) => all + value, 0);
  return exps.map((value) => value / sum);
}

function logprobsOf(weights: Float64Array, { input, targets }: Datum): number[] {
  return Array.from(input, (token, i) => Math.log(softmax(weights, token)[targets[i] ?? 0] ?? 0));
}

function check(data: readonly Datum[]): void {
  for (const { input, targets } of data)
    if ([...input, ...targets].some((token) => token >= VOCABULARY)) throw new HudError('BAD_ARGUMENT', 'There is no such token.');
}

/** The loss of a token and its derivative by the token's log-probability. */
export function tokenLoss(loss: Loss, config: Readonly<Record<string, number>>, datum: Datum, i: number, logprob: number) {
  const advantage = datum.advantages[i] ?? 0;
  const ratio = Math.exp(logprob - (datum.samplingLogprobs[i] ?? 0));
  const { clip_low_threshold: low = 0.8, clip_high_threshold: high = 1.2, beta = 0.05 } = config;
  const clipped = Math.min(Math.max(ratio, low), high);
  if (loss === 'cross_entropy') return { loss: -(datum.weights[i] ?? 0) * logprob, slope: -(datum.weights[i] ?? 0) };
  if (advantage === 0) return { loss: 0, slope: 0 };
  if (loss === 'importance_sampling') return { loss: -ratio * advantage, slope: -ratio * advantage };
  if (loss === 'ppo') {
    const isClipped = clipped * advantage < ratio * advantage;
    return { loss: -Math.min(ratio * advantage, clipped * advantage), slope: isClipped ? 0 : -ratio * advantage };
  }
  if (loss === 'cispo') return { loss: -clipped * logprob * advantage, slope: -clipped * advantage };
  const distance = logprob - (datum.samplingLogprobs[i] ?? 0);
  return { loss: -(logprob * advantage - 0.5 * beta * distance ** 2), slope: -(advantage - beta * distance) };
}

function sampled(weights: Float64Array, { prompt, maxTokens, temperature, stop, seed = 1 }: SampleRequest): Sampled {
  const [tokens, logprobs] = [[] as number[], [] as number[]];
  let state = seed;
  while (tokens.length < maxTokens) {
    const row = softmax(weights, tokens.at(-1) ?? prompt.at(-1) ?? 0);
    state = (state * 48_271 + 11) % 2_147_483_647;
    const token =
      temperature === 0 ? row.indexOf(row.reduce((most, value) => Math.max(most, value), 0)) : drawn(row, state / 2_147_483_647);
    tokens.push(token);
    logprobs.push(Math.log(row[token] ?? 0));
    if (stop.some((end) => end.length > 0 && end.every((one, i) => tokens[tokens.length - end.length + i] === one)))
      return { tokens, logprobs, stopReason: 'stop' };
  }
  return { tokens, logprobs, stopReason: 'length' };
}

function drawn(row: Float64Array, at: number): number {
  let rest = at;
  for (const [token, share] of row.entries()) {
    rest -= share;
    if (rest <= 0) return token;
  }
  return row.length - 1;
}
