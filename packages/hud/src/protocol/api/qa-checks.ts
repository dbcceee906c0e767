/** QA as newer versions of the Python package ask for it: agents that examine runs or tasks, by name, several at once. */
import { z } from 'zod';
import { STATUS, Verdict } from './qa.ts';
import { route } from './route.ts';

/** What they examine; a run is a `trace`. */
const CheckedType = z.enum(['trace', 'task']);
export type CheckedType = z.infer<typeof CheckedType>;

export const Check = z.object({
  /** The agent's name. */
  key: z.string(),
  subjectType: CheckedType,
  title: z.string(),
  question: z.string(),
});

export const CheckResult = z.object({
  id: z.string(),
  checkKey: z.string(),
  subjectType: CheckedType,
  /** Null unless a run was examined. */
  subjectTraceId: z.string().nullable(),
  /** Null unless a task was. */
  subjectTaskId: z.string().nullable(),
  /** Equal for the same task, in the same state. */
  subjectTaskVersionId: z.string().nullable(),
  status: z.enum(STATUS),
  source: z.literal('analysis'),
  verdict: z.string().nullable(),
  result: Verdict.nullable(),
  error: z.string().nullable(),
  note: z.null(),
  analysisTraceId: z.null(),
});
export type CheckResult = z.infer<typeof CheckResult>;

const Results = z.object({ results: z.array(CheckResult) });

export const checks = route({
  method: 'GET',
  path: '/v2/qa/checks',
  summary: 'QA agents that examine runs and tasks',
  access: 'read',
  reply: z.object({ checks: z.array(Check) }),
});

export const run = route({
  method: 'POST',
  path: '/v2/qa/runs',
  summary: 'Examines either runs or tasks with several agents; what was found of an unchanged one is given again unless `overwrite`',
  access: 'write',
  body: z.object({
    checkKeys: z.array(z.string()).min(1).max(20),
    traceIds: z.array(z.string()).max(100).default([]),
    taskIds: z.array(z.string()).max(100).default([]),
    overwrite: z.boolean().default(false),
  }),
  reply: Results,
});

export const results = route({
  method: 'GET',
  path: '/v2/qa/results',
  summary: 'What was found of runs or tasks as they are now; with `include_history` the newest of each agent, outdated or not',
  access: 'read',
  query: z.object({
    traceIds: z.array(z.string()).max(100).default([]),
    taskIds: z.array(z.string()).max(100).default([]),
    includeHistory: z.enum(['true', 'True', '1', 'false', 'False', '0']).optional(),
  }),
  reply: Results,
});
