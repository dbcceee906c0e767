/** Spans of 1 KiB as the SDK's exporter sends them, of many traces at once, each with an id of its own. */
import { randomBytes } from 'node:crypto';

const TRACES = 200;
const SPAN_BYTES = 1024;

export interface SentSpan {
  traceId: string;
  spanId: string;
  /** JSON in the wire's spelling. */
  text: string;
}

export function makeSpans(n: number): SentSpan[] {
  const traces = Array.from({ length: TRACES }, () => randomBytes(16).toString('hex'));
  return Array.from({ length: n }, (_, i) => makeSpan(traces[i % TRACES] as string, i));
}

function makeSpan(traceId: string, step: number): SentSpan {
  const spanId = randomBytes(8).toString('hex');
  const content = 'The word has four letters, and I counted each of them twice to be sure. '.repeat(5);
  const payload = {
    step_id: step,
    source: 'agent',
    content,
    tool_calls: [],
    done: false,
    model: 'm-1',
    usage: { prompt_tokens: 1200, completion_tokens: 34 },
    extra: '',
  };
  const span = {
    name: 'step.agent',
    trace_id: traceId,
    span_id: spanId,
    parent_span_id: null,
    kind: 'INTERNAL',
    start_time: '2026-08-21T10:00:00.125000Z',
    end_time: '2026-08-21T10:00:02.500000Z',
    status_code: 'OK',
    status_message: null,
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.task_run_id': traceId, 'hud.payload': payload },
    events: [],
  };
  payload.extra = 'x'.repeat(SPAN_BYTES - JSON.stringify(span).length);
  return { traceId, spanId, text: JSON.stringify(span) };
}
