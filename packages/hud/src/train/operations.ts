/**
 * Calls that change a model, each counted once. A call names its operation; when its answer is lost, the service is
 * asked what became of it, and only what it never heard of is sent again, under the same name.
 */
import type { PlatformClient } from '../api-client/client.ts';
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { Reply, Route, RouteSpec } from '../protocol/api/route.ts';
import * as routes from '../protocol/api/training.ts';
import { decode } from '../protocol/codec.ts';
import { HudError, isHudError, messageOf, type ErrorCode } from '../protocol/errors.ts';
import { parseJson, type JsonObject } from '../protocol/json.ts';
import { bytesOf } from './body.ts';
import { packedBody, type EncodedBody } from './packed-body.ts';

export interface OperationOptions {
  /**
   * The same id again has the effect and the answer of the first time, also after this process died; what was refused as
   * `session rebuilt` stays refused, and its batch needs another id. @default a random one
   */
  operationId?: string;
  signal?: AbortSignal;
  /** For the whole operation, in milliseconds. @default 600_000 */
  timeoutMs?: number;
}

/** Where a model is trained. */
export interface TrainingService {
  platform: PlatformClient;
  modelId: string;
}

const TIMEOUT_MS = 600_000;
const POLL_MS = 200;
const MAX_POLL_MS = 3_000;
const MAX_SENDS = 5;
/** Longest silence of the service, in milliseconds: it may be starting again. */
const SILENCE_MS = 60_000;
const NAME = /^[\x21-\x7e]{1,200}$/;
/** Said by a service that reads JSON alone: that it does not know the form of the body, or takes it for broken JSON. */
const NOT_READ = [400, 415, 422];
/** Said by something on the way, which does not know what became of the request. */
const ON_THE_WAY = [502, 504];

/**
 * @param body in the wire's spelling
 * @throws HudError PLATFORM_*: what the service answered; PLATFORM_UNREACHABLE when it is not known whether it was done,
 *   with the operation's id to ask again
 */
export async function operate<S extends RouteSpec>(
  service: TrainingService,
  route: Route<S>,
  body: JsonObject,
  options: OperationOptions = {},
): Promise<Reply<S>> {
  const { operationId: id = nodeHost.randomHex(16), timeoutMs = TIMEOUT_MS, signal } = options;
  if (!NAME.test(id))
    throw new HudError('BAD_ARGUMENT', `operationId must be 1 to 200 visible ASCII characters, got '${id.slice(0, 50)}'.`);
  const deadline = nodeHost.monotonic() + timeoutMs;
  const call = { service, id, deadline, ...(signal === undefined ? {} : { signal }) };
  const abort = signal === undefined ? {} : { signal };
  const packed = await packedBody(body, { isFar: !isLoopback(service.platform.baseUrl), ...abort });
  const isKnown = options.operationId !== undefined;
  if (packed !== undefined) {
    try {
      return await performed(call, route, packed, isKnown);
    } catch (error) {
      if (!NOT_READ.includes(statusOf(error) ?? 0)) throw error;
    }
  }
  const json = { bytes: await bytesOf(body, signal), headers: { 'content-type': 'application/json' } };
  return await performed(call, route, json, isKnown);
}

/** @param isKnown the operation may have been sent by another process */
async function performed<S extends RouteSpec>(call: Call, route: Route<S>, body: EncodedBody, isKnown: boolean): Promise<Reply<S>> {
  for (let sends = 1; ; sends += 1) {
    const sent = await send(call, route.path, body, sends > 1 || isKnown);
    const found = 'reply' in sent ? sent.reply : await outcome(call, sent.lost);
    if (found !== undefined) return replyOf(route, found, call.service);
    if (sends >= MAX_SENDS) throw unknownOutcome(call, sent as Lost);
  }
}

