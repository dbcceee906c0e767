/**
 * How long a model may be silent. While the text of a reply flows, a short silence means that the stream is dead;
 * before it, and between its items, a model may think for minutes. One mechanism for every model API: the adapter
 * says which of its events leave the stream in the middle of something, and `hearingFetch` hears what the vendors'
 * SDKs keep to themselves, such as pings.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { listened, unhurriedFetch } from '../capabilities/unhurried-fetch.ts';
import { withSignal, type Timer } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';

export interface PatienceSettings {
  /** @default 10 */
  streamPatienceSeconds?: number;
  /** @default 600 */
  responseTimeoutSeconds?: number;
}

/** What a request is made with. */
export interface Hearing {
  /** Fires when the caller's does, and when patience is over. */
  signal: AbortSignal;
  /** The same events; `isMidItem` says of each whether the next one is due at once. */
  events<E>(events: AsyncIterable<E>, isMidItem: (event: E) => boolean): AsyncGenerator<E>;
}

const STREAM_PATIENCE_S = 10;
export const RESPONSE_TIMEOUT_S = 600;
/** What lies in the socket's buffer when patience ends is read within this time. */
const LAST_CALL_MS = 250;
/** The SDKs' own limits are only a second line: theirs say less. */
const SDK_SLACK_MS = 5_000;
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Runs one request to a model. Whole replies are bounded by `responseTimeoutSeconds`, and streams as they go.
 * @throws HudError MODEL_UNAVAILABLE with `data: { provider, events, noRetry: true }` when the model went silent
 */
export async function patiently<T>(
  provider: string,
  settings: PatienceSettings,
  signal: AbortSignal,
  work: (hearing: Hearing) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  using watch = new Watch(provider, settings);
  const onAbort = (): void => watch.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await withSignal(
      current.run(watch, () => work(watch)),
      watch.signal,
    );
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** For the vendors' SDKs: `fetch` whose replies are heard as they arrive, however little of it the SDK passes on. */
export const hearingFetch: typeof fetch = async (input, init) => {
  const watch = current.getStore();
  const response = await unhurriedFetch(input, init);
  return watch === undefined ? response : listened(response, { onChunk: () => watch.sign() });
};

/** What an SDK is given as its own limit, in milliseconds. */
export function sdkTimeoutMs({ responseTimeoutSeconds = RESPONSE_TIMEOUT_S }: PatienceSettings): number {
  return Math.min(responseTimeoutSeconds * 1000 + SDK_SLACK_MS, MAX_TIMER_MS);
}

/** @throws HudError BAD_CONFIG for what is no number of seconds above 0 */
export function checkSeconds(settings: Readonly<Record<string, number | undefined>>): void {
  for (const [name, seconds] of Object.entries(settings)) {
    if (seconds !== undefined && !(typeof seconds === 'number' && seconds > 0))
      throw new HudError('BAD_CONFIG', `${name} must be a number of seconds above 0, not ${String(seconds)}.`);
  }
}

const current = new AsyncLocalStorage<Watch>();

class Watch implements Hearing, Disposable {
  readonly #provider: string;
  readonly #patienceMs: number;
  readonly #responseMs: number;
  readonly #over = new AbortController();
  #events = 0;
  #isMidItem = false;
  /** When the last event came, and when the last byte did. */
  #eventAt = nodeHost.monotonic();
  #signAt = this.#eventAt;
  #timer: Timer | undefined;

  constructor(
    provider: string,
    { streamPatienceSeconds = STREAM_PATIENCE_S, responseTimeoutSeconds = RESPONSE_TIMEOUT_S }: PatienceSettings,
  ) {
    this.#provider = provider;
    this.#patienceMs = streamPatienceSeconds * 1000;
    this.#responseMs = responseTimeoutSeconds * 1000;
    this.#arm();
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  async *events<E>(events: AsyncIterable<E>, isMidItem: (event: E) => boolean): AsyncGenerator<E> {
    for await (const event of events) {
      this.#event(isMidItem(event));
      yield event;
    }
  }

  /** A byte came: a stream that sends pings is alive, though no closer to its end. */
  sign(): void {
    this.#signAt = nodeHost.monotonic();
  }

  abort(reason: unknown): void {
    this.#over.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #event(isMidItem: boolean): void {
    this.#events += 1;
    this.#eventAt = nodeHost.monotonic();
    this.#signAt = this.#eventAt;
    if (isMidItem === this.#isMidItem) return;
    this.#isMidItem = isMidItem;
    this.#arm();
  }

  get #dueAt(): number {
    const response = this.#eventAt + this.#responseMs;
    return this.#isMidItem ? Math.min(this.#signAt + this.#patienceMs, response) : response;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = nodeHost.setTimer(Math.max(0, this.#dueAt - nodeHost.monotonic()), () => this.#due());
  }

  /** Timers run before sockets are read: a process that was stopped or busy must look once more. */
  #due(): void {
    const dueAt = this.#dueAt;
    if (dueAt > nodeHost.monotonic()) return this.#arm();
    this.#timer = nodeHost.setTimer(LAST_CALL_MS, () => {
      if (this.#dueAt > dueAt) this.#arm();
      else this.abort(dueAt < this.#eventAt + this.#responseMs ? this.#stall() : this.#noAnswer());
    });
  }

  #stall(): HudError {
    const silence = `no event from ${this.#provider} for ${this.#patienceMs / 1000} s after ${this.#eventCount}`;
    return new HudError('MODEL_UNAVAILABLE', `The model's stream stopped: ${silence}, in the middle of a reply.`, {
      hint: 'Raise streamPatienceSeconds if this model pauses for longer in the middle of a reply.',
      data: this.#evidence,
    });
  }

  #noAnswer(): HudError {
    const after = this.#events === 0 ? '' : ` after ${this.#eventCount}`;
    const silence = `${this.#provider} sent nothing for ${this.#responseMs / 1000} s${after}`;
    return new HudError('MODEL_UNAVAILABLE', `The model did not answer: ${silence}.`, {
      hint: 'Raise responseTimeoutSeconds if this model thinks for longer.',
      data: this.#evidence,
    });
  }

  get #eventCount(): string {
    return `${this.#events} event${this.#events === 1 ? '' : 's'}`;
  }

  get #evidence(): Record<string, unknown> {
    return { provider: this.#provider, events: this.#events, noRetry: true };
  }
}
