/**
 * Many rollouts in one process, job after job, and whether its memory and descriptors stay level:
 *
 *   npm run soak [-- --rollouts 200000 --job 2000]
 *
 * Real TCP to an environment in a process of its own, everything recorded. The slope is that of a line
 * through the readings after each job, without the first fifth, in which caches and the engine's heap grow.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseArgs } from 'node:util';
import { Runtime, Task, Taskset, defineAgent } from 'hud';
import { openStore } from 'hud/store';
import { startWorker } from './child.ts';
import { makeScratch } from './scratch.ts';

const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;
/** Of R7 of what is promised: at most this much per hundred thousand rollouts. */
const MAX_MIB_PER_100K = 1;

interface Reading {
  rollouts: number;
  heapMib: number;
  rssMib: number;
  descriptors: number;
  perSecond: number;
}

process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { rollouts: { type: 'string' }, job: { type: 'string' } } });
  const [rollouts, perJob] = [Number(values.rollouts ?? 200_000), Number(values.job ?? 2_000)];
  await using scratch = await makeScratch(join(tmpdir(), 'hud-soak'));
  await using server = await startWorker('serve.ts', { isPinned: false }, { role: 'server' });
  await using store = await openStore({ directory: await scratch.folder('store') });
  const tasks = new Taskset(
    'soak',
    Array.from({ length: perJob }, (_, i) => new Task({ env: 'instant', id: 'go', slug: `s${i}` })),
  );
  const agent = defineAgent(async (run) => void (run.trace.content = 'ok'), { name: 'instant' });
  const runtime = new Runtime(String(server.ready.url));
  const collect = garbageCollector();
  const readings: Reading[] = [];
  for (let done = 0; done < rollouts; done += perJob) {
    const startedAt = performance.now();
    const job = await tasks.run(agent, { runtime, store, maxConcurrent: 64 });
    if (job.summary().n !== perJob)
      throw new Error(`only ${job.summary().n} of ${perJob} were graded: ${JSON.stringify(job.summary().excluded)}`);
    collect();
    readings.push(read(done + perJob, (perJob / (performance.now() - startedAt)) * 1000));
    if (readings.length % 10 === 0) tell(readings.at(-1) as Reading);
  }
  return verdict(readings);
}

function read(rollouts: number, perSecond: number): Reading {
  return {
    rollouts,
    heapMib: process.memoryUsage().heapUsed / MIB,
    rssMib: (Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * PAGE_BYTES) / MIB,
    descriptors: readdirSync('/proc/self/fd').length,
    perSecond,
  };
}

function tell({ rollouts, heapMib, rssMib, descriptors, perSecond }: Reading): void {
  const parts = [`heap ${heapMib.toFixed(1)} MiB`, `resident ${rssMib.toFixed(0)} MiB`, `${descriptors} descriptors`];
  process.stdout.write(`${String(rollouts).padStart(8)} rollouts   ${parts.join('   ')}   ${perSecond.toFixed(0)}/s\n`);
}

function verdict(readings: readonly Reading[]): boolean {
  const settled = readings.slice(Math.floor(readings.length / 5));
  const per100k = (pick: (reading: Reading) => number): number =>
    slope(settled.map((reading) => [reading.rollouts, pick(reading)])) * 100_000;
  const heap = per100k(({ heapMib }) => heapMib);
  const rss = per100k(({ rssMib }) => rssMib);
  const descriptors = per100k((reading) => reading.descriptors);
  const isFlat = heap <= MAX_MIB_PER_100K && Math.abs(descriptors) < 1;
  process.stdout.write(
    `per 100,000 rollouts: heap ${heap.toFixed(2)} MiB, resident ${rss.toFixed(2)} MiB, descriptors ${descriptors.toFixed(2)}: ${isFlat ? 'level' : 'NOT LEVEL'}\n`,
  );
  return isFlat;
}

/** Least squares. */
function slope(points: readonly [x: number, y: number][]): number {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const over = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return over / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
