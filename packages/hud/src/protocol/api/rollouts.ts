/** Rollouts that a platform runs, and the end of those that anyone runs. */
import { z } from 'zod';
import { route } from './route.ts';

export const submit = route({
  method: 'POST',
  path: '/v2/rollouts/submit',
  summary: 'Asks the platform to run a rollout itself; refused where it has no workers',
  access: 'write',
  body: z.record(z.string(), z.unknown()),
  reply: z.object({ status: z.string() }),
});

export const cancel = route({
  method: 'POST',
  path: '/v2/rollouts/cancel',
  summary: 'Asks for the end of a run: its driver is told, and without word from it the run ends after 30 s',
  access: 'write',
  body: z.object({ traceId: z.string(), jobId: z.string().nullish() }),
  reply: z.object({ status: z.enum(['accepted', 'noop']) }),
});

export const cancelJob = route({
  method: 'POST',
  path: '/v2/rollouts/cancel_job',
  summary: 'The same for every run of a job that has not ended',
  access: 'write',
  body: z.object({ jobId: z.string() }),
  reply: z.object({ cancelled: z.int(), totalFound: z.int() }),
});

export const cancelUserJobs = route({
  method: 'POST',
  path: '/v2/rollouts/cancel_user_jobs',
  summary: 'The same for every job of the team',
  access: 'write',
  body: z.object({}),
  reply: z.object({
    jobsCancelled: z.int(),
    totalTasksCancelled: z.int(),
    jobDetails: z.array(z.object({ jobId: z.string(), cancelled: z.int() })),
  }),
});
