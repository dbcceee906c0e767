/** OpenTelemetry's spans as ours; GenAI spans become steps. Names of attributes are those of the semantic conventions. */
import { STEP_SCHEMA, isPlainObject, type JsonObject } from 'hud/protocol';
import type { OtlpSpan } from './wire.ts';

const KINDS = ['INTERNAL', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const STATUS = ['UNSET', 'OK', 'ERROR'] as const;

/** Calls of a model, as `gen_ai.operation.name` tells them. */
const MODEL_OPERATIONS = ['chat', 'generate_content', 'text_completion'];

/** As it is recorded, in the wire's spelling; a call of a model or a tool carries the step that it is. */
export function toSpan(span: OtlpSpan): JsonObject {
  const own = ownPayload(span.attributes);
  const step = own === undefined ? stepOf(span) : undefined;
  return {
    name: step === undefined ? span.name : `step.${String(step.source)}`,
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_span_id: span.parentSpanId ?? null,
    kind: KINDS[span.kind] ?? 'INTERNAL',
    start_time: isoOf(span.startTimeUnixNano),
    end_time: isoOf(span.endTimeUnixNano),
    status_code: STATUS[span.statusCode] ?? 'UNSET',
    status_message: span.statusMessage ?? null,
    attributes: {
      'hud.task_run_id': span.traceId,
      ...(step === undefined ? {} : { 'hud.schema': STEP_SCHEMA, 'hud.payload': step, 'otel.name': span.name }),
      ...span.attributes,
      ...(own === undefined ? {} : { 'hud.payload': own }),
      ...(span.scope === undefined ? {} : { 'otel.scope': span.scope }),
      ...(Object.keys(span.resource).length === 0 ? {} : { 'otel.resource': span.resource }),
    },
    events: span.events.map((event) => ({ name: event.name, timestamp: isoOf(event.timeUnixNano), attributes: event.attributes })),
  };
}

/** A span that a platform gave out has its payload as JSON text. */
function ownPayload(attributes: JsonObject): JsonObject | undefined {
  const payload = attributes['hud.payload'];
  const parsed = typeof attributes['hud.schema'] === 'string' && typeof payload === 'string' ? parsedOr(payload) : undefined;
  return isPlainObject(parsed) ? parsed : undefined;
}

function stepOf(span: OtlpSpan): JsonObject | undefined {
  const operation = String(span.attributes['gen_ai.operation.name'] ?? '');
  const error = span.statusCode === 2 ? { error: span.statusMessage ?? String(span.attributes['error.type'] ?? 'error') } : {};
  const times = { started_at: isoOf(span.startTimeUnixNano), ended_at: isoOf(span.endTimeUnixNano) };
  if (MODEL_OPERATIONS.includes(operation))
    return { source: 'agent', ...agentStep(span.attributes), ...error, ...times, messages: [], extra: {} };
  if (operation === 'execute_tool') return { source: 'tool', ...toolStep(span), ...error, ...times, messages: [], extra: {} };
  return undefined;
}

function agentStep(attributes: JsonObject): JsonObject {
  const parts = messagesOf(attributes['gen_ai.output.messages']).flatMap((message) => partsOf(message));
  const text = (type: string): string =>
    parts
      .filter((part) => part.type === type)
      .map((part) => String(part.content ?? ''))
      .join('');
  const calls = parts.filter((part) => part.type === 'tool_call');
  const reasons = attributes['gen_ai.response.finish_reasons'];
  return {
    content: text('text'),
    ...(text('reasoning') === '' ? {} : { reasoning: text('reasoning') }),
    tool_calls: calls.map((call, i) => ({
      id: String(call.id ?? `call_${i}`),
      name: String(call.name ?? ''),
      arguments: argumentsOf(call.arguments),
    })),
    done: calls.length === 0,
    citations: [],
    ...(Array.isArray(reasons) && reasons.length > 0 ? { finish_reason: String(reasons[0]) } : {}),
    ...modelOf(attributes),
    usage: usageOf(attributes),
  };
}

function modelOf(attributes: JsonObject): JsonObject {
  const model = attributes['gen_ai.response.model'] ?? attributes['gen_ai.request.model'];
  return typeof model === 'string' ? { model } : {};
}

function usageOf(attributes: JsonObject): JsonObject {
  const count = (name: string, key: string): JsonObject => {
    const value = Number(attributes[`gen_ai.usage.${name}`]);
    return Number.isSafeInteger(value) ? { [key]: value } : {};
  };
  return {
    ...count('input_tokens', 'prompt_tokens'),
    ...count('output_tokens', 'completion_tokens'),
    ...count('cache_read.input_tokens', 'cached_tokens'),
  };
}

function toolStep({ attributes, name, statusCode }: OtlpSpan): JsonObject {
  const result = attributes['gen_ai.tool.call.result'];
  const text = result === undefined ? '' : typeof result === 'string' ? result : JSON.stringify(result);
  return {
    call: {
      id: String(attributes['gen_ai.tool.call.id'] ?? ''),
      name: String(attributes['gen_ai.tool.name'] ?? name.replace(/^execute_tool /, '')),
      arguments: argumentsOf(attributes['gen_ai.tool.call.arguments']),
    },
    result: { content: text === '' ? [] : [{ type: 'text', text }], isError: statusCode === 2 },
  };
}

/** Lists arrive as values or, where an exporter knows no lists of objects, as JSON text. */
function messagesOf(value: unknown): JsonObject[] {
  const parsed = typeof value === 'string' ? parsedOr(value) : value;
  return Array.isArray(parsed) ? parsed.filter(isPlainObject) : [];
}

function partsOf(message: JsonObject): JsonObject[] {
  return Array.isArray(message.parts) ? message.parts.filter(isPlainObject) : [];
}

/** A text that is no JSON object stays text, as a model's broken call does. */
function argumentsOf(value: unknown): JsonObject | string {
  if (isPlainObject(value)) return value;
  const parsed = typeof value === 'string' ? parsedOr(value) : undefined;
  return isPlainObject(parsed) ? parsed : String(value ?? '{}') === '{}' ? {} : String(value);
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // plain text is a value too
  }
}

/** Microseconds are kept, nanoseconds cut. */
function isoOf(nanoseconds: bigint): string {
  const micros = nanoseconds / 1000n;
  const iso = new Date(Number(micros / 1000n)).toISOString();
  return iso.replace('Z', `${String(micros % 1000n).padStart(3, '0')}Z`);
}
