/**
 * Makes committed writes survive the loss of power: SQLite leaves its log in the system's memory, and this
 * brings it to the disk without stopping the event loop. One wait at a time covers all commits before it.
 */
import type { Host, SyncedFile } from '../host/host.ts';

interface Waiting {
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class LogSync {
  readonly #host: Host;
  readonly #path: string;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  readonly #checkpoint: () => Promise<void>;
  #file: SyncedFile | undefined;
  #hasFailed = false;

  /**
   * @param path of the log, which exists once something was committed
   * @param checkpoint copies the log into the database. After a failure the system may take what it could
   *   not write for written; the copy is written anew, and so is brought to the disk in any case.
   */
  constructor(host: Host, path: string, checkpoint: () => Promise<void>) {
    this.#host = host;
    this.#path = path;
    this.#checkpoint = checkpoint;
  }

  /**
   * The wait for the disk that is under way, which covers nothing that is committed from now on; settles in either case.
   * Undefined while there is none.
   */
  get syncing(): Promise<void> | undefined {
    return this.#syncing;
  }

  /** Calls one of the two once everything committed before this call is on disk, or can't be brought there. */
  add(resolve: () => void, reject: (error: unknown) => void): void {
    this.#waiting.push({ resolve, reject });
    this.#running ??= this.#run();
  }

  /** Waits for what was added. */
  async close(): Promise<void> {
    await this.#running;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // all verdicts of one transaction are covered by one wait, and `#running` is set before this can end
    while (this.#waiting.length > 0) {
      const covered = this.#waiting;
      this.#waiting = [];
      const over = Promise.withResolvers<void>();
      this.#syncing = over.promise;
      try {
        if (this.#hasFailed) await this.#checkpoint();
        this.#file ??= await this.#host.openForSync(this.#path);
        await this.#file.sync();
        this.#hasFailed = false;
        for (const { resolve } of covered) resolve();
      } catch (error) {
        this.#hasFailed = true;
        for (const { reject } of covered) reject(error);
      }
      this.#syncing = undefined;
      over.resolve();
    }
    this.#running = undefined;
  }
}
