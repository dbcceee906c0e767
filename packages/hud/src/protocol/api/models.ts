/** Models that the platform serves, and those that a team trains. */
import { z } from 'zod';
import { route } from './route.ts';

export const Model = z.object({
  id: z.string(),
  name: z.string(),
  /** What goes into requests. */
  modelName: z.string(),
  /** claude, openai, gemini or openai_compatible; null for a model that no agent drives. */
  sdkAgentType: z.string().nullable(),
  isTrainable: z.boolean(),
  provider: z.object({ name: z.string().nullable() }),
  /** Of a trained one: the model that it began as. */
  sourceModelId: z.string().nullable().optional(),
  /** ISO 8601. */
  createdAt: z.string().nullable().optional(),
});
export type Model = z.infer<typeof Model>;

/** Saved weights: a node in the tree of a model. Times are ISO 8601. */
export const Checkpoint = z.object({
  id: z.string(),
  name: z.string(),
  /** Where the sampler finds it; null once its weights were not kept. */
  checkpointName: z.string().nullable(),
  prevModelCheckpointId: z.string().nullable(),
  isActive: z.boolean(),
  createdAt: z.string(),
  metrics: z.record(z.string(), z.number()),
  numTraces: z.number().nullable(),
  numDatums: z.number().nullable(),
  numTokens: z.number().nullable(),
  meanReward: z.number().nullable(),
  learningRate: z.number().nullable(),
  lossFn: z.string().nullable(),
  /** Its optimizer's state is kept, so that it can be made the head and be trained on. Other platforms may not say. */
  hasState: z.boolean().optional(),
  /** Its weights stay, however many checkpoints come after it. */
  isPinned: z.boolean().optional(),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

export const list = route({
  method: 'GET',
  path: '/v2/models',
  summary: 'Every model there is for the team: those that are served, then its own',
  access: 'read',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
    offset: z.coerce.number().int().min(0).default(0),
  }),
  reply: z.object({ items: z.array(Model), total: z.number() }),
});

export const resolve = route({
  method: 'GET',
  path: '/v2/models/resolve',
  summary: 'The model of that name in requests',
  access: 'read',
  query: z.object({ model: z.string().min(1) }),
  reply: Model,
});

export const fork = route({
  method: 'POST',
  path: '/v2/models/fork',
  summary: "A model of the team's own that begins as the source's active checkpoint",
  access: 'train',
  body: z.object({ sourceModelId: z.string(), name: z.string().trim().min(1).max(100) }),
  reply: Model,
});

export const checkpoints = route({
  method: 'GET',
  path: '/v2/models/{id}/checkpoints',
  summary: 'Its checkpoints, oldest first; none when it has its base weights alone',
  access: 'read',
  query: z.object({
    /** Id of one of them: those that came after it. */
    after: z.string().optional(),
    /** @default all */
    limit: z.coerce.number().int().min(1).max(10_000).optional(),
  }),
  reply: z.array(Checkpoint),
});

export const pin = route({
  method: 'PUT',
  path: '/v2/models/{id}/checkpoints/{checkpoint}/pin',
  summary: 'Keeps the weights of a checkpoint for good, or no longer',
  access: 'train',
  body: z.object({ isPinned: z.boolean() }),
  reply: Checkpoint,
});

export const setHead = route({
  method: 'PUT',
  path: '/v2/models/{id}/head',
  summary: 'Makes one of its checkpoints the active one',
  access: 'train',
  body: z.object({ checkpointId: z.string() }),
  reply: z.object({ id: z.string(), checkpointId: z.string() }),
});

/** A trajectory that fed a step. */
export const StepInput = z.object({
  /** Null for one that was sent without a run of the team's. */
  traceId: z.string().nullable(),
  reward: z.number(),
  /** Null for losses that know none. */
  advantage: z.number().nullable(),
  /** That the model wrote. */
  tokens: z.number(),
  /** The checkpoint that sampled its first turn, or `base` for base weights; null where nobody knows. */
  servedBy: z.string().nullable(),
  /** Steps that the trained weights were ahead of those that sampled; null where nobody knows. */
  lag: z.number().nullable(),
});
export type StepInput = z.infer<typeof StepInput>;

