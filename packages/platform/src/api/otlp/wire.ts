/** OTLP over HTTP, both spellings of it: protobuf and JSON. */
import protobuf from 'protobufjs/light.js';
import { isPlainObject, parseJson, type JsonObject } from 'hud/protocol';
import { Fault } from '../../fault.ts';

export interface OtlpEvent {
  name: string;
  timeUnixNano: bigint;
  attributes: JsonObject;
}

/** One span with what its batch says of it. */
export interface OtlpSpan {
  /** 32 hex digits, lower case. */
  traceId: string;
  /** 16 hex digits, lower case. */
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: JsonObject;
  events: OtlpEvent[];
  /** 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string | undefined;
  resource: JsonObject;
  scope: string | undefined;
}

export type Encoding = 'protobuf' | 'json';

/** @throws Fault 415 */
export function encodingOf(contentType: string | null): Encoding {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-protobuf' || type === 'application/protobuf') return 'protobuf';
  if (type === 'application/json') return 'json';
  throw new Fault(415, `OTLP comes as application/x-protobuf or application/json, not as '${type}'.`);
}

/** @throws Fault 400 for bytes that are no such request */
export function readRequest(bytes: Uint8Array, encoding: Encoding): OtlpSpan[] {
  try {
    const message =
      encoding === 'protobuf'
        ? REQUEST.toObject(REQUEST.decode(bytes), { longs: String, arrays: true })
        : (parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonObject);
    return spansOf(message);
  } catch (cause) {
    throw new Fault(400, 'The body is not an OTLP trace request.', { cause });
  }
}

/** What an exporter gets back. */
export function writeResponse(encoding: Encoding, rejected: number, message: string): Response {
  const partial = rejected === 0 ? {} : { partialSuccess: { rejectedSpans: rejected, errorMessage: message } };
  if (encoding === 'json') return Response.json(partial);
  const bytes = RESPONSE.encode(RESPONSE.fromObject(partial)).finish();
  return new Response(new Uint8Array(bytes), { headers: { 'content-type': 'application/x-protobuf' } });
}

function spansOf(message: JsonObject): OtlpSpan[] {
  return list(message.resourceSpans).flatMap(({ resource, scopeSpans }) => {
    const attributes = attributesOf((resource as JsonObject | undefined)?.attributes);
    return list(scopeSpans).flatMap(({ scope, spans }) => {
      const name = (scope as JsonObject | undefined)?.name;
      return list(spans).map((span) => spanOf(span, attributes, typeof name === 'string' && name !== '' ? name : undefined));
    });
  });
}

function spanOf(span: JsonObject, resource: JsonObject, scope: string | undefined): OtlpSpan {
  const status = (span.status ?? {}) as JsonObject;
  const parent = hex(span.parentSpanId);
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: parent === '' || /^0+$/.test(parent) ? undefined : parent,
    name: String(span.name ?? ''),
    kind: Number(span.kind ?? 0),
    startTimeUnixNano: BigInt(String(span.startTimeUnixNano ?? 0)),
    endTimeUnixNano: BigInt(String(span.endTimeUnixNano ?? 0)),
    attributes: attributesOf(span.attributes),
    events: list(span.events).map((event) => ({
      name: String(event.name ?? ''),
      timeUnixNano: BigInt(String(event.timeUnixNano ?? 0)),
      attributes: attributesOf(event.attributes),
    })),
    statusCode: Number(status.code ?? 0),
    statusMessage: typeof status.message === 'string' && status.message !== '' ? status.message : undefined,
    resource,
    scope,
  };
}

function list(value: unknown): JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isPlainObject)) throw new TypeError('a list of objects was expected');
  return value;
}

/** Protobuf has bytes; JSON has hex digits, in either case. */
function hex(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'string' ? value.toLowerCase() : '';
}

function attributesOf(value: unknown): JsonObject {
  return Object.fromEntries(list(value).map(({ key, value: any }) => [String(key), valueOf(any)]));
}

function valueOf(any: unknown): unknown {
  if (!isPlainObject(any)) return null;
  if (any.stringValue !== undefined) return any.stringValue;
  if (any.boolValue !== undefined) return any.boolValue;
  if (any.intValue !== undefined) return integer(String(any.intValue));
  if (any.doubleValue !== undefined) return Number(any.doubleValue);
  if (any.arrayValue !== undefined) return list((any.arrayValue as JsonObject).values).map(valueOf);
  if (any.kvlistValue !== undefined) return attributesOf((any.kvlistValue as JsonObject).values);
  if (any.bytesValue instanceof Uint8Array) return Buffer.from(any.bytesValue).toString('base64');
  return any.bytesValue ?? null;
}

/** Text where a double would lose digits. */
function integer(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/** The messages of opentelemetry-proto that a trace request consists of; numbers are the wire's. */
const SCHEMA = protobuf.Root.fromJSON({
  nested: {
    Request: { fields: { resourceSpans: { rule: 'repeated', type: 'ResourceSpans', id: 1 } } },
    ResourceSpans: { fields: { resource: { type: 'Resource', id: 1 }, scopeSpans: { rule: 'repeated', type: 'ScopeSpans', id: 2 } } },
    Resource: { fields: { attributes: { rule: 'repeated', type: 'KeyValue', id: 1 } } },
    ScopeSpans: { fields: { scope: { type: 'Scope', id: 1 }, spans: { rule: 'repeated', type: 'Span', id: 2 } } },
    Scope: { fields: { name: { type: 'string', id: 1 }, version: { type: 'string', id: 2 } } },
    Span: {
      fields: {
        traceId: { type: 'bytes', id: 1 },
        spanId: { type: 'bytes', id: 2 },
        parentSpanId: { type: 'bytes', id: 4 },
        name: { type: 'string', id: 5 },
        kind: { type: 'int32', id: 6 },
        startTimeUnixNano: { type: 'fixed64', id: 7 },
        endTimeUnixNano: { type: 'fixed64', id: 8 },
        attributes: { rule: 'repeated', type: 'KeyValue', id: 9 },
        events: { rule: 'repeated', type: 'Event', id: 11 },
        status: { type: 'Status', id: 15 },
      },
    },
    Event: {
      fields: {
        timeUnixNano: { type: 'fixed64', id: 1 },
        name: { type: 'string', id: 2 },
        attributes: { rule: 'repeated', type: 'KeyValue', id: 3 },
      },
    },
    Status: { fields: { message: { type: 'string', id: 2 }, code: { type: 'int32', id: 3 } } },
    KeyValue: { fields: { key: { type: 'string', id: 1 }, value: { type: 'AnyValue', id: 2 } } },
    AnyValue: {
      oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue'] } },
      fields: {
        stringValue: { type: 'string', id: 1 },
        boolValue: { type: 'bool', id: 2 },
        intValue: { type: 'int64', id: 3 },
        doubleValue: { type: 'double', id: 4 },
        arrayValue: { type: 'ArrayValue', id: 5 },
        kvlistValue: { type: 'KeyValueList', id: 6 },
        bytesValue: { type: 'bytes', id: 7 },
      },
    },
    ArrayValue: { fields: { values: { rule: 'repeated', type: 'AnyValue', id: 1 } } },
    KeyValueList: { fields: { values: { rule: 'repeated', type: 'KeyValue', id: 1 } } },
    Response: { fields: { partialSuccess: { type: 'PartialSuccess', id: 1 } } },
    PartialSuccess: { fields: { rejectedSpans: { type: 'int64', id: 1 }, errorMessage: { type: 'string', id: 2 } } },
  },
});
const REQUEST = SCHEMA.lookupType('Request');
const RESPONSE = SCHEMA.lookupType('Response');
