/** How the process is, and what it can do. */
import { z } from 'zod';
import { route } from './route.ts';

export const health = route({
  method: 'GET',
  path: '/healthz',
  summary: 'Is the process alive?',
  access: 'anyone',
  reply: z.object({ status: z.literal('ok'), version: z.string() }),
});

export const ready = route({
  method: 'GET',
  path: '/readyz',
  summary: 'Can it serve: are its database and its blobs reachable, and is it not shutting down? 503 when not',
  access: 'anyone',
  reply: z.object({ status: z.literal('ready') }),
});

export const metrics = route({
  method: 'GET',
  path: '/metrics',
  summary: 'Counters and timings in the text format of Prometheus',
  access: 'anyone',
});

export const openapi = route({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This interface, as OpenAPI 3.1',
  access: 'anyone',
});
