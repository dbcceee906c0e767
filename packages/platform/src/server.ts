/** Wires the rooms together and listens: the whole platform is one process. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { resolve } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { HudError, messageOf } from 'hud/protocol';
import { refusal, router } from './api/bind.ts';
import { Fault, toFault } from './fault.ts';
import { securityHeaders } from './api/gate/headers.ts';
import { addHealthRoutes } from './api/health.ts';
import { SERVER_OPTIONS, refuseBytes, refuseRequest, refuseUnknown } from './api/listener.ts';
import { discardUnread } from './api/unread.ts';
import { ROOMS } from './api/rooms.ts';
import { serveSockets } from './api/sockets.ts';
import { openGate } from './api/gate/gate.ts';
import type { Config } from './config.ts';
import type { Context } from './context.ts';
import { openGateway } from './gateway/gateway.ts';
import { openParts } from './gateway/parts.ts';
import { openModels } from './gateway/upstreams/models.ts';
import { Hub } from './hub.ts';
import { openLog } from './log.ts';
import { Metrics } from './metrics.ts';
import { firstKey, loginLink } from './storage/accounts/first-key.ts';
import { openStorage } from './storage/open.ts';
import { isPassing } from './storage/passing.ts';
import { openTraining, type TrainingSettings } from './training/open-training.ts';

export interface Platform extends AsyncDisposable {
  /** Where it listens, `http://127.0.0.1:8420`. */
  readonly url: string;
  readonly context: Context;
  /** Of the owner, when this start was the very first; told to nobody again. */
  readonly firstKey: string | undefined;
  /** An address that signs one browser in, once, as the owner; the bare one where nobody has to sign in. */
  loginLink(): Promise<string>;
  /** Finishes what runs, then closes the record. May be called twice. */
  close(): Promise<void>;
}

export interface PlatformOptions {
  /** Of the package, for people. */
  version: string;
  /** Everybody on this machine owns the record in the folder, and nobody is asked for a key. @default false */
  isLocal?: boolean;
  /** Trains in place of the engine that the settings name; what it does is told as it goes on record. */
  training?: Partial<Pick<TrainingSettings, 'engine' | 'onPhase' | 'graceMs'>>;
}

/** How long answers in progress may go on once it closes, in milliseconds. */
const DRAIN_MS = 5_000;

/** @throws HudError PORT_IN_USE, BAD_CONFIG, STORE_* */
export async function startPlatform(config: Config, options: PlatformOptions): Promise<Platform> {
  const server = createServer(SERVER_OPTIONS, (_request, response) =>
    response.writeHead(503, { 'retry-after': '1' }).end('{"detail":"The platform starts."}'),
  );
  server.on('connection', (socket: Socket) => socket.setNoDelay(true)).on('clientError', refuseBytes);
  const url = await listen(server, config);
  try {
    return await serve(server, url, config, options);
  } catch (error) {
    server.close();
    server.closeAllConnections();
    throw error;
  }
}

async function serve(
  server: Server,
  url: string,
  config: Config,
  { version, isLocal = false, training: given = {} }: PlatformOptions,
): Promise<Platform> {
  const directory = resolve(config.HUD_PLATFORM_DIR);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const storage = await openStorage({ ...config, HUD_PLATFORM_DIR: directory });
  const closing = new AbortController();
  const metrics = new Metrics();
  const { authority, door, gate } = openGate({ ...storage, config, metrics, isLocal });
  const log = openLog(config.HUD_PLATFORM_LOG);
  const now = (): number => Date.now();
  // `hud view` reads a record; it trains nothing.
  const training = isLocal ? undefined : await openTraining({ engine: undefined, ...given, db: storage.db, config, log, now });
  const models = openModels(config, log, { samplers: training?.samplers });
  const context: Context = {
    ...storage,
    config,
    version,
    isLocal,
    models,
    url: config.HUD_PLATFORM_URL?.replace(/\/$/, '') ?? url,
    training: training?.service,
    samplers: training?.samplers,
    hub: new Hub(),
    authority,
    door,
    log,
    metrics,
    closing: closing.signal,
    now,
  };
  const app = new Hono({ strict: false });
  app.use(discardUnread(), securityHeaders(config));
  app.onError((error) => refused(error, context));
  const routes = router(app, gate, context);
  app.notFound(refuseUnknown(routes.routes));
  addHealthRoutes(routes, context, version);
  for (const addRoutes of ROOMS) await addRoutes(routes, context);
  server.on('upgrade', serveSockets(routes.sockets, { gate, context }));
  // `hud view` asks nobody for a key, so it spends nobody's.
  const parts = isLocal ? undefined : openParts(context);
  const gateway =
    parts === undefined ? undefined : openGateway(context, { ...parts.parts, ...(training && { samplers: training.samplers }) });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, errorHandler: refuseRequest });
  server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
    request.url = request.url?.replace(/^\/\/+/, '/'); // the Python package joins some addresses with one slash too many
    if (gateway?.handles(request) === true) return gateway.serve(request, response);
    void listener(request, response);
  });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing.abort(new HudError('CANCELLED', 'The platform is shutting down.'));
    await closeServer(server);
    await gateway?.close();
    await training?.[Symbol.asyncDispose]();
    await parts?.close();
    models.close();
    await storage.close();
  };
  return {
    url,
    context,
    firstKey: isLocal ? undefined : await firstKey(storage.db),
    loginLink: async () => (isLocal ? undefined : await loginLink(storage.db, context.url)) ?? context.url,
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}

/** What nobody foresaw goes to the log with its cause, and to the client without; an id says which of the two belong together. */
function refused(error: unknown, { log }: Context): Response {
  const request = randomUUID().slice(0, 8);
  const fault = isPassing(error)
    ? new Fault(503, 'The record can not be reached right now; try again.', { retryAfter: 2, cause: error })
    : toFault(error);
  if (fault.status >= 500 && fault === error && fault.cause === undefined)
    log.warn('request refused', { request, status: fault.status, reason: fault.message });
  else if (fault.status >= 500) {
    const cause = fault.options.cause ?? fault.cause ?? error;
    log.error('request failed', {
      request,
      status: fault.status,
      reason: messageOf(cause),
      stack: cause instanceof Error ? cause.stack : undefined,
    });
  }
  const response = refusal(fault);
  if (fault.status >= 500) response.headers.set('x-request-id', request);
  return response;
}

async function listen(server: Server, { HUD_PLATFORM_HOST: host, HUD_PLATFORM_PORT: port }: Config): Promise<string> {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const isTaken = (cause as { code?: string }).code === 'EADDRINUSE';
    throw new HudError(isTaken ? 'PORT_IN_USE' : 'BAD_CONFIG', `The platform can't listen on ${host}:${port}: ${messageOf(cause)}.`, {
      hint: isTaken
        ? 'Another platform may run already: open its page, or pass --port 0.'
        : 'Set HUD_PLATFORM_HOST to an address of this machine.',
      cause,
    });
  }
  const { port: bound } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host}:${bound}`;
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const ended = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await ended;
  clearTimeout(timer);
}
