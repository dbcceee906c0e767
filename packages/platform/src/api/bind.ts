/** Routes as data meet their handlers: keys, limits, parsing, answers and errors are the same for every one. */
import { decode, encode, stringifyJson, type api } from 'hud/protocol';
import type { IncomingMessage } from 'node:http';
import type { Context as HonoContext, Hono } from 'hono';
import type { Context } from '../context.ts';
import type { Caller } from '../caller.ts';
import { Fault } from '../fault.ts';
import { Load } from './ingest/load.ts';
import { holding, readBody, readBytes } from './request-body.ts';
import { whileKnown } from './accounts/standing.ts';
import type { SocketHandler, SocketRoute } from './sockets.ts';

export interface Call<S extends api.RouteSpec> {
  params: api.Params<S>;
  query: api.Query<S>;
  body: api.Body<S>;
  /** Nobody in particular where the route is for anyone. */
  caller: S['access'] extends 'anyone' ? Caller | undefined : Caller;
  /** Fires when the client went away or the platform shuts down. */
  signal: AbortSignal;
  request: Request;
  /** Address of the connection's other end. */
  peer: string | undefined;
  /**
   * The body of a route that describes none.
   * @throws Fault 413 as soon as there is more than `most` bytes, 503 when all requests together hold too much
   */
  readBytes(most: number): Promise<Uint8Array>;
}

export type Handler<S extends api.RouteSpec> = (call: Call<S>) => Promise<api.Reply<S>>;

/** What `authenticate` and the limits need to know besides the route. */
export interface Gate {
  /**
   * @param peer address of the connection's other end
   * @throws Fault 401 without a valid key, 403 without the right, 429 from an address that tries too often
   */
  admit(
    request: Request,
    route: api.RouteSpec,
    params: Readonly<Record<string, string>>,
    peer: string | undefined,
  ): Promise<Caller | undefined>;
}

export interface Router {
  on<S extends api.RouteSpec>(route: api.Route<S>, handler: Handler<S>): void;
  /** A route that answers with a WebSocket, and with 404 to whoever asks for none. */
  onSocket<S extends api.RouteSpec>(route: api.Route<S>, handler: SocketHandler<S>): void;
  /**
   * What the route answers a caller who was let in, without HTTP, as the wire spells it. For routes without a body.
   * @throws Fault as its handler does
   */
  ask<S extends api.RouteSpec>(route: api.Route<S>, input: Question, as: Pick<Call<S>, 'caller' | 'signal' | 'request'>): Promise<unknown>;
  /** Every route that has a handler. */
  readonly routes: readonly api.RouteSpec[];
  /** Those that answer with a WebSocket. */
  readonly sockets: readonly SocketRoute[];
}

export interface Question {
  params?: Readonly<Record<string, string>>;
  /** As the wire spells it. */
  query?: Readonly<Record<string, string>>;
}

export function router(app: Hono, gate: Gate, context: Pick<Context, 'authority' | 'config' | 'closing'>): Router {
  const routes: api.RouteSpec[] = [];
  const sockets: SocketRoute[] = [];
  const handlers = new Map<api.RouteSpec, Handler<api.RouteSpec>>();
  const load = new Load(2 * context.config.HUD_PLATFORM_MAX_UPLOAD_MB * 1_048_576);
  const on: Router['on'] = (route, handler) => {
    routes.push(route);
    handlers.set(route, handler);
    const answer = async (c: HonoContext): Promise<Response> => await serve(c, route, handler, { gate, context, load });
    for (const path of [route.path, ...(route.aliases ?? [])]) app.on(route.method, honoPath(path), answer);
  };
  return {
    routes,
    sockets,
    on,
    onSocket: (route, handler) => {
      sockets.push({ route, handler });
      on(route, () => Promise.reject(new Fault(404, 'There is nothing to read here: this address speaks WebSocket alone.')));
    },
    ask: async (route, { params = {}, query = {} }, as) => {
      const spec: api.RouteSpec = route;
      const handler = handlers.get(spec);
      if (handler === undefined || spec.reply === undefined) throw new Error(`${spec.path} answers no questions of this kind.`);
      const decoded = spec.query === undefined ? {} : decode(spec.query, query, { what: 'The query' });
      const unread = async (): Promise<never> => await Promise.reject(new Error(`${spec.path} was asked without a body.`));
      const reply = await handler({ params, query: decoded, body: undefined, peer: undefined, readBytes: unread, ...as } as never);
      return encode(spec.reply, reply as never);
    },
  };
}

/** `{name}` takes one component, `{name...}` is not known here. */
function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

interface Serving {
  gate: Gate;
  context: Pick<Context, 'authority' | 'config' | 'closing'>;
  /** Bytes of bodies that are in memory, of all requests. */
  load: Load;
}

async function serve<S extends api.RouteSpec>(
  c: HonoContext,
  route: S,
  handler: Handler<S>,
  { gate, context, load }: Serving,
): Promise<Response> {
  const request = c.req.raw;
  const params = c.req.param() as Record<string, string>;
  const caller = await gate.admit(request, route, params, peerOf(c));
  const query = route.query === undefined ? {} : decode(route.query, readQuery(c, route.query), { what: 'The query' });
  return await holding(load, async (held) => {
    const call = {
      params,
      query,
      body:
        route.body === undefined ? undefined : await readBody(request, route, { limits: context.config, held, incoming: incomingOf(c) }),
      caller,
      signal: AbortSignal.any([request.signal, context.closing]),
      request,
      peer: peerOf(c),
      readBytes: async (most: number) => await readBytes(request, most, held),
    };
    const reply = await handler(call as Call<S>);
    if (route.reply === undefined) return whileKnown(reply, caller, context.authority);
    return json(200, encode(route.reply, reply as never));
  });
}

function peerOf(c: HonoContext): string | undefined {
  return incomingOf(c)?.socket.remoteAddress;
}

function incomingOf(c: HonoContext): IncomingMessage | undefined {
  return (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;
}

/** A list that came once is a list all the same. */
function readQuery(c: HonoContext, schema: NonNullable<api.RouteSpec['query']>): Record<string, unknown> {
  const isList = new Set(Object.entries(schema.shape).flatMap(([name, member]) => (acceptsList(member) ? [name] : [])));
  const names = c.req.queries();
  return Object.fromEntries(Object.entries(names).map(([name, values]) => [name, isList.has(camelCase(name)) ? values : values.at(-1)]));
}

function acceptsList(schema: unknown): boolean {
  const { type, innerType } = (schema as { def: { type: string; innerType?: unknown } }).def;
  return type === 'array' || (innerType !== undefined && acceptsList(innerType));
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): Response {
  return new Response(stringifyJson(value), { status, headers: { 'content-type': 'application/json', ...headers } });
}

/** Refusals quote what was asked for, and that may be as long as a body. */
const MOST_DETAIL = 1_000;

/** How every refusal looks. */
export function refusal({ status, message, options }: Fault): Response {
  const headers = options.retryAfter === undefined ? {} : { 'retry-after': String(options.retryAfter) };
  const detail = message.length > MOST_DETAIL ? `${message.slice(0, MOST_DETAIL - 2).toWellFormed()} …` : message;
  return json(status, { detail, ...options.body }, headers as Record<string, string>);
}
