/**
 * Which saved weights stay: of each model those of its head, of pinned checkpoints and of the newest ones. What goes is taken from its
 * checkpoint and put on record at once; the engine is asked some time later, again and again until it has removed it, if need be by
 * the process after this one.
 */
import { messageOf } from 'hud/protocol';
import type { Db } from '../storage/database.ts';
import { dueRemovals, forgetRemoval, namedPaths, postponeRemoval } from '../storage/training/retention.ts';
import type { TrainEngine } from './engine.ts';

export interface RetentionOptions {
  db: Db;
  engine: TrainEngine;
  log: { warn(message: string, values: Record<string, unknown>): void };
  now: () => number;
  /** From taking weights to removing them, in milliseconds: whoever had read where they are may use them until then. @default 5_000 */
  graceMs?: number | undefined;
}

export class Retention {
  readonly #options: RetentionOptions & { graceMs: number };
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** Goes on with what processes before this one have left. */
  constructor({ graceMs, ...options }: RetentionOptions) {
    this.#options = { ...options, graceMs: graceMs ?? 5_000 };
    this.schedule();
  }

  /** Begins nothing any more. @returns when what runs has ended */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Removes what is on the list when it is due: a step that was made may have put something there. */
  schedule(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    const { graceMs } = this.#options;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#afterwards();
    }, graceMs + SLACK_MS);
    this.#timer.unref(); // alone, it keeps no process alive
  }

  /** One after the other: an engine may take its time. */
  async #afterwards(): Promise<void> {
    await this.#running;
    await this.#remove();
  }

  async #remove(): Promise<void> {
    const { db, now, log, graceMs } = this.#options;
    try {
      const paths = await dueRemovals(db, now() - graceMs);
      const named = await namedPaths(db, paths);
      for (const path of paths) {
        if (this.#isStopped) return;
        if (named.has(path) || (await this.#isRemoved(path))) await forgetRemoval(db, path);
        else await postponeRemoval(db, path, now());
      }
      if (paths.length > 0) this.schedule(); // there may be more
    } catch (error) {
      if (this.#isStopped) return;
      log.warn('old weights were not removed', { reason: messageOf(error) });
      this.schedule();
    }
  }

  async #isRemoved(path: string): Promise<boolean> {
    try {
      return await this.#options.engine.remove(path);
    } catch (error) {
      if (!this.#isStopped) this.#options.log.warn('saved weights were not removed', { path, reason: messageOf(error) });
      return false;
    }
  }
}

/** Timers are not late only. */
const SLACK_MS = 5;
