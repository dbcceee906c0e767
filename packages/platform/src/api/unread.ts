/** What a refusal leaves unread: taken off the wire where that is soon done, so that the refusal is read and the connection stays usable. */
import type { IncomingMessage } from 'node:http';
import type { MiddlewareHandler } from 'hono';

/** Bytes that may be thrown away, and the milliseconds that it may take. */
const MOST_BYTES = 33_554_432;
const MOST_MS = 2_000;

/** A client that reads a refusal sends its next request over the same connection; with half a body before it, that would fail. */
export function discardUnread(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { incoming } = (c.env ?? {}) as { incoming?: IncomingMessage };
    if (c.res.status >= 400 && incoming !== undefined && !incoming.complete) await discard(incoming);
  };
}

function discard(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let left = MOST_BYTES;
    const done = (): void => {
      clearTimeout(timer);
      incoming.off('data', take).off('end', done).off('close', done);
      resolve();
    };
    const take = (part: Buffer): void => {
      left -= part.length;
      if (left < 0) done();
      else incoming.resume(); // whoever read it before may have paused it
    };
    const timer = setTimeout(done, MOST_MS);
    incoming.on('data', take).on('end', done).on('close', done).resume();
  });
}