/** Within one machine bytes cost less than compressing them. */
function isLoopback(url: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

interface Call {
  service: TrainingService;
  id: string;
  deadline: number;
  signal?: AbortSignal;
}

interface Lost {
  /** Why there is no answer. */
  lost: unknown;
}

/** @param isRepeat the operation may be under way: a conflict can be with itself */
async function send(
  { service, id, deadline, signal }: Call,
  path: string,
  { bytes, headers }: EncodedBody,
  isRepeat: boolean,
): Promise<{ reply: unknown } | Lost> {
  const { platform, modelId } = service;
  try {
    const response = await platform.send(
      path.replace('{id}', encodeURIComponent(modelId)),
      { method: 'POST', headers: { ...headers, 'idempotency-key': id }, body: bytes },
      { retries: 0, timeoutMs: Math.max(1, Math.ceil(deadline - nodeHost.monotonic())), ...(signal === undefined ? {} : { signal }) },
    );
    return { reply: parseJson(await response.text()) };
  } catch (error) {
    signal?.throwIfAborted();
    const status = statusOf(error);
    if (status === undefined || ON_THE_WAY.includes(status) || (isRepeat && status === 409)) return { lost: error };
    throw error;
  }
}

/** Waits for the operation's end. @returns undefined when the service never heard of it */
async function outcome(call: Call, lost: unknown): Promise<unknown> {
  const { service, id, deadline, signal } = call;
  const { platform, modelId } = service;
  let heardAt = nodeHost.monotonic();
  for (let pauseMs = POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, MAX_POLL_MS)) {
    try {
      const input = { params: { id: modelId, operation: id } };
      const found = await platform.call(routes.operation, input, { retries: 0, ...(signal === undefined ? {} : { signal }) });
      if (found.status === 'done') return found.reply ?? {}; // one that was not kept fails as an answer
      heardAt = nodeHost.monotonic();
      if (found.status === 'failed') throw failed(found.error ?? { status: 500, detail: 'it failed' }, id);
    } catch (error) {
      signal?.throwIfAborted();
      if (isUnheardOf(error, id)) {
        if (statusOf(lost) === 409) throw lost; // the conflict was with another one
        return undefined;
      }
      if (!isPassing(error)) throw statusOf(error) === 404 ? unknownOutcome(call, { lost }) : error;
    }
    if (nodeHost.monotonic() + pauseMs > Math.min(deadline, heardAt + SILENCE_MS)) throw unknownOutcome(call, { lost });
    await sleep(nodeHost, pauseMs, signal);
  }
}

function replyOf<S extends RouteSpec>({ path, reply }: Route<S>, wire: unknown, { platform, modelId }: TrainingService): Reply<S> {
  if (reply === undefined) throw new HudError('PLATFORM_FAILED', `${path} has no reply to wait for.`);
  return decode(reply, wire, {
    what: `The answer of ${platform.baseUrl}${path.replace('{id}', modelId)}`,
    code: 'PLATFORM_FAILED',
  }) as Reply<S>;
}

/** Undefined when no server answered. */
function statusOf(error: unknown): number | undefined {
  const status = isHudError(error) ? error.data?.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** A server without this route says 404 as well: only one that names the operation knows that there is none. */
function isUnheardOf(error: unknown, id: string): boolean {
  return statusOf(error) === 404 && isHudError(error) && String(error.data?.detail).includes(id);
}

function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined ? isHudError(error) && error.code === 'PLATFORM_UNREACHABLE' : [429, 502, 503, 504].includes(status);
}

function failed({ status, detail }: { status: number; detail: string }, id: string): HudError {
  const codes: Record<number, ErrorCode> = { 401: 'PLATFORM_REFUSED', 403: 'PLATFORM_REFUSED', 404: 'PLATFORM_NOT_FOUND' };
  return new HudError(codes[status] ?? 'PLATFORM_FAILED', `Operation ${id} failed with ${status}: ${detail}`, { data: { status, detail } });
}

function unknownOutcome({ service, id }: Call, { lost }: Lost): HudError {
  return new HudError(
    'PLATFORM_UNREACHABLE',
    `The training service at ${service.platform.baseUrl} did not say what became of operation ${id}: ${messageOf(lost)}`,
    { hint: `Call again with operationId: '${id}': what was done is not done twice.`, cause: lost, data: { operationId: id } },
  );
}
