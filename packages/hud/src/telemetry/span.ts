/** A recorded step as a span, the form in which it is stored and sent, and back. */
import type { Host } from '../host/host.ts';
import { decode, encode } from '../protocol/codec.ts';
import { normalizeTraceId } from '../protocol/ids.ts';
import { isPlainObject } from '../protocol/json.ts';
import { STEP_SCHEMA, Step, type Span } from '../protocol/trace.ts';

/** @param trace `runId` is the id as the caller had it; the trace id otherwise */
export function stepSpan(step: Step, trace: { traceId: string; runId?: string }, host: Host): Span {
  const endTime = microseconds(step.endedAt ?? new Date(host.now()).toISOString());
  return {
    name: `step.${step.source}`,
    traceId: normalizeTraceId(trace.traceId),
    spanId: host.randomHex(8),
    parentSpanId: null,
    kind: 'INTERNAL',
    startTime: step.startedAt === undefined ? endTime : microseconds(step.startedAt),
    endTime,
    statusCode: step.error === undefined ? 'OK' : 'ERROR',
    statusMessage: step.error ?? null,
    attributes: {
      'hud.schema': STEP_SCHEMA,
      'hud.task_run_id': trace.runId ?? trace.traceId,
      'hud.payload': withoutNulls(encode(Step, Step.parse(step))),
    },
    events: [],
  };
}

/** The step that a span carries; undefined for spans of other kinds. */
export function spanStep(span: Span): Step | undefined {
  if (span.attributes['hud.schema'] !== STEP_SCHEMA) return undefined;
  return decode(Step, span.attributes['hud.payload'], { what: `The payload of span ${span.spanId}` });
}

/** Fields of the step itself that are null are left out; nulls inside data stay. */
function withoutNulls(payload: unknown): unknown {
  if (!isPlainObject(payload)) return payload;
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== null));
}

/** `2026-08-21T10:00:00.125Z` → `2026-08-21T10:00:00.125000Z`. */
function microseconds(iso: string): string {
  return iso.replace(/(?:\.(\d{1,6}))?Z$/, (_, digits: string | undefined) => `.${(digits ?? '').padEnd(6, '0')}Z`);
}
