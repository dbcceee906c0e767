/** A recorded step, or what happened to files, as a span, the form in which it is stored and sent; and a step back. */
import type { Host } from '../host/host.ts';
import { decode, encode, snakeCase } from '../protocol/codec.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import { normalizeTraceId } from '../protocol/ids.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { STEP_SCHEMA, Step, type Span } from '../protocol/trace.ts';

/**
 * Numbers that JSON lacks become null, and a step that does not match its form is kept as it is:
 * what happened in a run is recorded, whatever it was.
 * @param trace `runId` is the id as the caller had it; the trace id otherwise
 * @throws HudError BAD_ARGUMENT for a circular step
 */
export function stepSpan(step: Step, trace: { traceId: string; runId?: string }, host: Host): Span {
  const endTime = utcMicroseconds(step.endedAt) ?? new Date(host.now()).toISOString().replace('Z', '000Z');
  const error = step.error ?? null;
  return {
    name: `step.${step.source}`,
    traceId: normalizeTraceId(trace.traceId),
    spanId: host.randomHex(8),
    parentSpanId: null,
    kind: 'INTERNAL',
    startTime: utcMicroseconds(step.startedAt) ?? endTime,
    endTime,
    statusCode: error === null ? 'OK' : 'ERROR',
    statusMessage: error,
    attributes: {
      'hud.schema': STEP_SCHEMA,
      'hud.task_run_id': trace.runId ?? trace.traceId,
      'hud.payload': payloadOf(step),
    },
    events: [],
  };
}

export const FILES_SCHEMA = 'hud.filetracking.v1';

/** What happened to an environment's files, as it is stored and sent. */
export interface FilesRecord {
  kind: 'setup' | 'snapshot' | 'diff' | 'capture';
  payload: JsonObject;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt: string;
  stepId?: number;
}

/** @param trace as for {@link stepSpan} */
export function filesSpan(files: FilesRecord, trace: { traceId: string; runId?: string }, host: Host): Span {
  const endTime = utcMicroseconds(files.endedAt) ?? new Date(host.now()).toISOString().replace('Z', '000Z');
  return {
    name: `filetracking.${files.kind}`,
    traceId: normalizeTraceId(trace.traceId),
    spanId: host.randomHex(8),
    parentSpanId: null,
    kind: 'INTERNAL',
    startTime: utcMicroseconds(files.startedAt) ?? endTime,
    endTime,
    statusCode: 'OK',
    statusMessage: null,
    attributes: {
      'hud.schema': FILES_SCHEMA,
      'hud.task_run_id': trace.runId ?? trace.traceId,
      'hud.payload': files.payload,
      ...(files.stepId === undefined ? {} : { 'hud.step_id': files.stepId }),
    },
    events: [],
  };
}

/**
 * The step that a span carries, without the members that can't be read: a number that was not finite
 * was stored as null.
 * @returns undefined for spans of other kinds, and for steps of a form unknown here
 */
export function spanStep(span: Span): Step | undefined {
  const payload = span.attributes['hud.payload'];
  if (span.attributes['hud.schema'] !== STEP_SCHEMA || !isPlainObject(payload)) return undefined;
  const { step, unreadable } = readStep(payload);
  if (step !== undefined || unreadable.length === 0) return step;
  return readStep(Object.fromEntries(Object.entries(payload).filter(([key]) => !unreadable.includes(key)))).step;
}

function readStep(payload: JsonObject): { step?: Step; unreadable: string[] } {
  try {
    return { step: decode(Step, payload), unreadable: [] };
  } catch (error) {
    if (!isHudError(error)) throw error;
    const { issues = [] } = error.cause as { issues?: { path: PropertyKey[] }[] };
    return { unreadable: issues.map(({ path }) => snakeCase(String(path[0]))) };
  }
}

/** Members whose own null members stand for absent ones; nulls anywhere else are data. */
const TYPED = ['usage', 'sample', 'taskCall'];

/** In the wire's spelling: absent lists and objects are there and empty, null members are not there. */
function payloadOf(step: Step): unknown {
  const bare = withoutNulls(withFiniteNumbers(step) as JsonObject);
  for (const key of TYPED) if (isPlainObject(bare[key])) bare[key] = withoutNulls(bare[key]);
  const checked = Step.safeParse(bare);
  const asItIs: JsonObject = { messages: [], extra: {}, ...bare };
  return encode(Step, checked.success ? checked.data : (asItIs as Step));
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

/** Deeper than any data, far from the stack's end. */
const MAX_DEPTH = 1_000;

/** The value itself when there is nothing to replace, a copy otherwise. */
function withFiniteNumbers(value: unknown, depth = 0): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (depth > MAX_DEPTH)
    throw new HudError('BAD_ARGUMENT', `A step is circular or nested more than ${MAX_DEPTH} deep; it can't be recorded.`);
  if (Array.isArray(value)) {
    const items = value.map((item) => withFiniteNumbers(item, depth + 1));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (!isPlainObject(value)) return value;
  const members = Object.entries(value).map(([key, item]) => [key, withFiniteNumbers(item, depth + 1)] as const);
  return members.some(([key, item]) => item !== value[key]) ? Object.fromEntries(members) : value;
}

/** `2026-08-21T12:00:00.125+02:00` → `2026-08-21T10:00:00.125000Z`; undefined when it is no such time. */
function utcMicroseconds(iso: string | null | undefined): string | undefined {
  const time = Date.parse(iso ?? '');
  if (Number.isNaN(time)) return undefined;
  const fraction = /\.(\d{1,6})/.exec(iso ?? '')?.[1] ?? '';
  return new Date(time).toISOString().replace(/\.\d+Z$/, `.${fraction.padEnd(6, '0')}Z`);
}
