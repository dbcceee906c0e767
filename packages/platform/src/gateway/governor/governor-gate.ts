/** The way to one upstream: as many calls at once as it bears, in turns, with a queue of limited size. */
import type { Permit, ReplyHeaders } from '../seams.ts';
import { exhaustedMs, retryAfterMs } from './governor-headers.ts';

/** Calls at once of an upstream that has refused none yet: its owner's limit, or as good as none. */
const MAX_LIMIT = 65_536;
/** An upstream that asks for more patience is asked again all the same. */
const MAX_PAUSE_MS = 60_000;
/** Pause after a refusal that names none. */
const PAUSE_MS = 250;

export interface GateClock {
  now(): number;
  /** @returns cancels it */
  after(ms: number, call: () => void): () => void;
}

export interface GateOptions {
  clock: GateClock;
  /** Calls that wait at most. */
  maxWaiting: number;
  maxWaitMs: number;
  /** Calls at once that its owner allows. */
  maxConcurrent?: number | undefined;
  /** @param seconds after which to try again */
  full: (reason: 'waiting' | 'queue', seconds: number) => Error;
}

interface Waiter {
  readonly deadline: number;
  readonly lane: string;
  readonly admit: (permit: Permit) => void;
  readonly refuse: (error: unknown) => void;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #clock: GateClock;
  readonly #ceiling: number;
  /** Fractions add up to whole calls. The first refusal makes it half of what ran then. */
  #limit: number;
  #running = 0;
  #waiting = 0;
  /** In the order of their turns. */
  readonly #lanes = new Map<string, Set<Waiter>>();
  #pausedUntil = 0;
  /** Calls that began before do not tell about the limit that holds now. */
  #loweredAt = -Infinity;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#ceiling = Math.min(options.maxConcurrent ?? MAX_LIMIT, MAX_LIMIT);
    this.#limit = this.#ceiling;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Calls at once that it lets through now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  enter(signal: AbortSignal, lane: string): Permit | Promise<Permit> {
    if (this.#waiting === 0 && this.#isOpen()) return this.#admit();
    const { maxWaiting, full } = this.#options;
    if (this.#waiting >= maxWaiting) throw full('queue', this.#secondsToWait());
    signal.throwIfAborted();
    return this.#wait(signal, lane);
  }

  #isOpen(): boolean {
    return this.#running < Math.floor(this.#limit) && (this.#pausedUntil === 0 || this.#clock.now() >= this.#pausedUntil);
  }

  #admit(): Permit {
    this.#running += 1;
    const startedAt = this.#clock.now();
    let isReleased = false;
    return {
      report: (status, headers) => this.#learn(status, headers, startedAt),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#running -= 1;
        this.#proceed();
      },
    };
  }

  async #wait(signal: AbortSignal, lane: string): Promise<Permit> {
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    const waiter: Waiter = { deadline: this.#clock.now() + this.#options.maxWaitMs, lane, admit: resolve, refuse: reject };
    const leave = (): void => {
      this.#remove(waiter);
      reject(signal.reason);
    };
    const queue = this.#lanes.get(lane) ?? new Set();
    this.#lanes.set(lane, queue.add(waiter));
    this.#waiting += 1;
    signal.addEventListener('abort', leave, { once: true });
    this.#wakeAt(this.#pausedUntil > this.#clock.now() ? Math.min(this.#pausedUntil, waiter.deadline) : waiter.deadline);
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #remove(waiter: Waiter): void {
    const queue = this.#lanes.get(waiter.lane);
    if (queue?.delete(waiter) !== true) return;
    this.#waiting -= 1;
    if (queue.size === 0) this.#lanes.delete(waiter.lane);
    if (this.#waiting === 0) this.#stopTimer();
  }

  /** Lets in whoever may; the lane of each goes to the back of the line. */
  #proceed(): void {
    while (this.#waiting > 0 && this.#isOpen()) {
      const [next] = this.#lanes;
      if (next === undefined) return;
      const [lane, queue] = next;
      const [waiter] = queue;
      if (waiter === undefined) return;
      this.#remove(waiter);
      if (queue.size > 0) {
        this.#lanes.delete(lane);
        this.#lanes.set(lane, queue);
      }
      waiter.admit(this.#admit());
    }
  }

  #learn(status: number, headers: ReplyHeaders, startedAt: number): void {
    const now = this.#clock.now();
    const asked = retryAfterMs(headers, now);
    const exhausted = exhaustedMs(headers, now);
    if (status === 429 || status === 529) {
      this.#pause(Math.max(asked ?? PAUSE_MS, exhausted ?? 0));
      if (startedAt >= this.#loweredAt) {
        this.#limit = Math.max(1, Math.min(this.#limit, this.#running) / 2);
        this.#loweredAt = now;
      }
      return;
    }
    if (status === 503 && asked !== undefined) this.#pause(asked);
    if (exhausted !== undefined) this.#pause(exhausted);
    if (status >= 400) return;
    this.#grow();
    this.#proceed(); // streams tell of room long before they end
  }

  /** Only a limit that is made use of shows that more would do. */
  #grow(): void {
    if (this.#running * 2 < this.#limit) return;
    this.#limit = Math.min(this.#ceiling, this.#limit + 1 / this.#limit);
  }

  #pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + Math.min(ms, MAX_PAUSE_MS));
    if (this.#waiting > 0) this.#wakeAt(this.#pausedUntil);
  }

  /** One timer: for the end of the pause, or the first that has waited too long. */
  #wakeAt(at: number): void {
    if (this.#timerAt <= at) return;
    this.#stopTimer();
    this.#timerAt = at;
    this.#cancelTimer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#wake());
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = Infinity;
  }

  #wake(): void {
    this.#stopTimer();
    const now = this.#clock.now();
    for (const queue of this.#lanes.values()) {
      for (const waiter of queue) {
        if (waiter.deadline > now) break;
        this.#remove(waiter);
        waiter.refuse(this.#options.full('waiting', this.#secondsToWait()));
      }
    }
    this.#proceed();
    if (this.#waiting === 0) return;
    if (this.#pausedUntil > now) this.#wakeAt(this.#pausedUntil);
    for (const [first] of this.#lanes.values()) if (first !== undefined) this.#wakeAt(first.deadline); // it waits longest in its lane
  }

  #secondsToWait(): number {
    return Math.max(1, Math.ceil((this.#pausedUntil - this.#clock.now()) / 1000));
  }
}
