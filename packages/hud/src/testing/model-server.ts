/** A model whose answers are written beforehand, behind a real HTTP server that the vendors' own SDKs can talk to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { HudError, isHudError, isPlainObject, messageOf, parseJson, type JsonObject } from '../protocol/index.ts';
import { badRequest, type Dialect, type ErrorDetails } from './dialects/dialect.ts';
import { modelList, routesOf, type Route } from './model-routes.ts';
import { sendJson, sendReply } from './model-reply.ts';
import type { ModelFault, ModelRequest, ModelScript, ModelTurn } from './model-script.ts';

export interface ScriptedModelOptions {
  /** Ids listed by `GET /models`; requests may name any model. @default ['scripted-model'] */
  models?: readonly string[];
}

export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What each vendor's SDK takes as its base URL. */
  readonly baseUrls: { readonly openai: string; readonly anthropic: string; readonly gemini: string };
  /** Every request that reached the script, in order of arrival; those refused with a 400 did not. */
  readonly requests: readonly ModelRequest[];
  /** Indices of the requests whose client left before the script was done with them. */
  readonly abandoned: readonly number[];
  /** Stops listening and ends every connection, hanging ones too. May be called twice. */
  close(): Promise<void>;
}

type Served = Extract<Route, { path: string }>;
type StatusFault = Extract<ModelFault, { status: number }>;

/**
 * Serves OpenAI chat completions and Responses, Anthropic messages and Gemini on a free port of this machine.
 * A request past the end of a script gets a 500 that says so and forbids retries.
 */
export async function scriptedModel(script: ModelScript, options: ScriptedModelOptions = {}): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const abandoned: number[] = [];
  const routeOf = routesOf();
  const models = options.models ?? ['scripted-model'];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = routeOf(request.method ?? 'GET', request.url ?? '/');
    if ('list' in route) return sendJson(response, 200, modelList(route.list, models, request.headers));
    if ('status' in route) return sendJson(response, route.status, route.dialect.error(route.status, route.message));
    try {
      const seen = await receive(request, route, requests);
      const turn = await turnOf(script, seen);
      const isCut = turn.fault !== undefined && ('cutMidStream' in turn.fault || 'cutAfterBytes' in turn.fault);
      response.once('close', () => {
        if (!isCut && !response.writableFinished) abandoned.push(seen.index);
      });
      await answer(response, route.dialect, seen, turn);
    } catch (error) {
      fail(response, route.dialect, error);
    }
  };
  const server = createServer({ noDelay: true }, (request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeServer(server));
  return {
    url,
    requests,
    abandoned,
    close,
    baseUrls: { openai: `${url}/v1`, anthropic: url, gemini: url },
    [Symbol.asyncDispose]: close,
  };
}

async function receive(incoming: IncomingMessage, route: Served, requests: ModelRequest[]): Promise<ModelRequest> {
  const body = await readBody(incoming);
  const { dialect, ...target } = route;
  const request = { ...dialect.parse({ ...target, headers: headersOf(incoming), body }), index: requests.length };
  requests.push(request);
  return request;
}

async function readBody(incoming: IncomingMessage): Promise<JsonObject> {
  let body: unknown;
  try {
    body = parseJson(await text(incoming));
  } catch (error) {
    throw badRequest(`The request's body can't be read: ${messageOf(error)}`);
  }
  if (!isPlainObject(body)) throw badRequest("The request's body is not a JSON object.");
  return body;
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const entries = Object.entries(incoming.headers);
  return Object.fromEntries(entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]));
}

async function turnOf(script: ModelScript, request: ModelRequest): Promise<ModelTurn> {
  if (typeof script !== 'function') {
    const turn = script[request.index];
    if (turn) return turn;
    throw new HudError('MODEL_UNAVAILABLE', `The model's script has ${script.length} turns, and this is request ${request.index + 1}.`);
  }
  const turn: unknown = await script(request);
  if (isPlainObject(turn)) return turn;
  throw new HudError('BAD_ARGUMENT', `The model's script returned ${turn === null ? 'null' : typeof turn}, not a turn.`);
}

async function answer(response: ServerResponse, dialect: Dialect, request: ModelRequest, turn: ModelTurn): Promise<void> {
  const { fault } = turn;
  if (fault && 'hang' in fault) return;
  const ids = dialect.idHeader === undefined ? {} : { [dialect.idHeader]: `req_${request.index}` };
  if (fault && 'status' in fault) return sendFault(response, dialect, fault, ids);
  const reply = dialect.reply(request, turn);
  const whole = { contentType: 'application/json', parts: [JSON.stringify(reply)] };
  const streamType = dialect.streamType?.(request) ?? 'text/event-stream; charset=utf-8';
  await sendReply(response, {
    ...(request.stream ? { contentType: streamType, parts: dialect.stream(reply, request) } : whole),
    headers: ids,
    ...(fault && { fault }),
  });
}

function sendFault(response: ServerResponse, dialect: Dialect, fault: StatusFault, headers: OutgoingHttpHeaders): void {
  const { status, retryAfter } = fault;
  const message = fault.message ?? `The script answers this request with status ${status}.`;
  const body = fault.body ?? dialect.error(status, message, { retryAfter });
  sendJson(response, status, body, { ...headers, ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) });
}

/** Refused requests, and errors of the script: the client learns what happened and is told not to try again. */
function fail(response: ServerResponse, dialect: Dialect, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const isRefused = isHudError(error) && error.code === 'MODEL_BAD_REQUEST';
  const status = isRefused ? 400 : 500;
  const details: ErrorDetails = isRefused ? (error.data ?? {}) : {};
  sendJson(response, status, dialect.error(status, messageOf(error), details), { 'x-should-retry': 'false' });
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
