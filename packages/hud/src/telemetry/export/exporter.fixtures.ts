/** For tests: a platform's record in memory behind real HTTP, which counts, keeps every byte, and fails when told to. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface CountingPlatform extends AsyncDisposable {
  readonly url: string;
  /** Decompressed, of every request that was answered, in their order. */
  readonly bodies: Buffer[];
  readonly requests: string[];
  /** By id. */
  readonly jobs: Map<string, Record<string, unknown>>;
  readonly tasks: Map<string, Record<string, unknown>>;
  readonly runs: Map<string, Record<string, unknown>>;
  /** Texts, by trace in the order of their arrival. */
  readonly spans: Map<string, Map<string, string>>;
  readonly blobs: Map<string, Buffer>;
  /** Spans that came again. */
  repeated: number;
  /** Lines that must not be stored, with why. */
  refuse: (line: string) => string | undefined;
  /** What is answered instead of doing anything. */
  interfere: (request: { method: string; path: string; body: Buffer }) => Answer | 'hang up' | undefined;
  /** Traces to be named as cancelled. */
  readonly cancelled: Set<string>;
  /** Settles once what was received satisfies the condition. */
  until(condition: () => boolean): Promise<void>;
  /** Nothing answers at the address any more; {@link start} brings it back with all that it held. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function countingPlatform(): Promise<CountingPlatform> {
  const waiting = new Set<() => void>();
  const held: Omit<CountingPlatform, 'url' | 'until' | 'stop' | 'start' | typeof Symbol.asyncDispose> = {
    bodies: [],
    requests: [],
    jobs: new Map(),
    tasks: new Map(),
    runs: new Map(),
    spans: new Map(),
    blobs: new Map(),
    repeated: 0,
    refuse: () => undefined,
    interfere: () => undefined,
    cancelled: new Set(),
  };
  let server = createServer();
  let port = 0;
  const start = async (): Promise<void> => {
    server = createServer((request, response) => void serve(request, response));
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    const method = request.method ?? '';
    const body = decoded(request, await bytesOf(request).catch(() => Buffer.alloc(0)));
    const answer = platform.interfere({ method, path, body });
    if (answer === 'hang up') return void request.socket.destroy();
    const { status, body: reply, headers } = answer ?? answerTo(platform, { method, path, body });
    held.bodies.push(body);
    held.requests.push(`${method} ${path}`);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(reply ?? {}));
    for (const look of waiting) look();
  };
  await start();
  const platform: CountingPlatform = Object.assign(held, {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    until: async (condition: () => boolean) =>
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    stop,
    start,
    [Symbol.asyncDispose]: stop,
  });
  return platform;
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat((await request.toArray()) as Buffer[]);
}

function decoded(request: IncomingMessage, body: Buffer): Buffer {
  const encoding = request.headers['content-encoding'];
  if (encoding === 'zstd') return zstdDecompressSync(body);
  return encoding === 'gzip' ? gunzipSync(body) : body;
}

function answerTo(platform: CountingPlatform, { method, path, body }: { method: string; path: string; body: Buffer }): Answer {
  if (method === 'POST' && path === '/v2/record') return record(platform, body.toString());
  if (path === '/v2/blobs/missing') {
    const { sha256 } = JSON.parse(body.toString()) as { sha256: string[] };
    return { status: 200, body: { missing: sha256.filter((name) => !platform.blobs.has(name)) } };
  }
  const [, blob] = /^\/v2\/blobs\/(\w+)$/.exec(path) ?? [];
  if (method === 'PUT' && blob !== undefined) return putBlob(platform, blob, body);
  const [, job] = /^\/v2\/jobs\/(\w+)\/holdings$/.exec(path) ?? [];
  if (job !== undefined && platform.jobs.has(job)) return { status: 200, body: holdings(platform, job) };
  return { status: 404, body: { detail: `There is no ${path}.` } };
}

function putBlob(platform: CountingPlatform, sha256: string, body: Buffer): Answer {
  if (createHash('sha256').update(body).digest('hex') !== sha256) return { status: 400, body: { detail: 'The bytes have another name.' } };
  platform.blobs.set(sha256, body);
  return { status: 200, body: { sha256, bytes: body.length } };
}

function holdings(platform: CountingPlatform, jobId: string): unknown {
  const runs = [...platform.runs.values()].filter((run) => run.job_id === jobId);
  return {
    job_id: jobId,
    status: platform.jobs.get(jobId)?.status,
    tasks: [...platform.tasks.values()].filter((task) => task.job_id === jobId).length,
    runs: runs.map(({ trace_id: id, class: kind }) => ({
      trace_id: id,
      spans: platform.spans.get(String(id))?.size ?? 0,
      has_ended: kind !== undefined,
      is_cancelled: platform.cancelled.has(String(id)),
    })),
  };
}

function record(platform: CountingPlatform, text: string): Answer {
  const rejected: { index: number; reason: string }[] = [];
  const named = new Set<string>();
  const lines = text.split('\n').filter((line) => line !== '');
  for (const [index, line] of lines.entries()) {
    const reason = platform.refuse(line) ?? store(platform, JSON.parse(line) as Record<string, Record<string, unknown>>, line, named);
    if (reason !== undefined) rejected.push({ index, reason });
  }
  const cancelled = [...named].filter((id) => platform.cancelled.has(id) && platform.runs.get(id)?.class === undefined);
  return { status: 200, body: { accepted: lines.length - rejected.length, rejected, cancelled } };
}

/** @returns why not */
function store(
  platform: CountingPlatform,
  { job, task, run, span }: Record<string, Record<string, unknown>>,
  line: string,
  named: Set<string>,
): string | undefined {
  if (job !== undefined) platform.jobs.set(String(job.id), job);
  if (task !== undefined) platform.tasks.set(`${String(task.job_id)} ${String(task.slug)}`, task);
  if (run !== undefined) {
    if (!platform.jobs.has(String(run.job_id))) return 'Its job is unknown.';
    named.add(String(run.trace_id));
    platform.runs.set(String(run.trace_id), { ...platform.runs.get(String(run.trace_id)), ...run });
  }
  if (span !== undefined) {
    const traceId = String(span.trace_id);
    if (!platform.runs.has(traceId)) return 'Its run is unknown.';
    named.add(traceId);
    const spans = platform.spans.get(traceId) ?? new Map<string, string>();
    platform.spans.set(traceId, spans);
    if (spans.has(String(span.span_id))) platform.repeated += 1;
    else spans.set(String(span.span_id), line);
  }
  return undefined;
}
