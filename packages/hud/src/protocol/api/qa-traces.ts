/** QA as older versions of the Python package ask for it: one agent, by its id, on runs. */
import { z } from 'zod';
import { Agent, Result } from './qa.ts';
import { route } from './route.ts';

/** `subjectTraceId` is spelled as it was asked for. */
export const TraceResult = Result.extend({ subjectTraceId: z.string() });

export const agent = route({
  method: 'GET',
  path: '/v2/qa-agents/{id}',
  summary: 'A QA agent',
  access: 'read',
  reply: Agent,
});

export const run = route({
  method: 'POST',
  path: '/v2/qa-agents/{id}/run',
  summary: 'Examines runs; what was found of an unchanged one is given again unless `overwrite`',
  access: 'write',
  body: z.object({ traceIds: z.array(z.string()).min(1).max(100), overwrite: z.boolean().default(false) }),
  reply: z.array(TraceResult),
});

export const results = route({
  method: 'GET',
  path: '/v2/qa-agents/results',
  summary: 'What was found of runs: the newest of each agent',
  access: 'read',
  query: z.object({ subjectTraceIds: z.array(z.string()).min(1).max(100) }),
  reply: z.array(TraceResult),
});

export const rollout = route({
  method: 'GET',
  path: '/v2/qa-agents/results/{id}/rollout',
  summary: 'The turns of an examination. There are none: checks compute, and agents with a model ask it once',
  access: 'read',
  query: z.object({ sinceSeq: z.coerce.number().int().default(-1), limit: z.coerce.number().int().min(1).max(500).default(100) }),
  reply: z.object({ events: z.array(z.never()), hasMore: z.literal(false), nextSeq: z.int() }),
});
