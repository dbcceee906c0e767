/** The thread that tracks files, as a function from a method to its answer. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HudError } from '../../protocol/errors.ts';
import type { FromWorker } from './worker.ts';

export interface TrackingThread {
  /** @returns JSON of the result. @throws HudError RPC_ERROR as the tracker says, CAPABILITY_FAILED when its thread has ended */
  call(method: string): Promise<Uint8Array>;
  /** May be called twice. */
  close(): Promise<void>;
}

const CLOSE_MS = 2_000;
/** New objects rarely outlive a file: a small nursery keeps a scan of many files from taking memory for good. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 1_024 };

/**
 * Settles when the baseline is taken.
 * @throws HudError CAPABILITY_FAILED when the root is not there
 */
export async function startTrackingThread(root: string, onWarning: (message: string) => void): Promise<TrackingThread> {
  const directory = await mkdtemp(join(tmpdir(), 'hud-files-'));
  const removeNow = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeNow);
  const worker = new Worker(workerUrl(), { workerData: { root, directory }, resourceLimits: LIMITS, name: 'file tracking' });
  const waiting = new Map<number, { resolve: (json: Uint8Array) => void; reject: (error: HudError) => void }>();
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let ended: HudError | undefined;
  let isClosing = false;
  let tickets = 0;
  const end = (why: string): void => {
    if (ended !== undefined) return;
    ended = new HudError('CAPABILITY_FAILED', `File tracking of ${root} has ended: ${why}.`);
    ready.reject(ended);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    if (!isClosing) onWarning(ended.message);
  };
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'ready') ready.resolve();
    else if (message.kind === 'warning') onWarning(message.message);
    else if (message.kind === 'failed') end(message.message);
    else {
      const caller = waiting.get(message.ticket);
      waiting.delete(message.ticket);
      if (message.kind === 'answer') caller?.resolve(message.json);
      else caller?.reject(new HudError('RPC_ERROR', message.message));
    }
  });
  worker.on('error', (error: Error) => end(error.message));
  worker.on('exit', () => {
    end(isClosing ? 'it was closed' : 'its thread ended');
    exited.resolve();
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    isClosing = true;
    return (closed ??= clear());
  };
  const clear = async (): Promise<void> => {
    await stop(worker, exited.promise);
    process.off('exit', removeNow);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await ready.promise;
  } catch (error) {
    await close();
    throw error;
  }
  const call = (method: string): Promise<Uint8Array> => {
    if (ended !== undefined || isClosing) return Promise.reject(ended ?? new HudError('CAPABILITY_FAILED', 'File tracking is closed.'));
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    tickets += 1;
    waiting.set(tickets, { resolve, reject });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage({ ticket: tickets, method });
    return promise;
  };
  return { call, close };
}

/** It is let go by itself, unless a long scan holds it. */
async function stop(worker: Worker, exited: Promise<void>): Promise<void> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage('close');
  const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
  await exited;
  clearTimeout(timer);
}

/** Sources in a checkout's tests, bundles in what is installed. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './file-tracking-worker.js', import.meta.url);
}
