import { describe, expect, test } from 'vitest';
import { decode, encode } from './codec.ts';
import type { JsonObject } from './json.ts';
import { STEP_SCHEMA, Span, Step } from './trace.ts';

/** A span as the Python package uploads it. */
const SPAN = {
  name: 'step.agent',
  trace_id: '03dd2a73d3df4d10a54ae3d87c2d530d',
  span_id: '5b1f0c9e7a2d4416',
  parent_span_id: null,
  kind: 'INTERNAL',
  start_time: '2026-08-21T10:00:00.125000Z',
  end_time: '2026-08-21T10:00:02.500000Z',
  status_code: 'OK',
  status_message: null,
  attributes: {
    'hud.schema': 'hud.step.v1',
    'hud.task_run_id': '03dd2a73d3df4d10a54ae3d87c2d530d',
    'hud.payload': {
      step_id: 3,
      source: 'agent',
      content: 'done',
      tool_calls: [],
      done: true,
      citations: [],
      model: 'm-1',
      started_at: '2026-08-21T10:00:00.125000Z',
      ended_at: '2026-08-21T10:00:02.500000Z',
      messages: [],
      extra: {},
    },
  },
  events: [],
};

describe('a span', () => {
  test('of the Python package is read and written back the same, its payload too', () => {
    const span = decode(Span, SPAN);
    expect(span).toMatchObject({ traceId: SPAN.trace_id, spanId: SPAN.span_id, parentSpanId: null, statusCode: 'OK' });
    expect(encode(Span, span)).toEqual(SPAN);
    expect(span.attributes['hud.schema']).toBe(STEP_SCHEMA);
    const step = decode(Step, span.attributes['hud.payload']);
    expect(step).toMatchObject({ source: 'agent', stepId: 3, toolCalls: [], endedAt: SPAN.end_time });
    expect(encode(Step, step)).toEqual(SPAN.attributes['hud.payload']);
  });

  test('of a schema unknown here keeps its attributes and events untouched', () => {
    const wire = {
      ...SPAN,
      attributes: { 'hud.schema': 'other.v9', camelKey: 1, snake_key: { innerKey: 2 } },
      events: [{ name: 'hud.request', timestamp: 't', attributes: { 'hud.payload': { someArg: 1 } } }],
    };
    expect(encode(Span, decode(Span, wire))).toEqual(wire);
  });

  test('may leave out what has a default', () => {
    const { parent_span_id: _parent, kind: _kind, status_message: _message, events: _events, ...short } = SPAN;
    expect(decode(Span, short)).toEqual(decode(Span, SPAN));
  });

  test.each([
    [{ trace_id: 'run-1' }, 'trace_id'],
    [{ trace_id: SPAN.trace_id.toUpperCase() }, 'trace_id'],
    [{ span_id: '5b1f' }, 'span_id'],
    [{ parent_span_id: 'x' }, 'parent_span_id'],
    [{ kind: 'OTHER' }, 'kind'],
    [{ status_code: 'FINE' }, 'status_code'],
    [{ attributes: null }, 'attributes'],
    [{ start_time: 5 }, 'start_time'],
  ])('with %o is refused by name', (change, name) => {
    expect(() => decode(Span, { ...SPAN, ...change })).toThrow(`malformed: ${name}: `);
  });
});

