import { describe, expect, test } from 'vitest';
import { nodeHost } from '../host/node.ts';
import { decode, encode } from '../protocol/codec.ts';
import { parseJson, stringifyJson } from '../protocol/json.ts';
import { Span, Step } from '../protocol/trace.ts';
import { spanStep, stepSpan } from './span.ts';

const trace = { traceId: '03dd2a73d3df4d10a54ae3d87c2d530d' };
const spanOf = (step: Step): Span => stepSpan(step, trace, nodeHost);
const payload = (step: Step): Record<string, unknown> => spanOf(step).attributes['hud.payload'] as Record<string, unknown>;
/** What a reader gets, after the way through JSON. */
const stored = (span: Span): Span => decode(Span, parseJson(stringifyJson(encode(Span, span))));

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
  const span = spanOf(step);
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
  expect(payload(step)).toEqual({
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
  expect(spanStep(stored(span))).toEqual(Step.parse(step));
});

test('every span has an id of its own', () => {
  const step: Step = { source: 'user' };
  expect(spanOf(step).spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(spanOf(step).spanId).not.toBe(spanOf(step).spanId);
});

test('P1: user, agent and tool steps keep their numbers and give their names', () => {
  const steps: Step[] = [
    { source: 'user', stepId: 1, messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] },
    { source: 'agent', stepId: 2, toolCalls: [{ id: 'c', name: 'bash', arguments: { command: 'ls' } }] },
    {
      source: 'tool',
      stepId: 3,
      call: { id: 'c', name: 'bash', arguments: { command: 'ls' } },
      result: { content: [{ type: 'image', data: 'AA==', mimeType: 'image/png' }], isError: true, callId: 'c' },
    },
  ];
  expect(steps.map((step) => spanOf(step).name)).toEqual(['step.user', 'step.agent', 'step.tool']);
  expect(steps.map((step) => payload(step).step_id)).toEqual([1, 2, 3]);
  expect(payload(steps[2] as Step).result).toEqual({
    content: [{ type: 'image', data: 'AA==', mimeType: 'image/png' }],
    isError: true,
    call_id: 'c',
  });
  for (const step of steps) expect(spanStep(stored(spanOf(step)))).toEqual(Step.parse(step));
});

test('P2: an error marks the span and is its message', () => {
  expect(spanOf({ source: 'system', error: '[grading] boom' })).toMatchObject({ statusCode: 'ERROR', statusMessage: '[grading] boom' });
  expect(spanOf({ source: 'system', error: '' })).toMatchObject({ statusCode: 'ERROR', statusMessage: '' });
  expect(spanOf({ source: 'system' })).toMatchObject({ statusCode: 'OK', statusMessage: null });
});

test('P3: arguments of a call that did not parse stay text', () => {
  const step: Step = { source: 'agent', toolCalls: [{ id: 'c', name: 't', arguments: '{"cmd": "' }] };
  expect(payload(step)).toMatchObject({ tool_calls: [{ arguments: '{"cmd": "' }] });
  expect(spanStep(stored(spanOf(step)))).toMatchObject({ toolCalls: [{ arguments: '{"cmd": "' }] });
});

test('P4: what is absent or null has no key, empty lists and objects have', () => {
  const written = payload({ source: 'agent', content: null, finishReason: null });
  for (const key of ['usage', 'sample', 'finish_reason', 'content', 'error', 'step_id']) expect(written).not.toHaveProperty(key);
  expect(written).toEqual({ source: 'agent', messages: [], extra: {}, tool_calls: [], citations: [], done: false });
  expect(payload({ source: 'agent', sample: { promptTokenIds: null, outputTokenIds: [], outputLogprobs: [] } }).sample).toEqual({
    output_token_ids: [],
    output_logprobs: [],
  });
});

