/** Bare Node: how late timers of 2 s fire of which as many were set as there are rollouts: node timers.ts <count> */
import { answer, quantile } from '../worker.ts';

const count = Number(process.argv[2] ?? '1');
const DEADLINE_MS = 2_000;

await answer(async () => {
  const lateMs = await Promise.all(
    Array.from({ length: count }, async () => {
      const startedAt = performance.now();
      await new Promise<void>((resolve) => setTimeout(resolve, DEADLINE_MS));
      return performance.now() - startedAt - DEADLINE_MS;
    }),
  );
  return { p50: quantile(lateMs, 0.5), p99: quantile(lateMs, 0.99), worst: Math.max(...lateMs) };
});
