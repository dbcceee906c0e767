/** P19: what a kill costs afterwards, and what being safe from it costs before. */
import { cp } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startWorker } from '../child.ts';
import { oursAtMost, ratioAtLeast, type Context, type Contest, type Figures, type Row, type Side } from '../contract.ts';
import { sidesWith } from '../sides.ts';

const ROWS = 10_000;

export const p19: Row = {
  id: 'P19',
  title: 'going on after kill -9',
  contests: [
    {
      what: `a job of ${ROWS.toLocaleString('en')} rows, killed half-way: start of a new process to its next rollout`,
      reference: 'bare Node: start, open the same database, read every row of it',
      measures: [
        { figure: 'seconds', unit: 's', goal: oursAtMost(1) },
        { figure: 'kept', unit: 'verdicts kept' },
      ],
      open: async (context) =>
        await sidesWith(async () => {
          const killed = await killedJob(context);
          const fresh = async (): Promise<string> => {
            const folder = await context.scratch.folder('p19');
            await cp(killed.folder, folder, { recursive: true });
            return folder;
          };
          return { ours: resuming(context, killed, fresh), reference: reading(context, fresh) };
        }),
    },
    // One short model call is the least that a real rollout does; the two below show where the cost would begin to matter.
    recording({ agentMs: 1_000, atOnce: 256, n: 1_024, goal: ratioAtLeast(0.97) }),
    recording({ agentMs: 100, atOnce: 32, n: 640 }),
    recording({ agentMs: 0, atOnce: 16, n: 3_000 }),
  ],
};

interface Killed {
  folder: string;
  job: string;
  /** Told to the driver before it was killed. */
  verdicts: number;
}

/** Runs the job until half of its verdicts were told, then kills the driver. */
async function killedJob(context: Context): Promise<Killed> {
  const folder = await context.scratch.folder('p19-killed');
  await using worker = await startWorker('job.ts', context, { args: ['begin', folder, String(ROWS)] });
  for (;;) {
    const { verdicts = 0 } = await worker.sample();
    if (verdicts >= ROWS / 2) {
      process.kill(worker.pid, 'SIGKILL');
      return { folder, job: String(worker.ready.job), verdicts };
    }
    await sleep(20);
  }
}

function resuming(context: Context, { job, verdicts }: Killed, fresh: () => Promise<string>): Side {
  return async (): Promise<Figures> => {
    const folder = await fresh();
    const startedAt = performance.now();
    await using worker = await startWorker('job.ts', context, { args: ['resume', folder, String(ROWS), job] });
    const seconds = (performance.now() - startedAt) / 1000;
    const { kept = 0 } = await worker.sample();
    if (kept < verdicts) throw new Error(`${verdicts} verdicts were told before the kill, ${kept} were kept.`);
    return { seconds, kept };
  };
}

function reading(context: Context, fresh: () => Promise<string>): Side {
  return async () => {
    const folder = await fresh();
    const startedAt = performance.now();
    await using _worker = await startWorker('read-database.ts', context, { args: [folder] });
    return { seconds: (performance.now() - startedAt) / 1000 };
  };
}

/** The same rollouts with and without a record. */
function recording({
  agentMs,
  atOnce,
  n,
  goal,
}: {
  agentMs: number;
  atOnce: number;
  n: number;
  goal?: ReturnType<typeof ratioAtLeast>;
}): Contest {
  return {
    what: `rollouts with the record on, agents that take ${agentMs} ms, ${atOnce} at once, in process`,
    reference: 'the same with the record off',
    warmUps: agentMs < 1_000 ? 2 : 1,
    measures: [{ figure: 'rate', unit: 'rollouts/s', ...(goal === undefined ? {} : { goal }) }],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const folder = await context.scratch.folder('p19-record');
        const args = (store: string): string[] => ['memory', String(atOnce), store, String(agentMs)];
        const on = stack.use(await startWorker('rollouts.ts', context, { args: args(folder) }));
        const off = stack.use(await startWorker('rollouts.ts', context, { args: args('none') }));
        const request = { n: context.isQuick ? Math.round(n / 2) : n };
        return { ours: async () => await on.sample(request), reference: async () => await off.sample(request) };
      }),
  };
}
