/** The worker's end of a measured process: one JSON line in asks for one sample, one JSON line out is its figures. */
import { createInterface } from 'node:readline';

/** What one sample measured, by name. */
export type Figures = Record<string, number>;

export type Sampler = (request: Record<string, unknown>) => Promise<Figures>;

/**
 * Answers until stdin ends, one sample at a time. The first line out says that the worker is ready.
 * A failed sample is answered with its message, so that the bench can name it.
 */
export async function answer(sample: Sampler, ready: Record<string, unknown> = {}): Promise<void> {
  write({ ready: true, ...ready });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      write({ figures: await sample(JSON.parse(line) as Record<string, unknown>) });
    } catch (error) {
      write({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
}

/** The p-quantile (0 to 1) by nearest rank. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN;
}

function write(message: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
