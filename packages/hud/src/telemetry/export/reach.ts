/** Can the platform be reached? One answer for everything that is sent there, and one wait before the next try. */
import type { Host } from '../../host/host.ts';
import { isHudError, type HudError } from '../../protocol/errors.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/** A key that is refused is no matter of seconds. */
const REFUSED_WAIT_MS = 30_000;

export class Reach {
  readonly #host: Host;
  readonly #closed: AbortSignal;
  #failures = 0;
  #waiting: Promise<void> | undefined;
  #hurry = new AbortController();
  #lastError: HudError | undefined;

  constructor(host: Host, closed: AbortSignal) {
    this.#host = host;
    this.#closed = closed;
  }

  /** Why the last try failed; undefined once one succeeded. */
  get problem(): HudError | undefined {
    return this.#lastError;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#lastError = undefined;
  }

  /** Waits until another try makes sense: longer each time, however many ask. @throws the reason why it is over */
  async failed(error: HudError): Promise<void> {
    this.#lastError = error;
    this.#waiting ??= this.#wait(error);
    await this.#waiting;
    this.#closed.throwIfAborted();
  }

  /** The next try is now. */
  hurry(): void {
    this.#failures = Math.min(this.#failures, 2);
    this.#hurry.abort();
  }

  async #wait(error: HudError): Promise<void> {
    this.#failures += 1;
    const { retryAfterS } = (error.data ?? {}) as { retryAfterS?: number };
    const backoff = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS);
    const ms = retryAfterS === undefined ? (isRefusal(error) ? REFUSED_WAIT_MS : backoff) : Math.min(retryAfterS, 300) * 1000;
    this.#hurry = new AbortController();
    const jitter = 0.75 + Number.parseInt(this.#host.randomHex(1), 16) / 510;
    await sleepLightly(this.#host, ms * jitter, AbortSignal.any([this.#hurry.signal, this.#closed]));
    this.#waiting = undefined;
  }
}

/** Of the key, or of the whole route: another try of the same will not help soon. */
export function isRefusal(error: unknown): boolean {
  return isHudError(error) && [401, 402, 403, 404, 405, 501].includes(statusOf(error) ?? 0);
}

export function statusOf(error: HudError): number | undefined {
  const { status } = (error.data ?? {}) as { status?: unknown };
  return typeof status === 'number' ? status : undefined;
}

/** Ends early when the signal fires; keeps no process alive. */
export async function sleepLightly(host: Host, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  using _timer = host.setTimer(ms, resolve, { unref: true });
  signal.addEventListener('abort', onAbort, { once: true });
  await promise;
  signal.removeEventListener('abort', onAbort);
}
