/**
 * From asking for an environment in a process of its own to its first `hello`.
 *
 *   node places.ts cold          one process started for each
 *   node places.ts warm          from processes started ahead, with a pause between requests
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalRuntime, Task, connect } from 'hud';
import { answer, quantile } from '../worker.ts';

const isWarm = process.argv[2] === 'warm';
const provider = new LocalRuntime(join(import.meta.dirname, 'instant-env.ts'));
const task = new Task({ env: 'instant', id: 'go' });
await using scope = isWarm ? await provider.open() : undefined;
if (scope !== undefined) await once(); // the pool begins to fill with the first request

await answer(async ({ n, pauseMs = 0 }) => {
  const tookMs: number[] = [];
  for (let i = 0; i < Number(n); i += 1) {
    await sleep(Number(pauseMs));
    tookMs.push(await once());
  }
  return { p50: quantile(tookMs, 0.5), worst: Math.max(...tookMs) };
});

async function once(): Promise<number> {
  const startedAt = performance.now();
  await using lease = await provider.acquire(task, { signal: AbortSignal.timeout(60_000) });
  await using _client = await connect(lease);
  return performance.now() - startedAt;
}
