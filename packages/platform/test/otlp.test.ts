/** OpenTelemetry's own exporters send to a platform, and a collector gets what the platform has. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace';
import { expect, test } from 'vitest';
import { readRequest, type OtlpSpan } from '../src/api/otlp/wire.ts';
import { startSetup, type Setup } from './ingest.fixtures.ts';

type Json = Record<string, unknown>;

/** What an instrumented agent reports: one answer of a model that calls a tool, the tool, and the grade. @returns the trace id */
async function report(exporter: SpanExporter, { score }: { score?: number } = {}): Promise<string> {
  const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
  const tracer = provider.getTracer('some-agent');
  const root = tracer.startSpan('invoke_agent helper', { attributes: { 'gen_ai.operation.name': 'invoke_agent' } });
  const within = trace.setSpan(context.active(), root);
  const parts = [
    { type: 'reasoning', content: 'look first' },
    { type: 'text', content: 'I look.' },
    { type: 'tool_call', id: 'c1', name: 'list', arguments: { path: '/' } },
  ];
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'some-model',
    'gen_ai.usage.input_tokens': 11,
    'gen_ai.usage.output_tokens': 7,
    'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts, finish_reason: 'tool_calls' }]),
  };
  tracer.startSpan('chat some-model', { kind: SpanKind.CLIENT, attributes }, within).end();
  const tool = {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'list',
    'gen_ai.tool.call.id': 'c1',
    'gen_ai.tool.call.result': 'a.txt',
  };
  tracer.startSpan('execute_tool list', { attributes: tool }, within).end();
  const failed = tracer.startSpan('work of its own', { attributes: { count: 3, ratio: 0.5, tags: ['a', 'b'] } }, within);
  failed.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' });
  failed.end();
  if (score !== undefined)
    root.addEvent('gen_ai.evaluation.result', { 'gen_ai.evaluation.name': 'task', 'gen_ai.evaluation.score.value': score });
  root.end();
  await provider.forceFlush();
  await provider.shutdown();
  return root.spanContext().traceId;
}

function exporterFor(Exporter: typeof JsonExporter | typeof ProtobufExporter, { platform, a }: Setup): SpanExporter {
  return new Exporter({ url: `${platform.url}/v1/traces`, headers: { authorization: `Bearer ${a.key}` } });
}

test.each([
  ['protobuf', ProtobufExporter],
  ['JSON', JsonExporter],
])('spans of an OpenTelemetry exporter that writes %s become steps, and its evaluation the grade', async (_name, Exporter) => {
  await using setup = await startSetup();
  const traceId = await report(exporterFor(Exporter, setup), { score: 0.75 });
  const { events } = (await (await setup.a.get(`/v2/trace/${traceId}/events?kinds=all`)).json()) as { events: Json[] };
  expect(events).toContainEqual(
    expect.objectContaining({
      kind: 'agent_message',
      text: 'I look.',
      reasoning: 'look first',
      tool_calls: [expect.objectContaining({ id: 'c1', name: 'list', arguments: { path: '/' } })],
    }),
  );
  expect(events).toContainEqual(expect.objectContaining({ tool_name: 'list', result_text: 'a.txt' }));
  const run = (await (await setup.a.get(`/v2/trace/${traceId}`)).json()) as Json;
  expect(run).toMatchObject({ status: 'completed', class: 'graded', reward: 0.75 });
  const { items } = (await (await setup.a.get(`/v2/trace/${traceId}/spans`)).json()) as { items: Json[] };
  expect(items.find(({ name }) => name === 'work of its own')).toMatchObject({
    status_code: 'ERROR',
    status_message: 'it broke',
    attributes: { count: 3, ratio: 0.5, tags: ['a', 'b'] },
  });
  expect((await setup.b.get(`/v2/trace/${traceId}/events`)).status).toBe(404);
});

test('a trace without an evaluation ends ungraded, and counts in no mean', async () => {
  await using setup = await startSetup();
  const traceId = await report(exporterFor(ProtobufExporter, setup));
  const run = (await (await setup.a.get(`/v2/trace/${traceId}`)).json()) as Json;
  expect(run).toMatchObject({ status: 'completed', class: 'grader', reward: null });
});

