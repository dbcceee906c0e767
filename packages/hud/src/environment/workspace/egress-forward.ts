/** A plain HTTP request, made anew from its absolute URL: nothing of the client's framing reaches the server, or the other way. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Stream } from '../../host/host.ts';
import { readDechunked } from './egress-body.ts';
import { dialPublic } from './egress-dial.ts';
import { authorityOf, urlTargetOf, type UrlTarget } from './egress-hosts.ts';
import type { EgressRules } from './egress-proxy.ts';
import { refuse, type Refusal } from './egress-reply.ts';

/** Silence that ends an exchange, in milliseconds. */
const IDLE_MS = 60_000;
const MAX_HEADER_BYTES = 65_536;

/** Belong to one connection, or are ours to write. `Expect` was answered here. */
const OWN_HEADERS = new Set([
  'connection',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const OWN_REQUEST_HEADERS = new Set([...OWN_HEADERS, 'host', 'expect', 'content-length']);

/** Never rejects. */
export async function forward(request: IncomingMessage, response: ServerResponse, rules: EgressRules): Promise<void> {
  response.shouldKeepAlive = false;
  response.sendDate = false;
  const target = urlTargetOf(request.url ?? '');
  if (target === undefined) {
    rules.report({ host: request.url ?? '', reason: 'invalid-target' });
    refuse(response, 'invalid-target');
    return;
  }
  if (!rules.allowed.allows(target.host)) {
    rules.report({ host: target.host, reason: 'blocked-by-allowlist' });
    refuse(response, 'blocked-by-allowlist');
    return;
  }
  const body = await bodyOf(request);
  if (body === undefined) {
    refuse(response, 'invalid-request-body');
    return;
  }
  const dialled = await dialPublic(target, rules, rules.signalOf(request.socket));
  if (dialled.kind === 'blocked') rules.report({ host: target.host, reason: 'blocked-by-address' });
  if (request.socket.destroyed && dialled.kind === 'connected') dialled.stream.destroy();
  else if (dialled.kind === 'connected') exchange({ request, response, target, body, stream: dialled.stream });
  else refuse(response, dialled.kind === 'blocked' ? 'blocked-by-address' : 'upstream-failure');
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  target: UrlTarget;
  body: Body;
  stream: Stream;
}

/** Whole, or still to be streamed with a length that is known. */
type Body = { kind: 'whole'; bytes: Buffer } | { kind: 'stream'; length: string } | { kind: 'none' };

async function bodyOf(request: IncomingMessage): Promise<Body | undefined> {
  const length = request.headers['content-length'];
  if (request.headers['transfer-encoding'] === undefined) return length === undefined ? { kind: 'none' } : { kind: 'stream', length };
  // Chunks inside another coding would have to be passed on as they are.
  if (length !== undefined || request.headers['transfer-encoding'].toLowerCase() !== 'chunked') return undefined;
  const bytes = await readDechunked(request);
  return bytes && { kind: 'whole', bytes };
}

function exchange({ request, response, target, body, stream }: Exchange): void {
  const upstream = httpRequest({
    method: request.method ?? 'GET',
    path: target.path,
    headers: requestHeaders(request, target, body),
    createConnection: () => stream,
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
  });
  const fail = (refusal: Refusal): void => {
    upstream.destroy();
    stream.destroy();
    refuse(response, refusal);
  };
  upstream.setTimeout(IDLE_MS, () => fail('upstream-failure'));
  upstream.on('error', (error: NodeJS.ErrnoException) => fail(isBadHeader(error) ? 'unrelayable-upstream-header' : 'upstream-failure'));
  upstream.once('response', (answer) => passBack(answer, response, fail));
  response.once('close', () => stream.destroy());
  if (body.kind === 'stream') request.pipe(upstream);
  else upstream.end(body.kind === 'whole' ? body.bytes : undefined);
}

function passBack(answer: IncomingMessage, response: ServerResponse, fail: (refusal: Refusal) => void): void {
  const headers = passedOn(answer, OWN_HEADERS);
  const isClean = headers.every((text, index) => (index % 2 === 0 ? NAME : VALUE).test(text)) && VALUE.test(answer.statusMessage ?? '');
  if (!isClean || answer.statusCode === undefined || answer.statusCode < 200) {
    fail('unrelayable-upstream-header');
    return;
  }
  response.writeHead(answer.statusCode, answer.statusMessage, headers);
  answer.once('aborted', () => response.destroy()).once('error', () => response.destroy());
  answer.pipe(response);
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function requestHeaders(request: IncomingMessage, target: UrlTarget, body: Body): string[] {
  const headers = ['Host', authorityOf(target, 80), ...passedOn(request, OWN_REQUEST_HEADERS), 'Connection', 'close'];
  if (body.kind === 'whole') headers.push('Content-Length', String(body.bytes.length));
  if (body.kind === 'stream') headers.push('Content-Length', body.length);
  if (body.kind === 'none' && !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(request.method ?? '')) headers.push('Content-Length', '0');
  return headers;
}

/** Names and values in turn, without those that end at this hop. */
function passedOn(message: IncomingMessage, own: ReadonlySet<string>): string[] {
  const named = new Set((message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const headers: string[] = [];
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = message.rawHeaders.slice(index, index + 2);
    const key = name.toLowerCase();
    // A client may not take away the length that frames its body by naming it here.
    if (!own.has(key) && (!named.has(key) || key === 'content-length')) headers.push(name, value);
  }
  return headers;
}

function isBadHeader(error: NodeJS.ErrnoException): boolean {
  return /^HPE_(INVALID_HEADER_TOKEN|INVALID_.*LENGTH|UNEXPECTED_.*|INVALID_TRANSFER_ENCODING|CR_EXPECTED|LF_EXPECTED|HEADER_OVERFLOW)$/.test(
    error.code ?? '',
  );
}
