/** What drivers tell of their jobs and runs, in any order and any number of times. */
import { z } from 'zod';
import { TRACE_STATUS } from '../trace.ts';
import { route } from './route.ts';

export const enterJob = route({
  method: 'POST',
  path: '/v2/trace/job/{id}/enter',
  summary: 'A job began; told again, the last values count',
  access: 'trace:write',
  body: z.object({
    name: z.string().nullish(),
    group: z.int().positive().nullish(),
    tasksetId: z.string().nullish(),
  }),
  reply: z.object({
    ok: z.literal(true),
    jobId: z.string(),
  }),
});

const Told = z.object({
  ok: z.literal(true),
  /** 32 hex digits. */
  traceId: z.string(),
  jobId: z.string(),
  /** Its owner asked for its end: stop, and tell the end as `cancelled`. */
  cancelled: z.boolean(),
});

export const enterTrace = route({
  method: 'POST',
  path: '/v2/trace/{id}/enter',
  summary: 'A run began; one that has ended stays so',
  access: 'trace:write',
  childKey: 'id',
  body: z.object({
    jobId: z.string().nullish(),
    groupId: z.string().nullish(),
    taskSlug: z.string().nullish(),
    agent: z.string().nullish(),
    model: z.string().nullish(),
    parentTraceId: z.string().nullish(),
  }),
  reply: Told,
});

export const exitTrace = route({
  method: 'POST',
  path: '/v2/trace/{id}/exit',
  summary: 'A run ended; the first end stays',
  access: 'trace:write',
  childKey: 'id',
  isLossless: true,
  body: z.object({
    status: z.enum(TRACE_STATUS).default('completed'),
    /** Counts only beside a grade, or when the status is `completed`. */
    reward: z.number().nullish(),
    error: z.string().nullish(),
    /** The grade frame, kept as it came. */
    evaluationResult: z.record(z.string(), z.unknown()).nullish(),
    /** Words unknown here are kept out. */
    stopReason: z.string().nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
  }),
  reply: Told,
});
