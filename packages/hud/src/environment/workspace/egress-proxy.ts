/** The way out of a sandbox: an HTTP/1.1 forward proxy that connects to allowed, public hosts only. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { tunnel } from './egress-connect.ts';
import type { Dialler } from './egress-dial.ts';
import { forward } from './egress-forward.ts';
import { allowListOf, type AllowList } from './egress-hosts.ts';
import { refuse, refuseRaw, reportOnce, type Blocked } from './egress-reply.ts';

export interface EgressProxyOptions extends Dialler {
  /** As for `allowListOf`. */
  allowedHosts: readonly string[];
  /** Hears of each host that was refused, once per reason. Must not throw. */
  onBlocked?(blocked: Blocked): void;
  /** Connections at a time; more are closed at once. @default 512 */
  maxConnections?: number;
  /** From the connection to the end of the request's head, in milliseconds. @default 10_000 */
  headTimeoutMs?: number;
}

export interface EgressProxy extends AsyncDisposable {
  /** Serves one client, connected from anywhere. One request each. */
  accept(socket: Socket): void;
  /** Ends all connections. May be called twice. */
  close(): Promise<void>;
}

/** What the handlers of requests share. */
export interface EgressRules extends Dialler {
  readonly allowed: AllowList;
  report(blocked: Blocked): void;
  /** Fires when the client is gone, or the proxy closes. */
  signalOf(client: Duplex): AbortSignal;
}

const MAX_HEAD_BYTES = 32_768;
/** Between two bytes of a body, in milliseconds. */
const IDLE_MS = 60_000;

/** @throws HudError BAD_ARGUMENT for an entry of the list that could never match */
export function startEgressProxy(options: EgressProxyOptions): EgressProxy {
  const clients = new Map<Duplex, AbortController>();
  const requests = new WeakMap<Duplex, IncomingMessage>();
  const heads = new WeakMap<Duplex, NodeJS.Timeout>();
  const rules: EgressRules = {
    ...(options.resolve && { resolve: options.resolve }),
    ...(options.dial && { dial: options.dial }),
    allowed: allowListOf(options.allowedHosts),
    report: reportOnce(options.onBlocked),
    signalOf: (client) => clients.get(client)?.signal ?? AbortSignal.abort(),
  };
  /** One request per connection: whatever follows the first is never looked at, so it can't be smuggled. */
  const isFirst = (request: IncomingMessage): boolean => {
    clearTimeout(heads.get(request.socket));
    if (requests.has(request.socket)) return false;
    requests.set(request.socket, request);
    return true;
  };
  const server = httpServer();
  server.on('request', (request, response) => {
    if (!isFirst(request)) return;
    if (request.httpVersionMajor === 1) guard(request, forward(request, response, rules));
    else refuse(response, 'invalid-request');
  });
  server.on('connect', (request, _socket, early) => {
    if (!isFirst(request)) request.socket.destroy();
    else if (request.httpVersionMajor === 1) guard(request, tunnel(request, request.socket, early, rules));
    else refuseRaw(request.socket, 'invalid-request');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => onClientError(error, socket, requests.get(socket)));

  const accept = (socket: Socket): void => {
    socket.on('error', () => socket.destroy());
    if (isClosed || clients.size >= (options.maxConnections ?? 512)) {
      socket.destroy();
      return;
    }
    const gone = new AbortController();
    clients.set(socket, gone);
    const head = setTimeout(() => socket.destroy(), options.headTimeoutMs ?? 10_000);
    heads.set(socket, head);
    socket.once('close', () => {
      clearTimeout(head);
      clients.delete(socket);
      gone.abort();
    });
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    server.emit('connection', socket);
  };
  let isClosed = false;
  const close = async (): Promise<void> => {
    isClosed = true;
    const closing = [...clients.keys()].map((client) => new Promise((closed) => client.once('close', closed).destroy()));
    await Promise.all(closing);
  };
  return { accept, close, [Symbol.asyncDispose]: close };
}

/** Whatever a client or server brings a handler to throw costs that one connection, never the process. */
function guard({ socket }: IncomingMessage, handling: Promise<void>): void {
  handling.catch(() => socket.destroy());
}

function httpServer(): Server {
  return createServer({
    insecureHTTPParser: false, // whatever NODE_OPTIONS says
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: false, // it is discarded
    keepAliveTimeout: 0,
    requestTimeout: 0, // uploads may take long; silence is bounded instead
    headersTimeout: 0, // its clock runs only for connections that a server accepted itself
  });
}

function onClientError(error: NodeJS.ErrnoException, socket: Duplex, request: IncomingMessage | undefined): void {
  if (request?.complete || socket.destroyed) return; // garbage behind a whole request: its answer closes the connection
  const isBody = request !== undefined || /CONTENT_LENGTH|TRANSFER_ENCODING/.test(error.code ?? '');
  refuseRaw(socket, isBody ? 'invalid-request-body' : 'invalid-request');
}
