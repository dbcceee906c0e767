/**
 * Copies the log into the database beside the event loop: page by page and with two waits for the disk, which would stop
 * everything else. A thread with a connection of its own does that, from the first time that enough was written.
 */
import type { Worker } from 'node:worker_threads';
import { sleep, type Host } from '../host/host.ts';

export interface CheckpointOptions {
  host: Host;
  /** Of the database. */
  location: string;
  /** There is no thread to do it, and will not be: the event loop has to. */
  onUnable: () => void;
}

/** What the thread answers. */
interface Copied {
  /** Why it could not. */
  failed?: string;
}

/** Of log, as far as {@link Checkpoints.wrote} knows; from there on it is copied. */
const ENOUGH_BYTES = 16 * 1024 * 1024;
/** A transaction writes whole pages: some for its rows, one for nearly every run whose indexes it touches. */
const LOG_PER_TEXT = 3;
const LEAST_BYTES = 32 * 1024;
/** Longest time that writers wait for the rest of a copy, in milliseconds. */
const PAUSE_MS = 1_000;
const CLOSE_MS = 10_000;

export class Checkpoints {
  readonly #options: CheckpointOptions;
  #bytes = 0;
  #copying: Promise<void> | undefined;
  #pause: Promise<void> | undefined;
  #worker: Worker | undefined;
  #answer: ((copied: Copied) => void) | undefined;
  #isOver = false;

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /**
   * Set while writers have to wait, never for long: a log begins anew only when all of it was copied, and so for a moment
   * nothing may be added to it.
   */
  get pause(): Promise<void> | undefined {
    return this.#pause;
  }

  /** Set while a copy is made. */
  get copying(): Promise<void> | undefined {
    return this.#copying;
  }

  /** A transaction with so much text was committed. */
  wrote(bytes: number): void {
    if (this.#isOver) return;
    this.#bytes += LEAST_BYTES + LOG_PER_TEXT * bytes;
    if (this.#bytes >= ENOUGH_BYTES) this.#copying ??= this.#copy();
  }

  /** Gives its connection back. May be called twice. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#copying;
    const worker = this.#worker;
    if (worker === undefined) return;
    worker.ref();
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage('close', []);
    await this.#within(ended, CLOSE_MS);
    await worker.terminate();
  }

  /** Most of it while others write, and what they added meanwhile while nobody of this process does. Never rejects. */
  async #copy(): Promise<void> {
    try {
      await this.#ask();
      const rest = this.#ask();
      this.#pause = this.#within(rest, PAUSE_MS).catch(() => {}); // told below
      void this.#pause.then(() => (this.#pause = undefined));
      await rest;
      this.#bytes = 0;
    } catch {
      this.#isOver = true;
      this.#options.onUnable(); // whose own try reports what is wrong with the disk
    }
    this.#copying = undefined;
  }

  /** @throws Error when that is not possible */
  async #ask(): Promise<void> {
    const worker = (this.#worker ??= this.#start());
    worker.ref(); // for as long as somebody waits for it
    const { promise, resolve } = Promise.withResolvers<Copied>();
    this.#answer = resolve;
    worker.postMessage('copy', []);
    const { failed } = await promise;
    worker.unref();
    if (failed !== undefined) throw new Error(failed);
  }

  #start(): Worker {
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    // Nothing of what the program loads first concerns it.
    const worker = new Worker(THREAD, { eval: true, workerData: this.#options.location, execArgv: [], env: {} });
    worker.on('message', (copied: Copied) => this.#answer?.(copied));
    worker.on('error', (error: Error) => this.#answer?.({ failed: error.message }));
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#answer?.({ failed: 'the thread ended' });
    });
    return worker;
  }

  async #within(work: Promise<void>, ms: number): Promise<void> {
    const enough = new AbortController();
    await Promise.race([work, sleep(this.#options.host, ms, enough.signal).catch(() => {})]).finally(() => enough.abort());
  }
}

/** What is in use meanwhile stays in the log; that is no failure. */
const THREAD = `
  process.emitWarning = () => {};
  const { parentPort, workerData } = require('node:worker_threads');
  const db = new (require('node:sqlite').DatabaseSync)(workerData, { timeout: 5 });
  db.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON');
  const copy = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  parentPort.on('message', (what) => {
    if (what === 'close') {
      db.close();
      parentPort.close();
      return;
    }
    try {
      copy.all();
      parentPort.postMessage({});
    } catch (error) {
      parentPort.postMessage([5, 6].includes(error.errcode & 0xff) ? {} : { failed: error.message });
    }
  });`;
