/**
 * Tells which entries of watched folders changed (inotify on Linux). Events are hints about where to look; what
 * counts is that none is missed in silence, so everything that could have been lost is told as `onLost`.
 *
 * The system's queue is one per thread and says nothing to Node when it overflows. So this belongs in a thread
 * of its own, where every event passes by here, and many events in one turn are taken for an overflow.
 */
import { mkdirSync, readFileSync, unlinkSync, watch, writeFileSync, type FSWatcher } from 'node:fs';
import { join } from 'node:path';

/** Longest wait for our own sign to come through the queue, in milliseconds. */
const DRAIN_MS = 2_000;

export interface WatcherHandlers {
  /** Events of an unknown number were lost: everything has to be looked at. */
  onLost(): void;
  /** The system's limit of watches was reached, once. */
  onExhausted(code: string): void;
}

export interface Watch {
  close(): void;
}

export class Watcher implements Disposable {
  readonly #handlers: WatcherHandlers;
  readonly #signs: string;
  readonly #signWatch: FSWatcher | undefined;
  readonly #queueHalf = Math.max(64, maxQueuedEvents() / 2);
  #awaited: { name: string; seen: () => void } | undefined;
  #signCount = 0;
  #burst = 0;
  #isExhausted = false;

  /** @param directory private and empty; gets a folder for signs */
  constructor(directory: string, handlers: WatcherHandlers) {
    this.#handlers = handlers;
    this.#signs = join(directory, 'signs');
    mkdirSync(this.#signs);
    try {
      this.#signWatch = watch(this.#signs, (_event, name) => {
        if (name === this.#awaited?.name) this.#awaited?.seen();
      });
      this.#signWatch.on('error', () => {}); // then no sign comes through, and every drain says so
    } catch (error) {
      this.#exhausted(error);
    }
  }

  /**
   * @param address of the folder, which must be the one meant even if links are followed
   * @param onEvent the entry's name; undefined when the folder itself may have been moved or removed
   * @returns undefined when the system has no watch left, or no such folder
   */
  watch(address: string, onEvent: (name: string | undefined) => void): Watch | undefined {
    const ownName = address.slice(address.lastIndexOf('/') + 1);
    try {
      const watcher = watch(address, (event, name) => {
        this.#count();
        // Of the folder itself the system sends no name, and Node puts in the last part of the address.
        if (name === null || (name === ownName && event === 'rename')) onEvent(undefined);
        if (name !== null) onEvent(name);
      });
      watcher.on('error', () => onEvent(undefined));
      return { close: () => this.#close(watcher) };
    } catch (error) {
      this.#exhausted(error);
      return undefined;
    }
  }

  /**
   * Settles when every event that was queued before the call has been told.
   * @returns false when that can't be known
   */
  async drain(): Promise<boolean> {
    if (this.#signWatch === undefined) return false;
    this.#signCount += 1;
    const name = `${this.#signCount}`;
    const path = join(this.#signs, name);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), DRAIN_MS);
    this.#awaited = { name, seen: () => resolve(true) };
    try {
      writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
      return await promise;
    } catch {
      return false; // the disk is full, say: the caller looks at everything instead
    } finally {
      clearTimeout(timer);
      this.#awaited = undefined;
      removeSign(path);
    }
  }

  [Symbol.dispose](): void {
    this.#signWatch?.close();
  }

  /** A watch that ends leaves an event which nobody is told of, but which takes its place in the queue. */
  #close(watcher: FSWatcher): void {
    this.#count();
    watcher.close();
  }

  #count(): void {
    if (this.#burst === 0) setImmediate(() => setImmediate(() => (this.#burst = 0)));
    this.#burst += 1;
    if (this.#burst === Math.ceil(this.#queueHalf)) this.#handlers.onLost();
  }

  #exhausted(error: unknown): void {
    const code = String((error as { code?: unknown }).code);
    if (this.#isExhausted || !['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(code)) return;
    this.#isExhausted = true;
    this.#handlers.onExhausted(code);
  }
}

function removeSign(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // it was never made
  }
}

function maxQueuedEvents(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8')) || 16_384;
  } catch {
    return 16_384; // the kernel's default, where it has no /proc or is another one
  }
}
