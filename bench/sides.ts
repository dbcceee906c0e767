/** Shapes of sides that several rows share. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startWorker, type Worker, type WorkerOptions } from './child.ts';
import type { Context, Figures, Side, Sides } from './contract.ts';

type Parts = Omit<Sides, typeof Symbol.asyncDispose>;

const PAGE_BYTES = 4096;
const RSS_EVERY_MS = 50;

/**
 * Sides that own workers: what `make` puts on the stack is stopped with them, or at once when it throws.
 */
export async function sidesWith(make: (stack: AsyncDisposableStack) => Promise<Parts>): Promise<Sides> {
  await using stack = new AsyncDisposableStack();
  const parts = await make(stack);
  const owned = stack.move();
  return { ...parts, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}

/** A process of its own for every sample, so that none finds the heap of the one before. */
export function freshSide(file: string, context: Context, options: WorkerOptions = {}, use = sampleOnce): Side {
  return async () => {
    await using worker = await startWorker(file, context, options);
    return await use(worker);
  };
}

async function sampleOnce(worker: Worker): Promise<Figures> {
  return await worker.sample();
}

/** Duration of one start of a command to its end, averaged over `times`, in milliseconds. */
export function startsOf(command: string, args: readonly string[], times: number, env: Record<string, string | undefined> = {}): Side {
  return async () => {
    const startedAt = performance.now();
    for (let i = 0; i < times; i += 1) await runToEnd(command, args, env);
    return { ms: (performance.now() - startedAt) / times };
  };
}

/** @throws Error when it ends with another code than 0 */
async function runToEnd(command: string, args: readonly string[], env: Record<string, string | undefined>): Promise<void> {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.on('error', reject);
  child.on('close', (code, signal) =>
    code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? `code ${code}`}.`)),
  );
  await promise;
}

/** Resident memory, in bytes. @throws Error when the process is gone */
export function rssBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
}

/** Highest resident memory while the work runs, looked at every 50 ms. */
export async function peakRss<T>(pid: number, work: Promise<T>): Promise<{ value: T; peakBytes: number }> {
  let peakBytes = rssBytes(pid);
  const timer = setInterval(() => {
    try {
      peakBytes = Math.max(peakBytes, rssBytes(pid));
    } catch {
      clearInterval(timer); // it ended: the work's own rejection says so
    }
  }, RSS_EVERY_MS);
  try {
    return { value: await work, peakBytes };
  } finally {
    clearInterval(timer);
  }
}
