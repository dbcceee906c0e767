/** P24: how soon everything is over that should be over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startWorker, type Worker } from '../child.ts';
import { oursAtMost, type Context, type Contest, type Figures, type Row, type Side } from '../contract.ts';
import { freshSide, sidesWith } from '../sides.ts';

const LIVE = 1_000;
const GONE_LIMIT_MS = 60_000;
const LOOK_MS = 5;

export const p24: Row = { id: 'P24', title: 'interrupt and deadline', contests: [interrupt(), deadline()] };

function interrupt(): Contest {
  return {
    what: `Ctrl-C on ${LIVE.toLocaleString('en')} live rollouts over TCP: until the process is gone and the last task has run its clean-up`,
    reference: `bare Node with ${LIVE.toLocaleString('en')} such conversations: destroys its sockets and exits`,
    measures: [{ figure: 'goneMs', unit: 'ms', goal: oursAtMost(2_000) }],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const server = stack.use(await startWorker('serve-waiting.ts', context, { role: 'server' }));
        const floorServer = stack.use(await startWorker('floor-server.ts', context, { role: 'server' }));
        return {
          ours: freshSide('live.ts', context, { args: [String(server.ready.url), String(LIVE), 'interrupt'] }, async (driver) => {
            await driver.sample();
            if ((await server.sample()).live !== LIVE) throw new Error('Not all rollouts were live before the interrupt.');
            return await untilGone(driver, async () => (await server.sample()).live === 0);
          }),
          reference: holding(context, String(floorServer.ready.url)),
        };
      }),
  };
}

/** Interrupted in the middle of its wait, when all conversations are open. */
function holding(context: Context, url: string): Side {
  return freshSide('floor-hold.ts', context, { nodeArgs: ['--expose-gc'], args: [url, String(LIVE), '600'] }, async (holder) => {
    const ended = holder.sample({ isWork: true }).catch(() => undefined); // it is interrupted before it can answer
    await sleep(1_500);
    const figures = await untilGone(holder, async () => true);
    await ended;
    return figures;
  });
}

async function untilGone(driver: Worker, isCleanedUp: () => Promise<boolean>): Promise<Figures> {
  const startedAt = performance.now();
  process.kill(driver.pid, 'SIGINT');
  for (;;) {
    const isOver = driver.hasEnded() && (await isCleanedUp());
    const goneMs = performance.now() - startedAt;
    if (isOver) return { goneMs };
    if (goneMs > GONE_LIMIT_MS) throw new Error(`Something was still there ${GONE_LIMIT_MS} ms after the interrupt.`);
    await sleep(LOOK_MS);
  }
}

function deadline(): Contest {
  return {
    what: `${LIVE.toLocaleString('en')} rollouts over TCP into a deadline of 2 s: from a run's deadline to its verdict`,
    reference: `bare Node: ${LIVE.toLocaleString('en')} timers of 2 s, how late they fire`,
    measures: [
      { figure: 'p99', unit: 'ms late', goal: oursAtMost(50) },
      { figure: 'p50', unit: 'ms late' },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const server = stack.use(await startWorker('serve-waiting.ts', context, { role: 'server' }));
        const ours = stack.use(await startWorker('live.ts', context, { args: [String(server.ready.url), String(LIVE), 'deadline'] }));
        const timers = stack.use(await startWorker('timers.ts', context, { args: [String(LIVE)] }));
        return { ours: async () => await ours.sample(), reference: async () => await timers.sample() };
      }),
  };
}
