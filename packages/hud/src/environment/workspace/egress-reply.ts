/** What the proxy says when it does not carry a request, and the report of it. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export type Refusal = keyof typeof STATUS;

const STATUS = {
  'blocked-by-allowlist': [403, 'Forbidden'],
  'blocked-by-address': [403, 'Forbidden'],
  'invalid-request': [400, 'Bad Request'],
  'invalid-request-body': [400, 'Bad Request'],
  'invalid-target': [400, 'Bad Request'],
  'upstream-failure': [502, 'Bad Gateway'],
  'unrelayable-upstream-header': [502, 'Bad Gateway'],
} as const;

/** An attempt that the proxy stopped. */
export interface Blocked {
  /** As it was asked for; shortened, printable. */
  host: string;
  reason: 'blocked-by-allowlist' | 'blocked-by-address' | 'blocked-by-server-name' | 'invalid-target';
}

const LINGER_MS = 1_000;

/** Answers on a connection that has no request of its own any more, and closes it. */
export function refuseRaw(socket: Duplex, refusal: Refusal | 'bare-502'): void {
  const [status, text] = refusal === 'bare-502' ? STATUS['upstream-failure'] : STATUS[refusal];
  const reason = refusal === 'bare-502' ? '' : `X-Proxy-Error: ${refusal}\r\n`;
  if (socket.writable) socket.end(`HTTP/1.1 ${status} ${text}\r\n${reason}Content-Length: 0\r\nConnection: close\r\n\r\n`);
  // What the client still sends is read for a moment: an unread byte would reset the connection, and the answer with it.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer)).once('end', () => socket.end());
}

export function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    response.destroy(); // cut off: an end would look like a whole answer
    return;
  }
  const [status, text] = STATUS[refusal];
  response.shouldKeepAlive = false;
  response.sendDate = false;
  response.writeHead(status, text, { 'X-Proxy-Error': refusal, 'Content-Length': 0 }).end();
  response.req.resume();
}

/** Each host and reason is told once, and a hundred of them at most: who is refused may ask a million times. */
export function reportOnce(onBlocked: ((blocked: Blocked) => void) | undefined): (blocked: Blocked) => void {
  const told = new Set<string>();
  return ({ host, reason }) => {
    const printable = host.replace(/[^\x20-\x7e]/g, '?').slice(0, 253);
    const key = `${reason} ${printable}`;
    if (told.size >= MOST_REPORTS || told.has(key)) return;
    told.add(key);
    onBlocked?.({ host: printable, reason });
  };
}

const MOST_REPORTS = 100;
