/** A platform with two teams, and senders for it. */
import { createHash, randomBytes } from 'node:crypto';
import type { Span } from 'hud/protocol';
import type { Platform } from '../src/server.ts';
import { newTeam, ownPlatform } from './platform.fixtures.ts';

export interface Sender {
  readonly key: string;
  readonly teamId: string;
  /** @param body an object is sent as JSON. Of the answer, the status and the parsed body. */
  post(path: string, body: Body | object, headers?: Record<string, string>): Promise<Answer>;
  put(path: string, body: Body, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Response>;
  /** Spans of one run, by the route of the Python package. */
  upload(run: string, spans: readonly unknown[]): Promise<Answer>;
  /** Lines of a record. */
  record(lines: readonly object[]): Promise<Answer>;
}

/** What goes as it is. */
export type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

export interface Answer {
  status: number;
  body: { detail?: string; accepted?: number; rejected?: { index: number; reason: string }[]; [name: string]: unknown };
}

export interface Setup extends AsyncDisposable {
  readonly platform: Platform;
  readonly a: Sender;
  readonly b: Sender;
}

export async function startSetup(settings: Record<string, string> = {}): Promise<Setup> {
  const own = await ownPlatform(settings);
  const { platform } = own;
  return {
    platform,
    a: await newSender(platform, 'a'),
    b: await newSender(platform, 'b'),
    [Symbol.asyncDispose]: own[Symbol.asyncDispose],
  };
}

async function newSender(platform: Platform, name: string): Promise<Sender> {
  const { teamId, key } = await newTeam(platform.context.db, name);
  return { teamId, ...sender(platform.url, key) };
}

export function sender(url: string, key: string): Omit<Sender, 'teamId'> {
  const send = async (method: string, path: string, body: Body, headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await fetch(url + path, { method, body, headers: { authorization: `Bearer ${key}`, ...headers } });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };
  const post: Sender['post'] = async (path, body, headers) => await send('POST', path, isBody(body) ? body : JSON.stringify(body), headers);
  return {
    key,
    post,
    put: async (path, body, headers) => await send('PUT', path, body, headers),
    get: async (path) => await fetch(url + path, { headers: { authorization: `Bearer ${key}` } }),
    upload: async (run, spans) => await post(`/v3/api/trace/${run}/telemetry-upload`, { telemetry: spans }),
    record: async (lines) => await post('/v2/record', lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
  };
}

function isBody(body: Body | object): body is Body {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
}

export const newTraceId = (): string => randomBytes(16).toString('hex');
export const newSpanId = (): string => randomBytes(8).toString('hex');
export const sha256Of = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

export interface SpanInit {
  spanId?: string;
  name?: string;
  /** As the driver spells it. @default the trace id */
  run?: string;
  schema?: string;
  payload?: unknown;
  [member: string]: unknown;
}

/** As the Python package writes one. */
export function wireSpan(
  traceId: string,
  { spanId = newSpanId(), name = 'step.agent', run = traceId, schema = 'hud.step.v1', payload = { n: 1 }, ...members }: SpanInit = {},
): Record<string, unknown> {
  return {
    name,
    trace_id: traceId,
    span_id: spanId,
    parent_span_id: null,
    kind: 'INTERNAL',
    start_time: '2026-08-21T10:00:00.125000Z',
    end_time: '2026-08-21T10:00:02.500000Z',
    status_code: 'OK',
    status_message: null,
    attributes: { 'hud.schema': schema, 'hud.task_run_id': run, 'hud.payload': payload },
    events: [],
    ...members,
  };
}

/** Rows of a job with one run in the wire's spelling. */
export function wireJob(id: string, members: object = {}): { job: object } {
  return { job: { id, name: 'letters', group: 1, status: 'running', created_at: 1_000, config: {}, ...members } };
}

export function wireRun(traceId: string, jobId: string, members: object = {}): { run: object } {
  return {
    run: { trace_id: traceId, job_id: jobId, slug: 'task-1', task_id: 't1', repeat: 0, attempt: 1, started_at: 2_000, ...members },
  };
}

export const graded = { class: 'graded', status: 'completed', reward: 1, steps: 2, ended_at: 3_000 };

/** All there are, with their pictures where they were. */
export async function spansOf(platform: Platform, traceId: string): Promise<Span[]> {
  const spans: Span[] = [];
  let cursor: string | undefined;
  do {
    const page = await platform.context.store.listSpans(traceId, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    spans.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return spans;
}

export const payloadOf = (span: Span | undefined): unknown => span?.attributes['hud.payload'];
