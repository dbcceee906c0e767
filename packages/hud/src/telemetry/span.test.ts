import { expect, test } from 'vitest';
import { nodeHost } from '../host/node.ts';
import { Span, Step } from '../protocol/trace.ts';
import { spanStep, stepSpan } from './span.ts';

const trace = { traceId: '03dd2a73d3df4d10a54ae3d87c2d530d' };
const payload = (span: Span): Record<string, unknown> => span.attributes['hud.payload'] as Record<string, unknown>;

test('a step becomes a span of the documented form, and comes back', () => {
  const step: Step = {
    source: 'agent',
    stepId: 3,
    content: 'done',
    done: true,
    model: 'm-1',
    startedAt: '2026-08-21T10:00:00.125Z',
    endedAt: '2026-08-21T10:00:02.5Z',
  };
  const span = stepSpan(step, trace, nodeHost);
  expect(span).toMatchObject({
    name: 'step.agent',
    traceId: trace.traceId,
    parentSpanId: null,
    kind: 'INTERNAL',
    statusCode: 'OK',
    statusMessage: null,
    events: [],
    startTime: '2026-08-21T10:00:00.125000Z',
    endTime: '2026-08-21T10:00:02.500000Z',
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.task_run_id': trace.traceId },
  });
  expect(payload(span)).toEqual({
    step_id: 3,
    source: 'agent',
    content: 'done',
    tool_calls: [],
    done: true,
    citations: [],
    model: 'm-1',
    started_at: '2026-08-21T10:00:00.125Z',
    ended_at: '2026-08-21T10:00:02.5Z',
    messages: [],
    extra: {},
  });
  expect(Span.safeParse(span).success).toBe(true);
  expect(spanStep(span)).toEqual(Step.parse(step));
});

test('an error marks the span', () => {
  expect(stepSpan({ source: 'system', error: '[grading] boom' }, trace, nodeHost)).toMatchObject({
    statusCode: 'ERROR',
    statusMessage: '[grading] boom',
  });
});

test('broken arguments of a call stay text, and absent usage and sample stay absent', () => {
  const span = stepSpan(
    { source: 'agent', toolCalls: [{ id: 'c', name: 't', arguments: '{"cmd": "' }], finishReason: null },
    trace,
    nodeHost,
  );
  expect(payload(span)).toMatchObject({ tool_calls: [{ arguments: '{"cmd": "' }] });
  for (const key of ['usage', 'sample', 'finish_reason', 'content']) expect(payload(span)).not.toHaveProperty(key);
});

test('a free id is normalised and kept; a span of another kind holds no step', () => {
  const span = stepSpan({ source: 'user' }, { traceId: 'run-1', runId: 'run-1' }, nodeHost);
  expect(span).toMatchObject({ traceId: 'a1512d2b077d52699e52b7122739c297', attributes: { 'hud.task_run_id': 'run-1' } });
  expect(spanStep({ ...span, attributes: {} })).toBeUndefined();
});
