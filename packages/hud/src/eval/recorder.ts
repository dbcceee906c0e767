/** Writes runs into the record, and waits a while where it can't be written: what they hold was paid for. */
import { sleep, type Host } from '../host/host.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import type { RunFinish, RunStart } from '../protocol/record.ts';
import type { Store } from '../store/index.ts';

/** How long a write waits for a disk that is full or fails, in milliseconds. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 500;

export class Recorder {
  readonly #store: Store | undefined;
  readonly #host: Host;
  readonly #onChange: () => void;
  #failing = 0;

  /** @param onChange called when {@link isFailing} may have become false */
  constructor(store: Store | undefined, host: Host, onChange: () => void) {
    this.#store = store;
    this.#host = host;
    this.#onChange = onChange;
  }

  /** Some write has failed and is tried again: nothing new should start meanwhile. */
  get isFailing(): boolean {
    return this.#failing > 0;
  }

  /** @throws HudError STORE_* when it still fails after ten seconds */
  async start(run: RunStart): Promise<void> {
    await this.#written(() => this.#store?.startRun(run));
  }

  /** As {@link start}. @throws HudError JOB_RUNNING when another process has ended this run otherwise */
  async finish(traceId: string, finish: RunFinish): Promise<void> {
    await this.#written(async () => {
      if ((await this.#store?.finishRun(traceId, finish)) !== false) return;
      // A try that failed may have come through all the same.
      const recorded = await this.#store?.getRun(traceId);
      if (recorded?.class === finish.class && recorded.endedAt === finish.endedAt) return;
      throw new HudError(
        'JOB_RUNNING',
        `Run ${traceId} was ended by another process, as ${recorded?.class ?? 'nothing'}; its verdict does not count.`,
      );
    });
  }

  /**
   * Steps are written in the background; this settles when the signal fires.
   * @throws HudError STORE_* when they fail, and go on failing for ten seconds
   */
  async watch(until: AbortSignal): Promise<void> {
    while (this.#store !== undefined && !until.aborted) {
      const { failed } = this.#store;
      if (!failed.aborted) await firstOf(failed, until);
      if (!failed.aborted) return;
      await this.#written(() => this.#store?.flush());
    }
  }

  async #written(write: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!mayRecover(error)) throw error;
      this.#failing += 1;
      try {
        await this.#tryAgain(write, error);
      } finally {
        this.#failing -= 1;
        this.#onChange();
      }
    }
  }

  async #tryAgain(write: () => Promise<unknown> | undefined, first: unknown): Promise<void> {
    const deadline = this.#host.monotonic() + PATIENCE_MS;
    for (let last = first; ;) {
      if (this.#host.monotonic() >= deadline || !mayRecover(last)) throw last;
      await sleep(this.#host, RETRY_MS);
      try {
        await write();
        return;
      } catch (error) {
        last = error;
      }
    }
  }
}

/** A row that is refused for what it holds will be refused again. */
function mayRecover(error: unknown): boolean {
  return isHudError(error) && error.code.startsWith('STORE_');
}

async function firstOf(...signals: AbortSignal[]): Promise<void> {
  const either = AbortSignal.any(signals);
  if (!either.aborted) await new Promise<void>((resolve) => either.addEventListener('abort', () => resolve(), { once: true }));
}
