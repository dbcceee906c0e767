/** P1: whole rollouts of an agent that answers at once; what they cost is the framework. */
import { startWorker, type Worker } from '../child.ts';
import { oursAtLeast, ratioAtLeast, type Context, type Contest, type Measure, type Row, type Side, type Sides } from '../contract.ts';
import { instantOriginal, originalSide, serveOriginal } from '../original.ts';

const AT_ONCE = 16;

const COSTS: readonly Measure[] = [
  { figure: 'driverCpuMs', unit: 'CPU-ms per rollout' },
  { figure: 'serverCpuMs', unit: 'CPU-ms per rollout' },
];
const floor = (atOnce: number): string =>
  `bare Node, newline JSON: connect, three calls, close; server in a process of its own, ${atOnce === 1 ? 'one after another' : `${atOnce} at once`}`;

interface Kind {
  isStored: boolean;
  /** To a real platform in a process of its own. */
  isReported?: boolean;
  atOnce: number;
  floorAtOnce: number;
}

/** The goals are shares of the bare loop that does one after another; the same loop with as many at once stands beside it. */
export const p1: Row = {
  id: 'P1',
  title: 'instant rollouts',
  contests: [
    overTcp({ isStored: false, atOnce: AT_ONCE, floorAtOnce: 1 }, 0.6),
    overTcp({ isStored: true, atOnce: AT_ONCE, floorAtOnce: 1 }, 0.5),
    overTcp({ isStored: true, isReported: true, atOnce: AT_ONCE, floorAtOnce: 1 }, 0.5),
    overTcp({ isStored: false, atOnce: AT_ONCE, floorAtOnce: AT_ONCE }),
    overTcp({ isStored: false, atOnce: 1, floorAtOnce: 1 }),
    inProcess(),
  ],
};

function overTcp(kind: Kind, goal?: number): Contest {
  const { isStored, isReported = false, atOnce, floorAtOnce } = kind;
  const kept = isReported
    ? 'every step and verdict on disk, and acknowledged by a platform that has it on its own'
    : 'every step and verdict on disk';
  return {
    what: `over TCP, ${isStored ? kept : 'nothing stored'}, ${atOnce === 1 ? 'one after another' : `${atOnce} at once`}`,
    reference: floor(floorAtOnce),
    warmUps: 2,
    measures: [{ figure: 'rate', unit: 'rollouts/s', ...(goal === undefined ? {} : { goal: ratioAtLeast(goal) }) }, ...COSTS],
    open: async (context) => await openTcp(context, kind),
  };
}

async function openTcp(context: Context, { isStored, isReported = false, atOnce, floorAtOnce }: Kind): Promise<Sides> {
  await using stack = new AsyncDisposableStack();
  const n = context.isQuick ? 1_000 : 3_000;
  const folder = isStored ? await context.scratch.folder('p1') : 'none';
  const server = stack.use(await startWorker('serve.ts', context, { role: 'server' }));
  const env = isReported ? await reportTo(context, stack) : { HUD_TELEMETRY_ENABLED: 'false' };
  const driver = stack.use(await startWorker('rollouts.ts', context, { args: [String(server.ready.url), String(atOnce), folder], env }));
  const floorServer = stack.use(await startWorker('floor-server.ts', context, { role: 'server' }));
  const bare = stack.use(await startWorker('floor-client.ts', context, { args: [String(floorServer.ready.url), String(floorAtOnce)] }));
  const original = isStored ? { absent: 'it keeps no such record' } : await openOriginal(context, stack, atOnce);
  const owned = stack.move();
  return {
    ours: withServerCpu(driver, server, n),
    reference: withServerCpu(bare, floorServer, n),
    original,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

/** A platform of its own. @returns what names it to the driver */
async function reportTo(context: Context, stack: AsyncDisposableStack): Promise<Record<string, string>> {
  const args = [await context.scratch.folder('p1-platform')];
  const { ready } = stack.use(await startWorker('platform-server.ts', context, { role: 'server', args }));
  return { HUD_API_URL: String(ready.url), HUD_API_KEY: String(ready.key), HUD_TELEMETRY_ENABLED: 'true' };
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
    reference: floor(AT_ONCE),
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
      const bare = stack.use(await startWorker('floor-client.ts', context, { args: [String(floorServer.ready.url), String(AT_ONCE)] }));
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
      return { ours: cost(driver), reference: cost(bare), original, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
    },
  };
}