describe('a step', () => {
  test("of an agent is in the wire's spelling, but for what tools and models named", () => {
    const step: Step = {
      source: 'agent',
      stepId: 1,
      content: 'x',
      finishReason: 'stop',
      toolCalls: [{ id: 'c', name: 't', arguments: { camelArg: 1, snake_arg: 2 }, providerName: 'p', pending_safety_checks: [] }],
      usage: { promptTokens: 1, costUsd: 0.5, llmCallCount: 2 },
      sample: { promptTokenIds: [1], outputTokenIds: [2], outputLogprobs: [-0.5], promptChunks: [{ someKey: 1 }] },
      citations: [{ type: 'url_citation', text: 't', source: 's', startIndex: 1 }],
      raw: { finishReason: 'STOP' },
    };
    const wire = encode(Step, step);
    expect(wire).toEqual({
      source: 'agent',
      step_id: 1,
      content: 'x',
      finish_reason: 'stop',
      tool_calls: [{ id: 'c', name: 't', arguments: { camelArg: 1, snake_arg: 2 }, provider_name: 'p', pending_safety_checks: [] }],
      usage: { prompt_tokens: 1, cost_usd: 0.5, llm_call_count: 2 },
      sample: { prompt_token_ids: [1], output_token_ids: [2], output_logprobs: [-0.5], prompt_chunks: [{ someKey: 1 }] },
      citations: [{ type: 'url_citation', text: 't', source: 's', start_index: 1 }],
      raw: { finishReason: 'STOP' },
    });
    expect(decode(Step, wire)).toEqual(Step.parse(step));
  });

  test("of a tool keeps MCP's own spelling", () => {
    const step: Step = {
      source: 'tool',
      call: { id: 'c', name: 't', arguments: {} },
      result: {
        content: [{ type: 'image', data: 'AA==', mimeType: 'image/png', annotations: { someKey: 1 } }],
        isError: true,
        structuredContent: { someKey: 1 },
        callId: 'c',
      },
    };
    const wire = encode(Step, step);
    expect(wire).toEqual({
      source: 'tool',
      call: { id: 'c', name: 't', arguments: {} },
      result: {
        content: [{ type: 'image', data: 'AA==', mimeType: 'image/png', annotations: { someKey: 1 } }],
        isError: true,
        structuredContent: { someKey: 1 },
        call_id: 'c',
      },
    });
    expect(decode(Step, wire)).toEqual(Step.parse(step));
  });

  test('whose tool arguments did not parse keeps their text', () => {
    const wire = { source: 'agent', tool_calls: [{ id: 'c', name: 'bash', arguments: '{"cmd": "' }] };
    const step = decode(Step, wire);
    expect(step).toMatchObject({ toolCalls: [{ arguments: '{"cmd": "' }] });
    expect(encode(Step, step)).toMatchObject(wire);
  });

  test('without usage or sample has neither key on the wire', () => {
    const wire = encode(Step, Step.parse({ source: 'agent', content: 'x' })) as JsonObject;
    for (const key of ['usage', 'sample', 'model', 'error', 'raw', 'step_id']) expect(wire).not.toHaveProperty(key);
    expect(wire).toMatchObject({ tool_calls: [], citations: [], messages: [], extra: {}, done: false });
  });

  test.each<Step>([
    { source: 'task', taskCall: { phase: 'setup', name: 't', arguments: { someArg: null } } },
    { source: 'task', taskCall: { phase: 'evaluate', name: 't', result: { isError: false, some_info: 1 } } },
    { source: 'user', messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] },
    { source: 'system', error: '[grading] boom', extra: { someKey: 1 } },
    { source: 'subagent', subagent: { steps: [{ source: 'agent', toolCalls: 1, tool_calls: 2 }], status: 'completed', stop_reason: null } },
  ])('of source $source comes back as it was', (step) => {
    expect(decode(Step, encode(Step, step))).toEqual(Step.parse(step));
  });

  test.each([
    [{ source: 'agent', step_id: 0 }, 'step_id'],
    [{ source: 'task', task_call: { phase: 'run', name: 'x' } }, 'task_call.phase'],
    [{ source: 'tool', call: { id: 'c', name: 'n', arguments: {} } }, 'result'],
    [{ source: 'user', messages: [{ role: 'system', content: { type: 'text' } }] }, 'messages[0].role'],
  ])('%o is refused by name', (wire, name) => expect(() => decode(Step, wire)).toThrow(`malformed: ${name}: `));
});
