/** P2 and P3: how many rollouts wait at once, and what each takes of the driver's memory meanwhile. */
import { startWorker, type WorkerOptions } from '../child.ts';
import { oursAtLeast, oursAtMost, type Contest, type Context, type Figures, type Measure, type Row, type Side } from '../contract.ts';
import { freshSide, peakRss, rssBytes, sidesWith } from '../sides.ts';

const KIB = 1024;
const MEMORY_BLOCKS = 5;

const perRollout = (value: number): Measure[] => [
  { figure: 'kibEach', unit: 'KiB resident per rollout in flight', goal: oursAtMost(value) },
  { figure: 'wallSeconds', unit: 's for all' },
];
const allInFlight = (n: number): Measure => ({ figure: 'mostInFlight', unit: 'rollouts at once', goal: oursAtLeast(n) });

export const p2: Row = {
  id: 'P2',
  also: ['P3'],
  title: 'rollouts in flight, agents that wait (P2 concurrency, P3 memory)',
  contests: [
    inFlight({ n: 1_000, place: 'tcp', measures: [...perRollout(12), allInFlight(1_000)] }),
    inFlight({ n: 10_000, place: 'tcp', measures: [...perRollout(12), allInFlight(10_000)] }),
    inFlight({ n: 10_000, place: 'memory', measures: [...perRollout(12), allInFlight(10_000)] }),
    inFlight({ n: 10_000, place: 'memory', openFiles: 1_024, measures: [...perRollout(12), allInFlight(10_000)] }),
    inFlight({
      n: 10_000,
      place: 'tcp',
      openFiles: 1_024,
      measures: [{ figure: 'graded', unit: 'rollouts', goal: oursAtLeast(10_000) }, ...peaks()],
    }),
    queued(),
  ],
};

function peaks(): Measure[] {
  return [
    { figure: 'mostInFlight', unit: 'rollouts at once' },
    { figure: 'wallSeconds', unit: 's for all' },
  ];
}

interface Kind {
  n: number;
  place: 'tcp' | 'memory';
  openFiles?: number;
  measures: Measure[];
}

function inFlight({ n, place, openFiles, measures }: Kind): Contest {
  const where = place === 'tcp' ? 'over TCP' : 'in process, environments in the same heap';
  const rollouts = n.toLocaleString('en');
  const [under, without] = openFiles === undefined ? ['', ''] : [`, driver under ulimit -n ${openFiles}`, ', without that limit'];
  return {
    what: `${rollouts} rollouts ${where}${under}, nothing stored, no limit asked for`,
    reference: `bare Node holding ${rollouts} such conversations over TCP${without}`,
    measures,
    maxBlocks: MEMORY_BLOCKS,
    isTimed: false,
    warmUps: 0,
    open: async (context) =>
      await sidesWith(async (stack) => {
        const seconds = String(waitSeconds(n, openFiles, context));
        const server = stack.use(await startWorker('serve-waiting.ts', context, { role: 'server' }));
        const floorServer = stack.use(await startWorker('floor-server.ts', context, { role: 'server' }));
        const url = place === 'tcp' ? String(server.ready.url) : 'memory';
        const limit = openFiles === undefined ? {} : { openFiles };
        return {
          ours: memorySide('in-flight.ts', context, { args: [url, String(n), seconds], ...limit }),
          reference: memorySide('floor-hold.ts', context, { args: [String(floorServer.ready.url), String(n), seconds] }),
        };
      }),
  };
}

/** Long enough that the last begins before the first ends, where all can be in flight; else short. */
function waitSeconds(n: number, openFiles: number | undefined, { isQuick }: Context): number {
  if (openFiles !== undefined) return 2;
  return n > 1_000 || !isQuick ? 20 : 5;
}

function memorySide(file: string, context: Context, options: WorkerOptions): Side {
  return freshSide(file, context, { nodeArgs: ['--expose-gc'], ...options }, async (worker): Promise<Figures> => {
    await worker.sample({ isWork: false });
    const base = rssBytes(worker.pid);
    const { value, peakBytes } = await peakRss(worker.pid, worker.sample({ isWork: true }, 300_000));
    return { ...value, kibEach: (peakBytes - base) / KIB / (value.mostInFlight ?? Number.NaN) };
  });
}

function queued(): Contest {
  return {
    what: '100,000 rows of which 16 run, 1 s after the start: memory of those that wait',
    reference: '100,000 bare objects of five fields',
    measures: [{ figure: 'rssMiB', unit: 'MiB resident', goal: oursAtMost(50) }],
    maxBlocks: MEMORY_BLOCKS,
    isTimed: false,
    warmUps: 0,
    open: async (context) =>
      await sidesWith(async () => {
        const side = (how: string): Side => freshSide('queued.ts', context, { nodeArgs: ['--expose-gc'], args: [how] });
        return { ours: side('sdk'), reference: side('objects') };
      }),
  };
}
