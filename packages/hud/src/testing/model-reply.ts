/** Writes a model's answer to a socket: whole, as a stream, as an error, or cut off on the way. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { JsonObject } from '../protocol/index.ts';
import type { ModelFault } from './model-script.ts';

type Cut = Extract<ModelFault, { cutAfterBytes: number } | { cutMidStream: true }>;

interface Reply {
  contentType: string;
  /** The body in the parts in which it is sent; one part for a whole answer. */
  parts: readonly string[];
  headers?: OutgoingHttpHeaders;
  /** Where the connection breaks, if it does. */
  cut?: Cut;
}

/** Ends when everything is handed to the socket, or the client is gone. */
export async function sendReply(response: ServerResponse, reply: Reply): Promise<void> {
  response.writeHead(200, { 'content-type': reply.contentType, 'cache-control': 'no-cache', ...reply.headers });
  const parts = reply.parts.map((part) => Buffer.from(part));
  if (!reply.cut) {
    for (const part of parts) await write(response, part);
    response.end();
    return;
  }
  // Chunked, so that no length promised beforehand could make the rest look complete.
  response.flushHeaders();
  const limit = bytesBeforeCut(parts, reply.cut);
  let sent = 0;
  for (const part of parts) {
    const piece = part.subarray(0, limit - sent);
    if (piece.length > 0) await write(response, piece);
    sent += piece.length;
  }
  response.destroy();
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
