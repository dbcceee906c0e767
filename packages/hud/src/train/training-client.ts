/** Trains a model on runs: a gradient from their rewards, then a step that is served at once. */
import { openPlatform, type PlatformClient } from '../api-client/client.ts';
import { withSignal } from '../host/host.ts';
import { platformSettings, trainingUrl } from '../host/settings.ts';
import * as models from '../protocol/api/models.ts';
import * as routes from '../protocol/api/training.ts';
import { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { CustomLoss, LossDatum } from './autodiff.ts';
import { makeBatch, type Batch, type BatchOptions, type BatchReport, type TrainingInput } from './batch.ts';
import { resolveModelId } from './model-id.ts';
import { operate, type OperationOptions } from './operations.ts';
import { stalenessOf, tooStale, type StalenessReport } from './staleness.ts';

export interface TrainingClientOptions {
  /** @default HUD_API_KEY */
  apiKey?: string;
  /** Where models are trained. @default HUD_RL_URL, else HUD_BASE_URL */
  baseUrl?: string;
  /** Where models and checkpoints are listed. @default HUD_API_URL, else HUD_BASE_URL, else `baseUrl` */
  apiUrl?: string;
  /** Hears what is in the `warnings` of a batch. */
  onWarning?: (message: string) => void;
}

export interface PassOptions extends BatchOptions, OperationOptions {
  /** Rewards are multiplied by it. @default 1 */
  rewardScale?: number;
  /**
   * Refuses samples of checkpoints that are more optimizer steps behind the head; with dropIncompleteGroups, leaves them out.
   * Where inputs are sent as trace ids, the platform looks as well, and refuses.
   */
  maxLag?: number;
}

export interface ForwardBackwardOptions extends PassOptions {
  /** One of {@link TrainingClient.availableLosses}. @default 'importance_sampling' */
  lossFn?: string;
  /** Of that loss, such as `{ clip_low_threshold: 0.8, clip_high_threshold: 1.2 }`. */
  lossFnConfig?: Record<string, number>;
  /** Passes that the batch is divided into, between groups; their gradients are added up. @default 1 */
  numSubsteps?: number;
}

export interface OptimStepOptions extends OperationOptions {
  learningRate: number;
  /** @default 0.9 */
  beta1?: number;
  /** @default 0.95 */
  beta2?: number;
  /** @default 1e-8 */
  eps?: number;
  /** Decoupled, as in AdamW. @default 0 */
  weightDecay?: number;
}

export interface PassResult {
  /** `loss:sum` and others, by the engine's names. */
  metrics: Record<string, number>;
  /** Turns that were trained on. */
  numDatums: number;
  batch: BatchReport;
}

export interface ForwardResult {
  /** Good for one {@link TrainingClient.backward}, until the next step. */
  forwardId: string;
  /** `trajIdx` counts the inputs as they were sent: `batch.order` says which those are. */
  data: LossDatum[];
  batch: BatchReport;
}

/** The checkpoint that a step made; `model` is what requests to the gateway go on saying. */
export type StepResult = routes.StepReply;

/**
 * One model and its training. Calls that change it are counted once, whatever happens to connections, see
 * {@link OperationOptions.operationId}; none is repeated after an answer: the training loop decides.
 * @example
 * const trainer = new TrainingClient('arith-rl');
 * await trainer.step(job.runs, { learningRate: 1e-5, groupSize: 8 });
 */
export class TrainingClient {
  /** As it was named. */
  readonly model: string;
  readonly #service: PlatformClient;
  readonly #api: PlatformClient;
  readonly #onWarning: ((message: string) => void) | undefined;
  #id: Promise<string> | undefined;

  /**
   * @param model its id, its name in requests, or the name it is listed under
   * @throws HudError PLATFORM_MISSING without an address, PLATFORM_REFUSED without a key
   */
  constructor(model: string, options: TrainingClientOptions = {}) {
    if (model === '') throw new HudError('BAD_ARGUMENT', 'A training client needs the name of a model.');
    const { apiKey, onWarning } = options;
    const key = apiKey === undefined ? {} : { apiKey };
    const baseUrl = options.baseUrl ?? trainingUrl();
    this.model = model;
    this.#service = openPlatform({ ...key, ...(baseUrl === undefined ? {} : { baseUrl }) });
    this.#api = openPlatform({ ...key, ...apiAddress(options) });
    this.#onWarning = onWarning;
  }

  /** The id that training goes by; asked for once. @throws HudError PLATFORM_NOT_FOUND, PLATFORM_REFUSED */
  async id(options: { signal?: AbortSignal } = {}): Promise<string> {
    this.#id ??= resolveModelId(this.#api, this.model).catch((error: unknown) => {
      this.#id = undefined; // the next call may find it
      throw error;
    });
    return await withSignal(this.#id, options.signal);
  }

  /** Names of the losses that the engine computes. */
  async availableLosses(options: { signal?: AbortSignal } = {}): Promise<string[]> {
    const id = await this.id(options);
    return (await this.#service.call(routes.losses, { params: { id } }, options)).losses;
  }

  /**
   * A gradient, then a step: what a training loop does with each batch.
   * @returns the results of both. @throws HudError as {@link forwardBackward} and {@link optimStep} do
   */
  async step(
    inputs: readonly TrainingInput[],
    options: ForwardBackwardOptions & OptimStepOptions,
  ): Promise<{ gradient: PassResult; step: StepResult }> {
    const { operationId } = options;
    const named = (kind: string): OperationOptions => (operationId === undefined ? {} : { operationId: `${operationId}-${kind}` });
    checkOptimizer(options);
    const gradient = await this.forwardBackward(inputs, { ...options, ...named('forward-backward') });
    return { gradient, step: await this.optimStep({ ...options, ...named('optim-step') }) };
  }

  /**
   * Adds the gradient of a loss to what was accumulated since the last step.
   * @throws HudError BAD_ARGUMENT for runs that can't be trained on, before anything is sent; PLATFORM_*
   */
  async forwardBackward(inputs: readonly TrainingInput[], options: ForwardBackwardOptions = {}): Promise<PassResult> {
    const { lossFn = 'importance_sampling', lossFnConfig, numSubsteps = 1 } = options;
    const { inputs: sent, ...batch } = await this.#batch(inputs, options, lossFn !== 'cross_entropy');
    const body = {
      inputs: sent,
      loss_fn: lossFn,
      ...(lossFnConfig === undefined ? {} : { loss_fn_config: lossFnConfig }),
      ...passBody(options, sent),
      num_substeps: numSubsteps,
    };
    const { metrics, numDatums } = await operate(await this.#place(options), routes.forwardBackward, body, options);
    return { metrics, numDatums, batch };
  }

  /** Applies what was accumulated, saves the weights as a checkpoint, which becomes the head, and serves them. */
  async optimStep(options: OptimStepOptions): Promise<StepResult> {
    checkOptimizer(options);
    const { learningRate, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weightDecay = 0 } = options;
    const body = { learning_rate: learningRate, beta1, beta2, eps, weight_decay: weightDecay };
    return await operate(await this.#place(options), routes.optimStep, body, options);
  }

  /** Log-probabilities of a batch under the weights as they are, for a loss of one's own. Changes nothing. */
  async forward(inputs: readonly TrainingInput[], options: PassOptions = {}): Promise<ForwardResult> {
    const { inputs: sent, ...batch } = await this.#batch(inputs, options, false);
    const { forwardId, data } = await operate(
      await this.#place(options),
      routes.forward,
      { inputs: sent, ...passBody(options, sent) },
      options,
    );
    return { forwardId, data, batch };
  }

  /**
   * Adds the gradient of a loss of one's own.
   * @param weights minus its derivative by each log-probability of {@link forward}: [datums][tokens]
   * @param options `metrics`: finite numbers, recorded with the next checkpoint
   * @throws HudError BAD_ARGUMENT for a shape unlike the forward's, where the forward itself is passed, or a number that is not finite
   */
  async backward(
    forward: ForwardResult | string,
    weights: readonly (readonly number[])[],
    options: OperationOptions & { metrics?: Record<string, number> } = {},
  ): Promise<Omit<PassResult, 'batch'>> {
    checkWeights(weights, typeof forward === 'string' ? undefined : forward.data);
    const { metrics = {} } = options;
    const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
    if (bad !== undefined) throw new HudError('BAD_ARGUMENT', `The metric ${bad[0]} is ${bad[1]}; it must be finite.`);
    const body = { forward_id: typeof forward === 'string' ? forward : forward.forwardId, weights, metrics };
    return await operate(await this.#place(options), routes.backward, body, options);
  }

  /**
   * {@link forward}, a loss of one's own over it, {@link backward}.
   * @param loss gives its derivatives, or is a formula: see `differentiable`
   */
  async customLoss(inputs: readonly TrainingInput[], loss: CustomLoss, options: PassOptions = {}): Promise<PassResult> {
    const { operationId } = options;
    const named = (kind: string): OperationOptions => (operationId === undefined ? {} : { operationId: `${operationId}-${kind}` });
    const forward = await this.forward(inputs, { ...options, ...named('forward') });
    const { gradients, metrics = {} } = await loss(forward.data);
    const weights = gradients.map((tokens) => tokens.map((slope) => -slope));
    const done = await this.backward(forward, weights, { ...options, ...named('backward'), metrics });
    return { ...done, batch: forward.batch };
  }

  /**
   * Oldest first; none while the model has its base weights.
   * @param options `after`: id of one, to begin after it; `limit`: how many, by default all
   */
  async checkpoints(options: { after?: string; limit?: number; signal?: AbortSignal } = {}): Promise<models.Checkpoint[]> {
    const { after, limit } = options;
    const id = await this.id(options);
    const query = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
    return await this.#api.call(models.checkpoints, { params: { id }, query }, options);
  }

  /** Keeps the weights of a checkpoint for good, or lets them go once newer ones take their place. @throws HudError when they are gone */
  async pin(checkpointId: string, isPinned: boolean, options: { signal?: AbortSignal } = {}): Promise<models.Checkpoint> {
    const id = await this.id(options);
    return await this.#api.call(models.pin, { params: { id, checkpoint: checkpointId }, body: { isPinned } }, options);
  }

  /** The checkpoint that is served and trained on; undefined: the base weights. */
  async head(options: { signal?: AbortSignal } = {}): Promise<models.Checkpoint | undefined> {
    return (await this.checkpoints(options)).find(({ isActive }) => isActive);
  }

  /** Makes another checkpoint the head, one whose weights were kept. What was accumulated is dropped; the next step branches from there. */
  async setHead(checkpointId: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    const id = await this.id(options);
    await this.#api.call(models.setHead, { params: { id }, body: { checkpointId } }, options);
  }

  /** How many steps the samples of these runs are behind the head. */
  async staleness(inputs: readonly TrainingInput[], options: { signal?: AbortSignal } = {}): Promise<StalenessReport> {
    return stalenessOf(inputs, await this.checkpoints(options));
  }

  async #batch(inputs: readonly TrainingInput[], options: PassOptions, needsLogprobs: boolean): Promise<Batch> {
    const { maxLag, signal, rewardScale = 1 } = options;
    if (maxLag !== undefined && !(Number.isInteger(maxLag) && maxLag >= 0))
      throw new HudError('BAD_ARGUMENT', `maxLag must be a whole number of at least 0, got ${maxLag}.`);
    if (!Number.isFinite(rewardScale)) throw new HudError('BAD_ARGUMENT', `rewardScale must be a finite number, got ${rewardScale}.`);
    const abort = signal === undefined ? {} : { signal };
    const stale = maxLag === undefined ? undefined : tooStale(await this.staleness(inputs, abort), maxLag);
    const batch = makeBatch(inputs, { ...options, needsLogprobs }, stale);
    for (const warning of batch.warnings) this.#onWarning?.(warning);
    return batch;
  }

  async #place({ signal }: { signal?: AbortSignal }): Promise<{ platform: PlatformClient; modelId: string }> {
    return { platform: this.#service, modelId: await this.id(signal === undefined ? {} : { signal }) };
  }
}

/** A training service of its own is asked for the catalogue as well, unless something says where that is. */
function apiAddress({ apiUrl, baseUrl }: TrainingClientOptions): { baseUrl?: string } {
  const url = apiUrl ?? platformSettings().apiUrl ?? baseUrl;
  return url === undefined ? {} : { baseUrl: url };
}

/** The platform alone knows what sampled a trace that is sent by its id. */
function passBody({ groupSize, rewardScale = 1, maxLag }: PassOptions, sent: Batch['inputs']): JsonObject {
  return {
    ...(groupSize === undefined ? {} : { group_size: groupSize }),
    reward_scale: rewardScale,
    ...(maxLag !== undefined && sent.some((input) => typeof input === 'string') ? { max_lag: maxLag } : {}),
  };
}

function checkOptimizer({ learningRate, weightDecay = 0 }: OptimStepOptions): void {
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new HudError('BAD_ARGUMENT', `learningRate must be a number above 0, got ${learningRate}.`);
  }
  if (!(weightDecay >= 0)) throw new HudError('BAD_ARGUMENT', `weightDecay must not be below 0, got ${weightDecay}.`);
}

function checkWeights(weights: readonly (readonly number[])[], data: readonly LossDatum[] | undefined): void {
  if (data !== undefined && weights.length !== data.length) {
    throw new HudError('BAD_ARGUMENT', `There are gradients for ${weights.length} datums, and ${data.length} in the batch.`);
  }
  for (const [d, tokens] of weights.entries()) {
    const expected = data?.[d]?.logprobs.length ?? tokens.length;
    if (tokens.length !== expected) {
      throw new HudError('BAD_ARGUMENT', `Datum ${d} has ${expected} tokens, its gradient ${tokens.length}.`);
    }
    const at = tokens.findIndex((weight) => !Number.isFinite(weight));
    if (at >= 0) throw new HudError('BAD_ARGUMENT', `The gradient of token ${at} of datum ${d} is ${tokens[at]}; it must be finite.`);
  }
}