test.each([
  ['no key', {}, '', 401],
  ['bytes that are no request', { 'content-type': 'application/x-protobuf' }, 'certainly not', 400],
  ['JSON of another kind', { 'content-type': 'application/json' }, '{"resourceSpans": 5}', 400],
  ['another format', { 'content-type': 'text/plain' }, 'x', 415],
])('%s is refused', async (what, headers, body, status) => {
  await using setup = await startSetup();
  const authorization = what === 'no key' ? {} : { authorization: `Bearer ${setup.a.key}` };
  const response = await fetch(`${setup.platform.url}/v1/traces`, {
    method: 'POST',
    headers: { ...headers, ...authorization } as Record<string, string>,
    body,
  });
  expect(response.status).toBe(status);
});

test('a span with a broken id is refused alone, and the exporter is told', async () => {
  await using setup = await startSetup();
  const span = (spanId: string): Json => ({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId,
    name: 'x',
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000000000001',
  });
  const body = { resourceSpans: [{ scopeSpans: [{ spans: [span('b7ad6b7169203331'), span('short')] }] }] };
  const { status, body: answer } = await setup.a.post('/v1/traces', JSON.stringify(body), { 'content-type': 'application/json' });
  expect(status).toBe(200);
  expect(answer.partialSuccess).toMatchObject({ rejectedSpans: 1 });
  const { items } = (await (await setup.a.get('/v2/trace/0af7651916cd43dd8448eb211c80319c/spans')).json()) as { items: Json[] };
  expect(items).toHaveLength(1);
});

test('what the platform gives out as OTLP, another takes in as the same steps', async () => {
  await using setup = await startSetup();
  const traceId = await report(exporterFor(ProtobufExporter, setup), { score: 1 });
  const exported = await (await setup.a.get(`/v2/trace/${traceId}/otlp`)).text();
  await using other = await startSetup();
  expect((await other.a.post('/v1/traces', exported, { 'content-type': 'application/json' })).status).toBe(200);
  const read = async ({ a }: Setup): Promise<unknown> => {
    const { events } = (await (await a.get(`/v2/trace/${traceId}/events`)).json()) as { events: Json[] };
    return events
      .filter(({ kind }) => kind !== 'other')
      .map(({ kind, text, tool_name, result_text }) => ({ kind, text, tool_name, result_text }));
  };
  expect(await read(other)).toEqual(await read(setup));
});

test('a collector gets every ended run once, also after it was away', async () => {
  const received: OtlpSpan[] = [];
  let isAway = true;
  const collector = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      if (!isAway) received.push(...readRequest(body, 'json'));
      return isAway ? response.writeHead(503).end() : response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await once(collector.listen(0, '127.0.0.1'), 'listening');
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  {
    await using setup = await startSetup({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b' });
    const traceId = await report(exporterFor(JsonExporter, setup), { score: 0.5 });
    await wait(2_500); // one try that fails; the pause after it is what is waited for below
    expect(received).toEqual([]);
    isAway = false;
    await expect.poll(() => received.length, { timeout: 20_000 }).toBeGreaterThan(0);
    const root = received.find(({ name }) => name.startsWith('invoke_agent'));
    expect(root).toMatchObject({ traceId, attributes: { 'gen_ai.operation.name': 'invoke_agent' } });
    expect(root?.events[0]?.attributes).toMatchObject({ 'gen_ai.evaluation.score.value': 0.5 });
    const chat = received.find(({ attributes }) => attributes['gen_ai.operation.name'] === 'chat');
    expect(chat?.attributes).toMatchObject({ 'gen_ai.request.model': 'some-model', 'gen_ai.usage.input_tokens': 11 });
    const ids = received.map(({ spanId }) => spanId);
    expect(new Set(ids).size).toBe(ids.length);
  }
  collector.close();
  collector.closeAllConnections();
}, 40_000);

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
}
