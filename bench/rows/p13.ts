/** P13: many streams of models through the gateway at once. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { startWorker, type Worker } from '../child.ts';
import { oursAtMost, type Contest, type Context, type Row, type Side, type Sides } from '../contract.ts';
import { sidesWith } from '../sides.ts';

/** Descriptors: two sockets a stream, and what else a process has open. As many as this machine grants. */
const OPEN_FILES = Math.min(24_000, mostOpenFiles());
const OTHER_FILES = 200;
const STREAMS = Math.min(10_000, Math.floor((OPEN_FILES - OTHER_FILES) / 2));
const QUICK_STREAMS = 300;
/** Opening ten thousand takes its time. */
const SAMPLE_MS = 300_000;
const CPU_MS = 3_000;

export const p13: Row = { id: 'P13', title: 'gateway, streams', contests: [contest()] };

function contest(): Contest {
  return {
    what: `${STREAMS.toLocaleString('en')} streams at once through the gateway, an event a second each`,
    reference: "a bare proxy of Node's own HTTP, without key, budget or record",
    maxBlocks: 3,
    warmUps: 0,
    measures: [
      { figure: 'added99', unit: 'ms more than straight from sending to arrival, p99', goal: oursAtMost(10) },
      { figure: 'kib', unit: 'KiB of memory a stream', goal: oursAtMost(15) },
      { figure: 'abort', unit: 'ms until the server knows that a caller left, at most', goal: oursAtMost(50) },
      { figure: 'delay50', unit: 'ms from sending to arrival, p50' },
      { figure: 'cpu', unit: "µs of the gateway's processor time an event" },
    ],
    open,
  };
}

async function open(context: Context): Promise<Sides> {
  return await sidesWith(async (stack) => {
    const upstream = stack.use(await startWorker('model-upstream.ts', context, { openFiles: OPEN_FILES }));
    const url = String(upstream.ready.url);
    const request = context.isQuick ? { n: QUICK_STREAMS, every: 100, seconds: 2 } : { n: STREAMS, every: 1_000, seconds: 20 };
    const by = async (file: string): Promise<Side> => {
      const options = { role: 'server' as const, openFiles: OPEN_FILES, nodeArgs: ['--expose-gc'], args: [url, context.scratch.path] };
      return async () => {
        await using server = await startWorker(file, context, options);
        const args = [`${url}/v1`, String(server.ready.url), String(server.ready.key)];
        await using driver = await startWorker('gateway-streams.ts', context, { openFiles: OPEN_FILES, args });
        const straight = await driver.sample({ ...request, way: 'straight' }, SAMPLE_MS);
        await driver.sample({ what: 'close' });
        const { rss: before = 0 } = await server.sample();
        const through = await driver.sample({ ...request, way: 'through' }, SAMPLE_MS);
        const { rss: after = 0 } = await server.sample();
        const cpu = await cpuOfEvent(server, request);
        const { abort = Number.NaN } = await driver.sample({ what: 'leave' });
        await driver.sample({ what: 'close' });
        return {
          ...through,
          added99: (through.delay99 ?? 0) - (straight.delay99 ?? 0),
          kib: (after - before) / 1_024 / request.n,
          cpu,
          abort,
        };
      };
    };
    return { ours: await by('gateway.ts'), reference: await by('bare-proxy.ts') };
  });
}

/** Of streams that flow, in microseconds. */
async function cpuOfEvent(server: Worker, { n, every }: { n: number; every: number }): Promise<number> {
  const [startedAt, before] = [performance.now(), server.cpuMs()];
  await pause(CPU_MS);
  const events = (n * (performance.now() - startedAt)) / every;
  return ((server.cpuMs() - before) * 1_000) / events;
}

/** Of a process; more needs a right that few have. */
function mostOpenFiles(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return hard === undefined || hard === 'unlimited' ? Infinity : Number(hard);
}
