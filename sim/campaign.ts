/** Many seeds over some real processes, each of which is replaced now and then. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SimOptions } from './options.ts';
import type { Played } from './play.ts';
import type { Batch } from './worker.ts';

export interface CampaignResult {
  played: number;
  failures: Played[];
  seconds: number;
  faults: Record<string, number>;
  attempts: number;
  events: number;
  /** Virtual. */
  lastedMs: number;
}

export interface Progress {
  everyMs: number;
  onProgress: (soFar: CampaignResult) => void;
}

const BATCH = 50;
/** Worlds leave things behind that only the end of their real process clears away. */
const BATCHES_A_PROCESS = 40;
/** Real time after which a seed counts as one that never ends. */
const STALLED_MS = 120_000;

/** @returns what every seed came to; one that stalls or kills its worker is a failure, too */
export async function runCampaign(options: SimOptions, progress?: Progress): Promise<CampaignResult> {
  const startedAt = performance.now();
  const result: CampaignResult = { played: 0, failures: [], seconds: 0, faults: {}, attempts: 0, events: 0, lastedMs: 0 };
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  let next = options.from;
  const end = options.from + options.seeds;
  const nextBatch = (): Batch | undefined => {
    if (next >= end || seconds() >= options.minutes * 60) return undefined;
    const batch = { from: next, count: Math.min(BATCH, end - next), plant: options.plant };
    next += batch.count;
    return batch;
  };
  const timer =
    progress === undefined ? undefined : setInterval(() => progress.onProgress({ ...result, seconds: seconds() }), progress.everyMs);
  try {
    await Promise.all(Array.from({ length: options.workers }, async () => await lane(nextBatch, (played) => count(result, played))));
  } finally {
    clearInterval(timer);
  }
  result.failures.sort((a, b) => a.seed - b.seed);
  return { ...result, seconds: seconds() };
}

async function lane(nextBatch: () => Batch | undefined, onPlayed: (played: Played) => void): Promise<void> {
  let batch = nextBatch();
  while (batch !== undefined) {
    const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), { execArgv: [] });
    try {
      for (let i = 0; i < BATCHES_A_PROCESS && batch !== undefined && worker.connected; i++) {
        await playBatch(worker, batch, onPlayed);
        batch = nextBatch();
      }
    } finally {
      await ended(worker);
    }
  }
}

/** Settles when the batch is played, or its worker is lost; then the rest of the batch is given up. */
async function playBatch(worker: ChildProcess, batch: Batch, onPlayed: (played: Played) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let seed = batch.from;
  const lost = (why: string): void => {
    onPlayed({ seed, fingerprint: '', events: 0, attempts: 0, lastedMs: 0, faults: {}, violation: { invariant: 'error', message: why } });
    worker.kill('SIGKILL');
    resolve();
  };
  const onExit = (code: number | null): void => lost(`its process ended with ${code}`);
  const stalled = setTimeout(() => lost(`it did not end within ${STALLED_MS / 1000} s of real time`), STALLED_MS);
  const onMessage = (played: Played): void => {
    stalled.refresh();
    onPlayed(played);
    seed = played.seed + 1;
    if (seed === batch.from + batch.count) resolve();
  };
  worker.on('message', onMessage).once('exit', onExit);
  worker.send(batch);
  await promise;
  clearTimeout(stalled);
  worker.off('message', onMessage).off('exit', onExit);
}

async function ended(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.once('exit', () => resolve());
  if (worker.connected) worker.disconnect();
  await promise;
}

function count(result: CampaignResult, played: Played): void {
  result.played += 1;
  result.attempts += played.attempts;
  result.events += played.events;
  result.lastedMs += played.lastedMs;
  for (const [kind, times] of Object.entries(played.faults)) result.faults[kind] = (result.faults[kind] ?? 0) + times;
  if (played.violation !== undefined) result.failures.push(played);
}
