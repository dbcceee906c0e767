/** Agents that examine tasksets, tasks, environments and runs, and what they found. */
import { z } from 'zod';
import { route } from './route.ts';

export const SubjectType = z.enum(['environment', 'taskset', 'task', 'trace']);
export type SubjectType = z.infer<typeof SubjectType>;

export const Agent = z.object({
  id: z.string(),
  name: z.string(),
  subjectType: SubjectType,
  /** Null: it computes, and asks no model. */
  modelName: z.string().nullable(),
  instructions: z.string(),
});
export type Agent = z.infer<typeof Agent>;

export const Finding = z.object({
  summary: z.string(),
  description: z.string().optional(),
  severity: z.enum(['error', 'warning']).optional(),
  /** Slugs, templates, steps: where to look. */
  evidenceRefs: z.array(z.string()).optional(),
  recommendedAction: z.string().optional(),
});
export type Finding = z.infer<typeof Finding>;

export const Verdict = z.object({
  schemaVersion: z.literal('qa_agent_result.v1'),
  verdict: z.enum(['passed', 'failed', 'unknown']),
  summary: z.string(),
  findings: z.array(Finding),
  metadata: z.record(z.string(), z.unknown()),
});
export type Verdict = z.infer<typeof Verdict>;

export const STATUS = ['pending', 'running', 'completed', 'error'] as const;

export const Result = z.object({
  id: z.string(),
  qaAgentId: z.string(),
  agentName: z.string(),
  subjectType: SubjectType,
  subjectId: z.string(),
  status: z.enum(STATUS),
  canonicalResult: Verdict.nullable(),
  /** The same, as older clients read it. */
  result: Verdict.nullable(),
  error: z.string().nullable(),
  /** Equal for the same subject in the same state, examined by the same. */
  evidenceId: z.string(),
  /** The subject has changed since. */
  stale: z.boolean(),
  createdAt: z.string(),
  endedAt: z.string().nullable(),
});
export type Result = z.infer<typeof Result>;

export const agents = route({
  method: 'GET',
  path: '/v2/qa-agents',
  summary: "QA agents: those that the platform brings, then the team's own",
  access: 'read',
  query: z.object({
    subjectType: SubjectType.optional(),
    limit: z.coerce.number().int().min(1).max(500).default(50),
    offset: z.coerce.number().int().min(0).default(0),
  }),
  reply: z.object({ items: z.array(Agent), total: z.number(), limit: z.number(), offset: z.number() }),
});

export const createAgent = route({
  method: 'POST',
  path: '/v2/qa-agents',
  summary: 'Defines an agent that asks a model; the one of that name is changed when there is one',
  access: 'write',
  body: z.object({
    name: z.string().trim().min(1).max(100),
    subjectType: SubjectType,
    /** As the gateway knows it. */
    modelName: z.string().min(1).max(200),
    instructions: z.string().trim().min(1).max(20_000),
  }),
  reply: Agent,
});

export const run = route({
  method: 'POST',
  path: '/v2/qa-agents/{id}/run-resources',
  summary: 'Examines subjects; what was found of an unchanged one is given again unless `overwrite`',
  access: 'write',
  body: z.object({ subjectIds: z.array(z.string()).min(1).max(500), overwrite: z.boolean().default(false) }),
  reply: z.array(Result),
});

export const results = route({
  method: 'GET',
  path: '/v2/qa-agents/results/resources',
  summary: 'Results by id, or the newest of each agent on each subject',
  access: 'read',
  query: z.object({
    resultIds: z.array(z.string()).max(500).optional(),
    subjectType: SubjectType.optional(),
    subjectIds: z.array(z.string()).max(500).optional(),
  }),
  reply: z.array(Result),
});
