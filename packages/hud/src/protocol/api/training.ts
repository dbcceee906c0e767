/** Gradients and optimizer steps of a model that the team trains. The replies are strict: the Python client refuses further members. */
import { z } from 'zod';
import { decode } from '../codec.ts';
import { messageOf } from '../errors.ts';
import { isPlainObject, type JsonObject } from '../json.ts';
import { FiniteList, TokenList } from './number-lists.ts';
import { route } from './route.ts';

export { TokenList } from './number-lists.ts';

const Numbers = z.array(z.number());
const Metrics = z.record(z.string(), z.number());

/** One turn: its prompt flat, or as chunks, which win where both are there. */
export const TrainSample = z.object({
  promptTokenIds: TokenList.nullish(),
  /** `{"type":"encoded_text","tokens":[…]}`, and pictures with their `expected_tokens`. */
  promptChunks: z.array(z.custom<JsonObject>(isPlainObject, 'expected an object')).nullish(),
  outputTokenIds: TokenList,
  /** One for each output token; may be missing for `cross_entropy` alone. */
  outputLogprobs: FiniteList.prefault([]),
});
export type TrainSample = z.output<typeof TrainSample>;

/** The turns of one run, with its reward. */
export const TrainTrajectory = z.object({
  samples: z.array(TrainSample).min(1),
  reward: z.number(),
  traceId: z.string().nullish(),
});

/** A trajectory, or the id of a trace that the platform has. */
export const TrainInput = z.union([z.string().min(1), TrainTrajectory], { error: whyNeither });
export type TrainInput = z.output<typeof TrainInput>;

/** Whoever sends an object means a trajectory: what is wrong with it as one. */
function whyNeither({ input }: { input?: unknown }): string | undefined {
  if (!isPlainObject(input)) return 'expected the id of a trace, or an object with samples and a reward';
  try {
    decode(TrainTrajectory, input, { what: 'The trajectory' });
    return undefined;
  } catch (error) {
    return messageOf(error)
      .replace(/^The trajectory is malformed: /, '')
      .replace(/\.$/, '');
  }
}

const Inputs = z.array(TrainInput).min(1);
const GroupSize = z.int().min(1).nullish();
const RewardScale = z.number().nullish();
/** Steps that weights which sampled an input may be behind the head: older ones are refused, and those that nobody knows. */
const MaxLag = z.int().min(0).nullish();

export const PassReply = z.strictObject({ metrics: Metrics, numDatums: z.int() });
export type PassReply = z.output<typeof PassReply>;

export const ForwardDatum = z.strictObject({
  reward: z.number(),
  /** Index of its input. */
  trajIdx: z.int(),
  logprobs: Numbers,
  samplingLogprobs: Numbers,
  /** 1 on tokens that the model wrote. */
  mask: Numbers,
  /** Absent without groups. */
  groupIdx: z.int().nullish(),
});
export const ForwardReply = z.strictObject({ forwardId: z.string(), data: z.array(ForwardDatum) });
export type ForwardReply = z.output<typeof ForwardReply>;

export const StepReply = z.strictObject({
  /** From 1. */
  step: z.int(),
  checkpointId: z.string(),
  samplerPath: z.string(),
  statePath: z.string(),
  /** What requests to the gateway say, as before. */
  model: z.string(),
});
export type StepReply = z.output<typeof StepReply>;

export const losses = route({
  method: 'GET',
  path: '/v1/models/{id}/train/losses',
  summary: 'Names of the losses that the training engine computes',
  access: 'read',
  reply: z.strictObject({ losses: z.array(z.string()) }),
});

export const forwardBackward = route({
  method: 'POST',
  path: '/v1/models/{id}/train/forward-backward',
  summary: "Adds the gradient of a loss over trajectories to the model's; Idempotency-Key names the operation",
  access: 'train',
  isLarge: true,
  body: z.object({
    inputs: Inputs,
    lossFn: z.string().default('importance_sampling'),
    lossFnConfig: z.record(z.string(), z.number()).nullish(),
    groupSize: GroupSize,
    rewardScale: RewardScale,
    numSubsteps: z.int().min(1).nullish(),
    maxLag: MaxLag,
  }),
  reply: PassReply,
});

export const forward = route({
  method: 'POST',
  path: '/v1/models/{id}/train/forward',
  summary: 'Log-probabilities of trajectories, for a loss of your own; changes nothing',
  access: 'train',
  isLarge: true,
  body: z.object({ inputs: Inputs, groupSize: GroupSize, rewardScale: RewardScale, maxLag: MaxLag }),
  reply: ForwardReply,
});

export const backward = route({
  method: 'POST',
  path: '/v1/models/{id}/train/backward',
  summary: 'Adds the gradient of a loss of your own, given as minus its derivatives by each log-probability of `forward`',
  access: 'train',
  isLarge: true,
  body: z.object({ forwardId: z.string(), weights: z.array(FiniteList), metrics: Metrics.nullish() }),
  reply: PassReply,
});

export const optimStep = route({
  method: 'POST',
  path: '/v1/models/{id}/train/optim-step',
  summary: 'Applies the gradient, saves the weights as a checkpoint and serves them; Idempotency-Key names the operation',
  access: 'train',
  body: z.object({
    learningRate: z.number().positive(),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.95),
    eps: z.number().positive().default(1e-8),
    weightDecay: z.number().min(0).default(0),
  }),
  reply: StepReply,
});

/** An operation by the id that its Idempotency-Key gave it. */
export const operation = route({
  method: 'GET',
  path: '/v1/models/{id}/train/operations/{operation}',
  summary: 'How far an operation is, with its reply once it is done',
  access: 'read',
  reply: z.object({
    id: z.string(),
    kind: z.enum(['forward-backward', 'forward', 'backward', 'optim-step']),
    status: z.enum(['running', 'done', 'failed']),
    /** What is on record of it: accepted, then, of a step, applying, state-saved; done. */
    phase: z.string(),
    /** As its route answered, on the wire's spelling. */
    reply: z.custom<JsonObject>(isPlainObject, 'expected an object').nullable(),
    /** `status` as of HTTP. */
    error: z.object({ status: z.int(), detail: z.string() }).nullable(),
    /** ISO 8601. */
    createdAt: z.string(),
    endedAt: z.string().nullable(),
  }),
});
