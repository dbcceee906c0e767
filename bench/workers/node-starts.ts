/** Starts of a bare `node -e 0`, each to its end, in milliseconds. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { answer, quantile } from '../worker.ts';

await answer(async ({ n }) => {
  const tookMs: number[] = [];
  for (let i = 0; i < Number(n); i += 1) {
    const startedAt = performance.now();
    await once(spawn(process.execPath, ['-e', '0'], { stdio: ['ignore', 'pipe', 'pipe'] }), 'close');
    tookMs.push(performance.now() - startedAt);
  }
  return { p50: quantile(tookMs, 0.5), worst: Math.max(...tookMs) };
});
