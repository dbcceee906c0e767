/** What never becomes a request of the routes is refused in the same words as the rest. */
import type { ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Context } from 'hono';
import type { api } from 'hud/protocol';
import { Fault, absent } from '../fault.ts';
import { refusal } from './bind.ts';

/** Keys of single traces are long; a browser's cookies and a proxy's headers come besides. */
const MOST_HEADER_BYTES = 32_768;

/** How long a client may take for the head of a request, and for all of it, in milliseconds: who dawdles holds a connection. */
export const SERVER_OPTIONS: ServerOptions = {
  maxHeaderSize: MOST_HEADER_BYTES,
  headersTimeout: 10_000,
  requestTimeout: 600_000,
  connectionsCheckingInterval: 2_000,
};

const REASONS: Readonly<Record<string, { status: number; line: string; detail: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    line: 'Request Header Fields Too Large',
    detail: `The address and headers of the request are larger than ${MOST_HEADER_BYTES} bytes.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, line: 'Request Timeout', detail: 'The request did not arrive in time.' },
};
const MALFORMED = { status: 400, line: 'Bad Request', detail: 'The request is not valid HTTP.' };

/** For the event `clientError`: what was sent could not be read as HTTP. */
export function refuseBytes(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const { status, line, detail } = REASONS[error.code ?? ''] ?? MALFORMED;
  const body = JSON.stringify({ detail });
  const head = [
    `HTTP/1.1 ${status} ${line}`,
    'content-type: application/json',
    'x-content-type-options: nosniff',
    `content-length: ${body.length}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** For what no route answers: another method of its path may. */
export function refuseUnknown(routes: readonly api.RouteSpec[]): (c: Context) => Response {
  return (c) => {
    const methods = routes
      .filter((route) => [route.path, ...(route.aliases ?? [])].some((path) => isAt(path, c.req.path)))
      .map(({ method }) => method);
    if (methods.length === 0) return refusal(absent(`page ${c.req.path}`));
    const allow = [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].toSorted().join(', ');
    const response = refusal(new Fault(405, `${c.req.path} does not take ${c.req.method}, only ${allow}.`));
    response.headers.set('allow', allow);
    return response;
  };
}

function isAt(template: string, path: string): boolean {
  const [parts, given] = [template.split('/'), path.replace(/(?<=.)\/$/, '').split('/')];
  return parts.length === given.length && parts.every((part, at) => part === given[at] || (part.startsWith('{') && given[at] !== ''));
}

/** For addresses and hosts that are none. */
export function refuseRequest(): Response {
  return refusal(new Fault(400, 'The address or the Host header of the request is malformed.'));
}
