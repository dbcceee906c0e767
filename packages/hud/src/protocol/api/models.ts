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
  /** Where the sampler finds it. */
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
  reply: z.array(Checkpoint),
});

export const setHead = route({
  method: 'PUT',
  path: '/v2/models/{id}/head',
  summary: 'Makes one of its checkpoints the active one',
  access: 'train',
  body: z.object({ checkpointId: z.string() }),
  reply: z.object({ id: z.string(), checkpointId: z.string() }),
});
