/** The thread that writes model calls, as a function: neither hashing nor the disk holds up a call that runs. */
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Context } from '../../context.ts';
import type { ModelCallsTable } from '../../storage/schema/gateway.ts';
import type { FromThread, GatewayTouch, RecordedCallBytes, ThreadData, ToThread } from './call-writer-thread.ts';

export interface CallWriter {
  /** So that the first write need not wait for the thread to begin, which takes some 300 ms. */
  start(): void;
  /** The thread has begun. */
  readonly isReady: boolean;
  /** Settles when they are on disk. @throws Error with the database's message */
  writeCalls(rows: readonly ModelCallsTable[]): Promise<void>;
  /** As {@link writeCalls}. @param bytes of them one after the other, in memory of its own, which the thread gets */
  writeRecordings(recordings: readonly RecordedCallBytes[], bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** As {@link writeCalls}. */
  writeTouches(touches: readonly GatewayTouch[]): Promise<void>;
  /** To be called when nothing is written any more. May be called twice. */
  close(): Promise<void>;
}

type WriterConfig = Pick<Context['config'], 'HUD_PLATFORM_DIR' | 'DATABASE_URL'>;

/** One whose thread ended gets another at the next write. */
export function openCallWriter({ HUD_PLATFORM_DIR: directory, DATABASE_URL: url }: WriterConfig): CallWriter {
  const data: ThreadData = { directory: resolve(directory), url };
  let thread: Thread | undefined;
  let isClosed = false;
  const begun = (): Thread => {
    if (isClosed) throw new Error('the platform has closed its database');
    if (thread === undefined || thread.hasEnded) thread = new Thread(data);
    return thread;
  };
  const send = async (message: Omit<ToThread, 'ticket'>, transfer: ArrayBuffer[] = []): Promise<void> =>
    await begun().send(message, transfer);
  return {
    start: () => void begun(),
    get isReady() {
      return thread?.isReady === true;
    },
    writeCalls: async (calls) => await send({ calls }),
    writeRecordings: async (recordings, bytes) => await send({ recordings, bytes }, [bytes.buffer]),
    writeTouches: async (touches) => await send({ touches }),
    close: async () => {
      isClosed = true;
      await thread?.close();
    },
  };
}

const CLOSE_MS = 5_000;

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<void>;
  #tickets = 0;
  hasEnded = false;
  isReady = false;

  constructor(data: ThreadData) {
    this.#worker = new Worker(threadUrl(), { workerData: data, name: 'model calls' });
    this.#worker.unref(); // while it is asked for nothing, it keeps no process alive
    const { promise, resolve: exited } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#worker.on('message', ({ tickets, error }: FromThread) => {
      this.isReady = true;
      for (const ticket of tickets) {
        const waiter = this.#waiting.get(ticket);
        this.#waiting.delete(ticket);
        if (error === undefined) waiter?.resolve();
        else waiter?.reject(new Error(error));
      }
      if (this.#waiting.size === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error: Error) => this.#end(error));
    this.#worker.on('exit', () => {
      this.#end(new Error('the thread that writes model calls has ended'));
      exited();
    });
  }

  async send(message: Omit<ToThread, 'ticket'>, transfer: ArrayBuffer[]): Promise<void> {
    const ticket = (this.#tickets += 1);
    const { promise, resolve: done, reject } = Promise.withResolvers<void>();
    this.#waiting.set(ticket, { resolve: done, reject });
    this.#worker.ref();
    this.#worker.postMessage({ ...message, ticket } satisfies ToThread, transfer);
    await promise;
  }

  async close(): Promise<void> {
    if (this.hasEnded) return;
    this.#worker.ref();
    // One that is still beginning, and was asked for nothing, need not get that far.
    if (!this.isReady && this.#waiting.size === 0) await this.#worker.terminate();
    else this.#worker.postMessage(null, []);
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #end(error: Error): void {
    [this.hasEnded, this.isReady] = [true, false];
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function threadUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './call-writer-thread.ts' : './call-writer-thread.js', import.meta.url);
}

const opened = new WeakMap<Context['db'], CallWriter>();

/** The one of this platform. */
export function callWriterOf({ db, config }: { db: Context['db']; config: WriterConfig }): CallWriter {
  let writer = opened.get(db);
  if (writer === undefined) opened.set(db, (writer = openCallWriter(config)));
  return writer;
}