/** Trajectories whose rewards were compared. */
export const StepGroup = z.object({
  /** From 0. */
  index: z.number(),
  mean: z.number(),
  /** Standard deviation, over all of the group. */
  std: z.number(),
  min: z.number(),
  max: z.number(),
  /** Without it the group teaches nothing. */
  hasSpread: z.boolean(),
  inputs: z.array(StepInput),
});
export type StepGroup = z.infer<typeof StepGroup>;

export const inputs = route({
  method: 'GET',
  path: '/v2/models/{id}/checkpoints/{checkpoint}/inputs',
  summary: 'What the step of a checkpoint was fed with, group by group: the first 2,000 trajectories are kept',
  access: 'read',
  query: z.object({
    /** Groups of one page. */
    limit: z.coerce.number().int().min(1).max(500).default(100),
    offset: z.coerce.number().int().min(0).default(0),
  }),
  reply: z.object({
    items: z.array(StepGroup),
    /** Groups that are kept. */
    total: z.number(),
    /** Groups among them without spread. */
    flat: z.number(),
    /** Trajectories that are kept, and how many fed the step; null where nobody counted. */
    numKept: z.number(),
    numInputs: z.number().nullable(),
    /** Over the trajectories that are kept and known to be of weights on the way here; null when none is. */
    lag: z.object({ mean: z.number(), max: z.number(), n: z.number() }).nullable(),
  }),
});

/** The runs of one task that were compared in one step. */
export const TaskGroup = z.object({
  /** Its place among `steps`. */
  step: z.number(),
  /** Runs that are kept. */
  n: z.number(),
  mean: z.number(),
  min: z.number(),
  /** Equal to `min`: the group had no spread, and taught nothing. */
  max: z.number(),
});

export const tasks = route({
  method: 'GET',
  path: '/v2/models/{id}/tasks',
  summary: 'Which tasks still teach it: their groups in its newest steps, with and without a spread of rewards',
  access: 'read',
  query: z.object({
    /** How many of the newest steps. */
    steps: z.coerce.number().int().min(1).max(200).default(50),
    /** Tasks. */
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
  }),
  reply: z.object({
    /** Oldest first, with how many groups of runs each had, and how many of them a spread. */
    steps: z.array(z.object({ checkpointId: z.string(), name: z.string(), groups: z.number(), withSpread: z.number() })),
    /** Those whose last group had a spread first, of these the ones that came last. */
    items: z.array(z.object({ slug: z.string(), groups: z.array(TaskGroup) })),
    /** Of all tasks in those steps. */
    total: z.number(),
    /** By the last group of each: it had a spread; all earned the best reward that was seen; all earned the same, and less. */
    teaching: z.number(),
    solved: z.number(),
    unsolved: z.number(),
  }),
});

/** For pages, whose session is no key of the gateway; programs ask `/gateway/chat/completions`. */
export const sample = route({
  method: 'POST',
  path: '/v2/models/{id}/samples',
  summary: 'A reply to one prompt by a model that is sampled here, from the checkpoint that is named',
  access: 'gateway',
  body: z.object({
    prompt: z.string().min(1).max(20_000),
    /** Id or name; `base` for the weights that it began with. @default the head */
    checkpoint: z.string().max(1_000).optional(),
    maxTokens: z.int().min(1).max(2_048).optional(),
    temperature: z.number().min(0).max(2).default(1),
    seed: z.int().optional(),
  }),
  reply: z.object({
    text: z.string(),
    /** What it thought before, where it says so. */
    reasoning: z.string().optional(),
    /** `length`: it was cut. */
    finishReason: z.enum(['stop', 'length']),
    promptTokens: z.number(),
    completionTokens: z.number(),
    /** Id of the one that answered, or `base`. */
    checkpoint: z.string(),
  }),
});
