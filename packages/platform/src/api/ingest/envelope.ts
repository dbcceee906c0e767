/** What a span has to have around its payload. The same as `Span` of `hud/protocol` asks for, at a tenth of the cost. */
import { isPlainObject, normalizeTraceId } from 'hud/protocol';

const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)$/;
const KINDS = new Set(['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']);
const STATUS_CODES = new Set(['UNSET', 'OK', 'ERROR']);
const MAX_NAME = 1_000;

/**
 * @param run the normalised id of the run that the span has to be of; any when absent
 * @returns what is wrong, for people; undefined when the span can be stored and read again
 */
export function problemOf(span: unknown, run?: string): string | undefined {
  if (!isPlainObject(span)) return 'not an object';
  const { trace_id: traceId, span_id: spanId, attributes } = span;
  if (typeof traceId !== 'string' || !TRACE_ID.test(traceId)) return 'trace_id is not 32 hex digits in lower case';
  if (typeof spanId !== 'string' || !SPAN_ID.test(spanId)) return 'span_id is not 16 hex digits in lower case';
  if (!isName(span.name)) return 'name is not a text of 1 to 1000 characters';
  if (!isTime(span.start_time)) return 'start_time is not a time in ISO 8601 with its zone';
  if (!isTime(span.end_time)) return 'end_time is not a time in ISO 8601 with its zone';
  if (!STATUS_CODES.has(span.status_code as string)) return 'status_code is not UNSET, OK or ERROR';
  if (!isPlainObject(attributes)) return 'attributes is not an object';
  return problemOfRest(span) ?? problemOfRun(traceId, attributes['hud.task_run_id'], run);
}

function problemOfRest({ parent_span_id: parent, kind, status_message: message, events }: Record<string, unknown>): string | undefined {
  if (parent !== undefined && parent !== null && (typeof parent !== 'string' || !SPAN_ID.test(parent)))
    return 'parent_span_id is not 16 hex digits';
  if (kind !== undefined && !KINDS.has(kind as string)) return 'kind is none of OpenTelemetry';
  if (message !== undefined && message !== null && typeof message !== 'string') return 'status_message is not a text';
  if (events === undefined) return undefined;
  if (!Array.isArray(events)) return 'events is not a list';
  return events.every(isEvent) ? undefined : 'an event lacks its name or timestamp, or its attributes are no object';
}

function problemOfRun(traceId: string, taskRunId: unknown, run: string | undefined): string | undefined {
  if (typeof taskRunId !== 'string' || taskRunId === '') return 'attributes lack hud.task_run_id';
  if (normalized(taskRunId) !== traceId) return 'hud.task_run_id and trace_id name different runs';
  return run === undefined || run === traceId ? undefined : 'it is of another run than the address names';
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '' && name.length <= MAX_NAME && !name.includes('\0');
}

function isTime(time: unknown): boolean {
  return typeof time === 'string' && TIME.test(time);
}

function isEvent(event: unknown): boolean {
  if (!isPlainObject(event) || typeof event.name !== 'string' || typeof event.timestamp !== 'string') return false;
  return event.attributes === undefined || isPlainObject(event.attributes);
}

/** Spans come in rows of the same run, and those that are no hex ids are hashed. */
let last: { given: string; normalized: string } = { given: '', normalized: '' };

function normalized(taskRunId: string): string {
  if (last.given !== taskRunId) last = { given: taskRunId, normalized: normalizeTraceId(taskRunId) };
  return last.normalized;
}
