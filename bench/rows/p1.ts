/** P1: whole rollouts of an agent that answers at once; what they cost is the framework. */
import { startWorker, type Worker } from '../child.ts';
import { oursAtLeast, ratioAtLeast, type Context, type Contest, type Measure, type Row, type Side, type Sides } from '../contract.ts';
import { instantOriginal, originalSide, serveOriginal } from '../original.ts';

const AT_ONCE = 16;

const COSTS: readonly Measure[] = [
  { figure: 'driverCpuMs', unit: 'CPU-ms per rollout' },
  { figure: 'serverCpuMs', unit: 'CPU-ms per rollout' },
];
const FLOOR = `bare Node, newline JSON: connect, three calls, close; server in a process of its own, ${AT_ONCE} at once`;

interface Kind {
  isStored: boolean;
  /** @default 16 */
  atOnce?: number;
}

export const p1: Row = {
  id: 'P1',
  title: 'instant rollouts',
  contests: [
    {
      what: `over TCP, nothing stored, ${AT_ONCE} at once, one server process`,
      reference: FLOOR,
      warmUps: 2,
      measures: [{ figure: 'rate', unit: 'rollouts/s', goal: ratioAtLeast(0.6) }, ...COSTS],
      open: async (context) => await openTcp(context, { isStored: false }),
    },
    {
      what: `over TCP, every step and verdict on disk, ${AT_ONCE} at once`,
      reference: FLOOR,
      warmUps: 2,
      measures: [{ figure: 'rate', unit: 'rollouts/s', goal: ratioAtLeast(0.5) }, ...COSTS],
      open: async (context) => await openTcp(context, { isStored: true }),
    },
    {
      what: 'over TCP, nothing stored, one after another',
      reference: FLOOR.replace(`${AT_ONCE} at once`, 'one after another'),
      warmUps: 2,
      measures: [{ figure: 'rate', unit: 'rollouts/s', goal: ratioAtLeast(0.6) }, ...COSTS],
      open: async (context) => await openTcp(context, { isStored: false, atOnce: 1 }),
    },
    inProcess(),
  ],
};

async function openTcp(context: Context, { isStored, atOnce = AT_ONCE }: Kind): Promise<Sides> {
  await using stack = new AsyncDisposableStack();
  const n = context.isQuick ? 1_000 : 3_000;
  const folder = isStored ? await context.scratch.folder('p1') : 'none';
  const server = stack.use(await startWorker('serve.ts', context, { role: 'server' }));
  const driver = stack.use(await startWorker('rollouts.ts', context, { args: [String(server.ready.url), String(atOnce), folder] }));
  const floorServer = stack.use(await startWorker('floor-server.ts', context, { role: 'server' }));
  const floor = stack.use(await startWorker('floor-client.ts', context, { args: [String(floorServer.ready.url), String(atOnce)] }));
  const original = isStored ? { absent: 'it keeps no such record' } : await openOriginal(context, stack, atOnce);
  const owned = stack.move();
  return {
    ours: withServerCpu(driver, server, n),
    reference: withServerCpu(floor, floorServer, n),
    original,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

async function openOriginal(context: Context, stack: AsyncDisposableStack, atOnce: number): Promise<Sides['original']> {
  return await originalSide('rollouts.py', context, stack, {
    args: async (python) => [await serveOriginal(python, context, stack), String(atOnce)],
    request: { n: context.isQuick ? 200 : 500 },
  });
}

function withServerCpu(driver: Worker, server: Worker, n: number): Side {
  return async () => {
    const before = server.cpuMs();
    const driverBefore = driver.cpuMs();
    const figures = await driver.sample({ n });
    return { ...figures, driverCpuMs: (driver.cpuMs() - driverBefore) / n, serverCpuMs: (server.cpuMs() - before) / n };
  };
}

/** The environment is made afresh for each rollout and lives in the driver's process. */
function inProcess(): Contest {
  return {
    what: `in process, nothing stored, ${AT_ONCE} at once`,
    reference: FLOOR,
    warmUps: 2,
    measures: [
      { figure: 'rate', unit: 'rollouts/s', goal: oursAtLeast(5_000) },
      { figure: 'driverCpuMs', unit: 'CPU-ms per rollout' },
    ],
    open: async (context) => {
      await using stack = new AsyncDisposableStack();
      const n = context.isQuick ? 1_000 : 3_000;
      const driver = stack.use(await startWorker('rollouts.ts', context, { args: ['memory', String(AT_ONCE), 'none'] }));
      const floorServer = stack.use(await startWorker('floor-server.ts', context, { role: 'server' }));
      const floor = stack.use(await startWorker('floor-client.ts', context, { args: [String(floorServer.ready.url), String(AT_ONCE)] }));
      const original = await originalSide('rollouts.py', context, stack, {
        args: async () => [instantOriginal, String(AT_ONCE)],
        request: { n: context.isQuick ? 200 : 500 },
      });
      const owned = stack.move();
      const cost =
        (worker: Worker): Side =>
        async () => {
          const before = worker.cpuMs();
          const figures = await worker.sample({ n });
          return { ...figures, driverCpuMs: (worker.cpuMs() - before) / n };
        };
      return { ours: cost(driver), reference: cost(floor), original, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
    },
  };
}