test('nulls inside data stay', () => {
  const step: Step = { source: 'agent', extra: { k: null }, raw: { z: null }, toolCalls: [{ id: 'c', name: 't', arguments: { a: null } }] };
  expect(payload(step)).toMatchObject({ extra: { k: null }, raw: { z: null }, tool_calls: [{ arguments: { a: null } }] });
});

describe('numbers that JSON lacks', () => {
  test('become null, wherever they are, in the span itself', () => {
    const step: Step = {
      source: 'agent',
      extra: { deep: [{ x: Number.NaN, y: 1 }] },
      raw: { score: Number.POSITIVE_INFINITY },
      toolCalls: [{ id: 'c', name: 't', arguments: { n: -Infinity } }],
    };
    expect(payload(step)).toMatchObject({
      extra: { deep: [{ x: null, y: 1 }] },
      raw: { score: null },
      tool_calls: [{ arguments: { n: null } }],
    });
    expect(step.extra).toEqual({ deep: [{ x: Number.NaN, y: 1 }] });
  });

  test('do not keep a step from being recorded and read, but for the member that needs the number', () => {
    const step: Step = {
      source: 'agent',
      content: 'x',
      usage: { costUsd: Number.NaN, promptTokens: 3 },
      sample: { outputTokenIds: [1, 2], outputLogprobs: [-0.5, -Infinity] },
    };
    const span = stored(spanOf(step));
    expect(span.attributes['hud.payload']).toMatchObject({
      usage: { prompt_tokens: 3 },
      sample: { output_token_ids: [1, 2], output_logprobs: [-0.5, null] },
      messages: [],
      extra: {},
    });
    const read = spanStep(span);
    expect(read).toMatchObject({ content: 'x', usage: { promptTokens: 3 } });
    expect(read).not.toHaveProperty('sample');
  });
});

test('a circular step is refused in words', () => {
  const raw: Record<string, unknown> = {};
  raw.self = raw;
  expect(() => spanOf({ source: 'agent', raw })).toThrow('circular');
});

test.each([
  ['2026-08-21T10:00:02Z', '2026-08-21T10:00:02.000000Z'],
  ['2026-08-21T10:00:02.123456789Z', '2026-08-21T10:00:02.123456Z'],
  ['2026-08-21T12:00:02.5+02:00', '2026-08-21T10:00:02.500000Z'],
])('the time %s is written as %s', (given, written) => {
  expect(spanOf({ source: 'user', startedAt: given, endedAt: given })).toMatchObject({ startTime: written, endTime: written });
});

test("without times of its own a span has the clock's", () => {
  const host = { ...nodeHost, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) };
  const now = '2026-01-02T03:04:05.678000Z';
  expect(stepSpan({ source: 'user', startedAt: 'soon' }, trace, host)).toMatchObject({ startTime: now, endTime: now });
});

test("a free id is normalised, and kept as the run's own", () => {
  const span = stepSpan({ source: 'user' }, { traceId: 'run-1', runId: 'run-1' }, nodeHost);
  expect(span).toMatchObject({ traceId: 'a1512d2b077d52699e52b7122739c297', attributes: { 'hud.task_run_id': 'run-1' } });
});

test('spans of other kinds, and steps of a form unknown here, hold no step', () => {
  const span = spanOf({ source: 'user' });
  const withPayload = (value: unknown): Span => ({ ...span, attributes: { ...span.attributes, 'hud.payload': value } });
  expect(spanStep({ ...span, attributes: {} })).toBeUndefined();
  expect(spanStep({ ...span, attributes: { ...span.attributes, 'hud.schema': 'hud.robot.step.v1' } })).toBeUndefined();
  expect(spanStep(withPayload({ source: 'oracle', messages: [] }))).toBeUndefined();
  expect(spanStep(withPayload({ source: 'tool', messages: [] }))).toBeUndefined();
  expect(spanStep(withPayload('text'))).toBeUndefined();
  expect(spanStep(withPayload({ source: 'user', extra: 5, error: 'kept' }))).toMatchObject({ source: 'user', error: 'kept', extra: {} });
});
