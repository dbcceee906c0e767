/** One request goes to its server and the reply comes back, byte for byte, as fast as the caller takes it. */
import type { ServerResponse } from 'node:http';
import { errors, type Dispatcher } from 'undici';
import { replyHeaders } from './headers.ts';
import { Refusal } from './refusals.ts';
import type { ReplyHeaders, ReplyObserver } from './seams.ts';

export interface UpstreamRequest {
  dispatcher: Dispatcher;
  method: 'GET' | 'POST' | 'DELETE';
  /** Path and query on the server. */
  path: string;
  /** Names and values in turns. */
  headers: string[];
  /** Null when the request has none. */
  body: Buffer | null;
}

export interface ForwardOptions {
  callId: string;
  /** The server's name, for errors. */
  upstream: string;
  /** Longest time in which a caller may take nothing of the reply, in milliseconds. */
  silenceMs: number;
  /** Of the caller: an aborted call reaches the server at once. */
  signal: AbortSignal;
  /** Who sees the head and the pieces besides the caller. They may not change them. */
  observers: readonly ReplyObserver[];
}

export interface Forwarded {
  /** As the server said it; 0 when the reply never came. */
  status: number;
  isAborted: boolean;
  /** Why it broke off in the middle. */
  error?: string;
  /** `performance.now()` of the reply's head. */
  headAt?: number;
}

/**
 * Resolves when the reply has ended, one way or another; what breaks off on the server's side breaks off on the caller's.
 * @throws Refusal 502 or 504 when no reply came, and nothing was written to `response`
 */
export function forward(request: UpstreamRequest, response: ServerResponse, options: ForwardOptions): Promise<Forwarded> {
  const { dispatcher, ...rest } = request;
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(response, options, resolve, reject);
    try {
      dispatcher.dispatch(rest, exchange);
    } catch (error) {
      exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
    }
  });
}

type Controller = Dispatcher.DispatchController;

/** What undici tells of one call, as it comes. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #options: ForwardOptions;
  readonly #resolve: (outcome: Forwarded) => void;
  readonly #reject: (refusal: Refusal) => void;
  #controller: Controller | undefined;
  #status = 0;
  #headAt: number | undefined;
  #isOver = false;
  #isAborted = false;

  constructor(
    response: ServerResponse,
    options: ForwardOptions,
    resolve: (outcome: Forwarded) => void,
    reject: (refusal: Refusal) => void,
  ) {
    this.#response = response;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    if (options.signal.aborted) this.#abort();
    else options.signal.addEventListener('abort', this.#abort, { once: true });
  }

  readonly #abort = (): void => {
    if (this.#isOver) return;
    this.#isAborted = true;
    this.#controller?.abort(new errors.RequestAbortedError());
    this.#finish(false); // undici tells only calls that it had begun
  };

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isAborted) controller.abort(new errors.RequestAbortedError());
  }

  onResponseStart(controller: Controller, status: number, headers: ReplyHeaders, statusMessage?: string): void {
    if (this.#isOver || status < 200) return;
    if (status >= 300 && status < 400) {
      this.#refuse(new Refusal(502, `${this.#options.upstream} redirects elsewhere; the platform's base_url of it is wrong.`));
      controller.abort(new errors.RequestAbortedError());
      return;
    }
    this.#status = status;
    this.#headAt = performance.now();
    for (const observer of this.#options.observers) observer.head(status, headers);
    const response = this.#response;
    response.writeHead(status, statusMessage, replyHeaders(headers, this.#options.callId));
    response.on('drain', () => controller.resume());
    response.setTimeout(this.#options.silenceMs, () => response.destroy());
    // The first piece mostly comes along with the head and goes out with it; a head alone must not wait for it.
    process.nextTick(flush, response);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#isOver) return;
    for (const observer of this.#options.observers) observer.data(chunk);
    if (!this.#response.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#response.end();
    this.#finish(true);
  }

  onResponseError(_controller: Controller | undefined, error: Error): void {
    if (this.#isOver) return;
    if (this.#status === 0) return this.#refuse(unreachable(this.#options.upstream, error));
    cut(this.#response);
    this.#finish(false, brief(error));
  }

  #refuse(refusal: Refusal): void {
    this.#over();
    this.#reject(refusal);
  }

  #finish(isComplete: boolean, error?: string): void {
    this.#over();
    for (const observer of this.#options.observers) observer.end(isComplete);
    this.#resolve({
      status: this.#status,
      isAborted: this.#isAborted,
      ...(error && { error }),
      ...(this.#headAt && { headAt: this.#headAt }),
    });
  }

  #over(): void {
    this.#isOver = true;
    this.#options.signal.removeEventListener('abort', this.#abort);
  }
}

/** What came is delivered, then the connection ends: never with an end that looks like one, so that the caller's SDK sees what is missing. */
export function cut(response: ServerResponse): void {
  if (response.socket === null) response.destroy();
  else response.socket.destroySoon();
}

function flush(response: ServerResponse): void {
  if (!response.writableEnded && !response.destroyed) response.flushHeaders();
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

function unreachable(upstream: string, error: Error): Refusal {
  const why = brief(error);
  return TIMEOUTS.has(why)
    ? new Refusal(504, `${upstream} did not answer in time (${why}). Try again.`, { cause: error })
    : new Refusal(502, `${upstream} can't be reached (${why}). Try again.`, { cause: error });
}

/** The code alone: a message may quote what was sent. */
function brief(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
