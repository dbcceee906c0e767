/** OpenTelemetry, in and out. */
import { z } from 'zod';
import { route } from './route.ts';

export const receive = route({
  method: 'POST',
  path: '/v1/traces',
  aliases: ['/otlp/v1/traces'],
  summary: 'Takes spans of any OpenTelemetry exporter: OTLP over HTTP, protobuf or JSON; GenAI spans become steps',
  access: 'trace:write',
});

export const trace = route({
  method: 'GET',
  path: '/v2/trace/{id}/otlp',
  summary: 'A trace as OTLP JSON, with the GenAI semantic conventions',
  access: 'read',
  reply: z.record(z.string(), z.unknown()),
});
