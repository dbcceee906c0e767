/** Writes a model's answer to a socket: whole, as a stream, as an error, or cut off on the way. */
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { JsonObject } from '../protocol/index.ts';
import { setTimeout as pause } from 'node:timers/promises';
import type { ModelFault } from './model-script.ts';

type Stall = Extract<ModelFault, { stallAfterEvents: number }>;
type Cut = Extract<ModelFault, { cutAfterBytes: number } | { cutMidStream: true }>;

interface Reply {
  contentType: string;
  /** The body in the parts in which it is sent; one part for a whole answer. */
  parts: readonly string[];
  headers?: OutgoingHttpHeaders;
  /** Where the connection breaks or falls silent, if it does. */
  fault?: Cut | Stall;
}

/** Ends when everything is handed to the socket, or the client is gone. */
export async function sendReply(response: ServerResponse, reply: Reply): Promise<void> {
  response.writeHead(200, { 'content-type': reply.contentType, 'cache-control': 'no-cache', ...reply.headers });
  const parts = reply.parts.map((part) => Buffer.from(part));
  if (reply.fault === undefined || 'stallAfterEvents' in reply.fault) {
    await writeWithPause(response, parts, reply.fault);
    response.end();
    return;
  }
  // Chunked, so that no length promised beforehand could make the rest look complete.
  response.flushHeaders();
  const limit = bytesBeforeCut(parts, reply.fault);
  let sent = 0;
  for (const part of parts) {
    const piece = part.subarray(0, limit - sent);
    if (piece.length > 0) await write(response, piece);
    sent += piece.length;
  }
  response.destroy();
}

async function writeWithPause(response: ServerResponse, parts: readonly Buffer[], stall: Stall | undefined): Promise<void> {
  if (stall !== undefined) response.flushHeaders();
  for (const [index, part] of halved(parts, stall).entries()) {
    if (index === stall?.stallAfterEvents) await silence(response, stall.resumeAfterMs);
    await write(response, part);
  }
}

/** A whole reply has one part, and stalls inside it. */
function halved(parts: readonly Buffer[], stall: Stall | undefined): readonly Buffer[] {
  const [only] = parts;
  if (stall === undefined || only === undefined || parts.length > 1) return parts;
  const middle = Math.floor(only.length / 2);
  return [only.subarray(0, middle), only.subarray(middle)];
}

/** Until the client has gone, unless there is an end to it. */
async function silence(response: ServerResponse, ms: number | undefined): Promise<void> {
  if (response.destroyed) return;
  const gone = new AbortController();
  const closed = once(response, 'close').then(() => gone.abort());
  if (ms === undefined) return await closed;
  await pause(ms, undefined, { signal: gone.signal }).catch(() => {}); // the client has gone
}

export function sendJson(response: ServerResponse, status: number, body: JsonObject | string, headers: OutgoingHttpHeaders = {}): void {
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json', ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

/** Resolves too when the client has gone: the loss is the client's, and it knows. */
function write(response: ServerResponse, part: Buffer): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve);
    response.write(part, () => {
      response.off('close', resolve);
      resolve();
    });
  });
}

function bytesBeforeCut(parts: readonly Buffer[], cut: Cut): number {
  if ('cutAfterBytes' in cut) return cut.cutAfterBytes;
  const middle = Math.floor(parts.length / 2);
  const before = parts.slice(0, middle).reduce((sum, part) => sum + part.length, 0);
  return before + Math.floor((parts[middle]?.length ?? 0) / 2);
}
