/** An answer that goes on for long ends when the key that it was given to does. */
import type { Authority, Caller } from '../../caller.ts';

/** With the few seconds for which an answer about a key counts less than the 5 s that are promised, in milliseconds. */
const CHECK_MS = 1_000;

/** @returns the response itself unless it is a stream of events */
export function whileKnown(response: Response, caller: Caller | undefined, authority: Authority): Response {
  if (caller === undefined || response.body === null || response.headers.get('content-type')?.startsWith('text/event-stream') !== true)
    return response;
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const { promise: ended, resolve: end } = Promise.withResolvers<{ done: true; value: undefined }>();
  const check = async (): Promise<void> => {
    const isKnown = await authority.stillKnows(caller).catch(() => true); // a database that is away revokes nobody
    if (!isKnown) end({ done: true, value: undefined });
  };
  const timer = setInterval(() => void check(), CHECK_MS).unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await reader.cancel();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await Promise.race([reader.read(), ended]);
        if (!done) return controller.enqueue(value);
        controller.close();
        await close();
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status: response.status, headers: response.headers });
}
