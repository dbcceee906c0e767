/**
 * Loads a task file once; needs --expose-gc. Resident memory counts from the loaded program to the loaded rows.
 *
 *   node --expose-gc load.ts sdk|parse <path>
 */
import { readFileSync } from 'node:fs';
import { Taskset } from 'hud';
import { answer } from '../worker.ts';

const [how, path = ''] = process.argv.slice(2);
const MIB = 1024 * 1024;

await answer(async () => {
  globalThis.gc?.();
  const before = process.memoryUsage();
  const startedAt = performance.now();
  const rows = how === 'sdk' ? await Taskset.fromFile(path) : parse();
  const seconds = (performance.now() - startedAt) / 1000;
  const rss = process.memoryUsage().rss;
  globalThis.gc?.();
  const held = process.memoryUsage().heapUsed;
  const count = 'size' in rows ? rows.size : rows.length;
  return {
    seconds,
    rows: count,
    rssMiB: (rss - before.rss) / MIB,
    heldMiB: (held - before.heapUsed) / MIB,
    peakMiB: (peakRss() - before.rss) / MIB,
  };
});

function parse(): unknown[] {
  const text = readFileSync(path, 'utf8');
  if (path.endsWith('.json')) return JSON.parse(text) as unknown[];
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

function peakRss(): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
