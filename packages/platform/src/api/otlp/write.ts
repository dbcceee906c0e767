/** A run as OpenTelemetry's spans, in OTLP JSON. Names of attributes are those of the GenAI semantic conventions. */
import { STEP_SCHEMA, isPlainObject, type JsonObject, type Span } from 'hud/protocol';

/** By number on the wire; 0 is unspecified. */
const KINDS = ['INTERNAL', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const STATUS = ['UNSET', 'OK', 'ERROR'] as const;

/** The run as OTLP: one `invoke_agent` span above its steps, and the grade as its evaluation event. */
export interface ExportedRun {
  traceId: string;
  jobId: string;
  slug: string;
  agent?: string | undefined;
  model?: string | undefined;
  startedAt: number;
  endedAt?: number | undefined;
  reward?: number | undefined;
  class?: string | undefined;
  error?: string | undefined;
}

/** @returns an OTLP JSON request. @param spans in order */
export function toOtlp(run: ExportedRun, spans: readonly Span[]): JsonObject {
  const rootId = run.traceId.slice(16);
  const children = spans.map((span) => childOf(span, rootId));
  const root = {
    traceId: run.traceId,
    spanId: rootId,
    name: `invoke_agent ${run.agent ?? run.model ?? 'agent'}`,
    kind: 1,
    startTimeUnixNano: `${Math.round(run.startedAt)}000000`,
    endTimeUnixNano: `${Math.round(run.endedAt ?? run.startedAt)}000000`,
    attributes: pairs({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': run.agent,
      'gen_ai.request.model': run.model,
      'gen_ai.conversation.id': run.traceId,
      'hud.job_id': run.jobId,
      'hud.task': run.slug,
      'hud.class': run.class,
      'error.type': run.class === undefined || run.class === 'graded' ? undefined : run.class,
    }),
    events: run.reward === undefined ? [] : [evaluation(run, run.reward)],
    status: run.error === undefined ? { code: 1 } : { code: 2, message: run.error },
  };
  return {
    resourceSpans: [
      {
        resource: { attributes: pairs({ 'service.name': 'hud' }) },
        scopeSpans: [{ scope: { name: 'hud' }, spans: [root, ...children] }],
      },
    ],
  };
}

function evaluation(run: ExportedRun, reward: number): JsonObject {
  return {
    name: 'gen_ai.evaluation.result',
    timeUnixNano: `${Math.round(run.endedAt ?? run.startedAt)}000000`,
    attributes: pairs({ 'gen_ai.evaluation.name': run.slug, 'gen_ai.evaluation.score.value': reward }),
  };
}

function childOf(span: Span, rootId: string): JsonObject {
  const payload = span.attributes['hud.payload'];
  const step = span.attributes['hud.schema'] === STEP_SCHEMA && isPlainObject(payload) ? payload : undefined;
  const isAgent = step?.source === 'agent' && span.attributes['otel.name'] === undefined;
  const isTool = step?.source === 'tool' && span.attributes['otel.name'] === undefined;
  const own = isAgent ? agentAttributes(step) : isTool ? toolAttributes(step) : plainAttributes(span);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? rootId,
    name: isAgent
      ? `chat ${String(step.model ?? 'model')}`
      : isTool
        ? `execute_tool ${toolName(step)}`
        : String(span.attributes['otel.name'] ?? span.name),
    kind: isAgent ? 3 : Math.max(1, KINDS.lastIndexOf(span.kind)),
    startTimeUnixNano: nanos(span.startTime),
    endTimeUnixNano: nanos(span.endTime),
    attributes: pairs(own),
    events: span.events.map((event) => ({ name: event.name, timeUnixNano: nanos(event.timestamp), attributes: pairs(event.attributes) })),
    status: { code: STATUS.indexOf(span.statusCode), ...(span.statusMessage === null ? {} : { message: span.statusMessage }) },
  };
}

function agentAttributes(step: JsonObject): JsonObject {
  const usage = isPlainObject(step.usage) ? step.usage : {};
  const calls = Array.isArray(step.tool_calls) ? step.tool_calls.filter(isPlainObject) : [];
  const parts = [
    ...(step.reasoning ? [{ type: 'reasoning', content: step.reasoning }] : []),
    ...(step.content ? [{ type: 'text', content: step.content }] : []),
    ...calls.map((call) => ({ type: 'tool_call', id: call.id, name: call.name, arguments: call.arguments })),
  ];
  const reason = step.finish_reason ?? (calls.length > 0 ? 'tool_calls' : 'stop');
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': step.model,
    'gen_ai.response.model': step.model,
    'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts, finish_reason: reason }]),
    'gen_ai.response.finish_reasons': [reason],
    'gen_ai.usage.input_tokens': usage.prompt_tokens,
    'gen_ai.usage.output_tokens': usage.completion_tokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cached_tokens,
    'hud.cost_usd': usage.cost_usd,
    'error.type': step.error,
  };
}

function toolAttributes(step: JsonObject): JsonObject {
  const call = isPlainObject(step.call) ? step.call : {};
  const result = isPlainObject(step.result) ? step.result : {};
  const blocks = Array.isArray(result.content) ? result.content.filter(isPlainObject) : [];
  return {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': call.name,
    'gen_ai.tool.type': 'function',
    'gen_ai.tool.call.id': call.id,
    'gen_ai.tool.call.arguments': typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments ?? {}),
    'gen_ai.tool.call.result': blocks
      .map((block) => (block.type === 'text' ? String(block.text ?? '') : `[${String(block.type)}]`))
      .join('\n'),
    'error.type': result.isError === true ? 'tool_error' : undefined,
  };
}

/** Said otherwise, or made of the others again by whoever takes it in. */
const OWN = ['otel.name', 'otel.scope', 'otel.resource', 'hud.task_run_id'];
const STEP = ['hud.schema', 'hud.payload'];

/** Objects become JSON text, which is what OpenTelemetry's readers show. */
function plainAttributes(span: Span): JsonObject {
  const left = span.attributes['otel.name'] === undefined ? OWN : [...OWN, ...STEP];
  return Object.fromEntries(
    Object.entries(span.attributes)
      .filter(([key]) => !left.includes(key))
      .map(([key, value]) => [key, typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(value) : value]),
  );
}

function toolName(step: JsonObject): string {
  return isPlainObject(step.call) ? String(step.call.name ?? '') : '';
}

function pairs(attributes: JsonObject): JsonObject[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined || value === null ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: unknown): JsonObject {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { stringValue: JSON.stringify(value) };
}

function nanos(iso: string): string {
  const fraction = /\.(\d+)/.exec(iso)?.[1] ?? '';
  const seconds = Math.floor(Date.parse(iso) / 1000);
  return `${seconds}${fraction.slice(0, 9).padEnd(9, '0')}`;
}
