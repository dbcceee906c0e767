/** How long somebody waits for a platform: some time while it answers, less while it does not. */
import { sleep, type Host } from '../../host/host.ts';

const LOOK_MS = 50;

/**
 * @param ms longest wait; `awayMs`: how long of it without an answer at a stretch
 * @returns what the work gives, false when time is up first; the work goes on
 */
export async function within(
  work: Promise<boolean>,
  { ms, awayMs, host, isAway, signal }: { ms: number; awayMs: number; host: Host; isAway: () => boolean; signal?: AbortSignal },
): Promise<boolean> {
  const over = new AbortController();
  try {
    return await Promise.race([work, patience()]);
  } finally {
    over.abort();
  }

  async function patience(): Promise<boolean> {
    const startedAt = host.monotonic();
    let lastAnswer = startedAt;
    for (;;) {
      try {
        await sleep(host, LOOK_MS, over.signal);
      } catch {
        return false; // the work was faster
      }
      const now = host.monotonic();
      if (!isAway()) lastAnswer = now;
      if (now - startedAt >= ms || now - lastAnswer >= awayMs || signal?.aborted === true) return false;
    }
  }
}
