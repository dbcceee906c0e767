/** Records for tests of a store; also for writers in processes of their own. */
import type { JobRecord, Lease, RunFinish, RunStart } from '../protocol/record.ts';
import { encode } from '../protocol/codec.ts';
import { Span } from '../protocol/trace.ts';
import type { SpanRow } from './store.ts';

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');

export const job = (n: number, more: Partial<JobRecord> = {}): JobRecord => ({
  id: `ab${hex(n, 30)}`,
  name: `job ${n}`,
  group: 2,
  status: 'running',
  createdAt: 1_000 + n,
  config: { nested: { snake_case: 1, camelCase: null } },
  ...more,
});

/** A run of `job(1)`. */
export const start = (n: number, more: Partial<RunStart> = {}): RunStart => ({
  traceId: `cd${hex(n, 30)}`,
  jobId: job(1).id,
  slug: 'a',
  taskId: 'a',
  repeat: n,
  attempt: 1,
  startedAt: 5,
  ...more,
});

export const graded = (reward: number): RunFinish => ({
  class: 'graded',
  status: 'completed',
  reward,
  grade: { score: reward, info: { someKey: [1, null] } },
  answer: 'yes',
  steps: 3,
  costUsd: 0.25,
  endedAt: 9,
});

export const span = (n: number, traceId = start(1).traceId, more: Partial<Span> = {}): Span => ({
  name: 'step.agent',
  traceId,
  spanId: hex(n, 16),
  parentSpanId: null,
  kind: 'INTERNAL',
  startTime: '2026-01-01T00:00:00.000000Z',
  endTime: '2026-01-01T00:00:01.000000Z',
  statusCode: 'OK',
  statusMessage: null,
  attributes: { 'hud.payload': { step_id: n, someKey: { 'odd.key': [1] } }, unknown: true },
  events: [],
  ...more,
});

/** As it is kept when it holds no picture. */
export const rowOf = (item: Span): SpanRow => {
  const { traceId, spanId, name, startTime, endTime, statusCode } = item;
  return { traceId, spanId, name, startTime, endTime, statusCode, body: JSON.stringify(encode(Span, item)) };
};

export const lease = (id: string, more: Partial<Lease> = {}): Lease => ({
  id,
  kind: 'process',
  target: { pid: 5 },
  owner: '1:2',
  createdAt: 1,
  deadline: 2,
  ...more,
});

/** A span that shows a picture of its own. */
export const picture = (n: number, traceId = start(1).traceId, sizeBytes = 20_000): Span => {
  const data = Buffer.alloc(sizeBytes, `picture ${n} of ${traceId}`).toString('base64');
  return span(n, traceId, { attributes: { 'hud.payload': { content: [{ type: 'image', data, mimeType: 'image/png' }] } } });
};
