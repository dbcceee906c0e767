/** P14: how fast spans of many traces get from a program, through its record on disk, to a platform that acknowledges them. */
import { startWorker, type Worker } from '../child.ts';
import { oursAtLeast, type Contest, type Measure, type Row, type Side } from '../contract.ts';
import { sidesWith } from '../sides.ts';

const SPANS = 40_000;

export const p14: Row = {
  id: 'P14',
  title: 'spans to a platform',
  contests: [
    sending({ traces: 200, characters: 1_024 }, { figure: 'rate', unit: 'spans/s', goal: oursAtLeast(40_000) }),
    sending({ traces: 1, characters: 1_024 }, { figure: 'rate', unit: 'spans/s' }),
    sending({ traces: 1_000, characters: 1_024 }, { figure: 'rate', unit: 'spans/s' }),
    sending({ traces: 200, characters: 20_480 }, { figure: 'rate', unit: 'spans/s' }),
  ],
};

interface Load {
  traces: number;
  /** Of a span's text. */
  characters: number;
}

function sending({ traces, characters }: Load, measure: Measure): Contest {
  return {
    what: `spans of ${characters / 1_024} KiB of ${traces} traces in turns: on disk, read back, without secrets, acknowledged by a counting server in a process of its own`,
    reference: 'bare Node: the same as JSON from memory to the same server, 1,000 a request, one after another',
    warmUps: 1,
    measures: [
      measure,
      { figure: 'appendRate', unit: 'spans/s until the program is done' },
      { figure: 'stallMs', unit: 'ms p99 that its loop waits' },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const n = Math.ceil((context.isQuick ? SPANS / 4 : SPANS) / Math.max(1, characters / 4_096));
        const server = stack.use(await startWorker('counting-platform.ts', context, { role: 'server' }));
        const shape = [String(traces), String(characters)];
        const folder = await context.scratch.folder('p14');
        const client = stack.use(await startWorker('telemetry.ts', context, { args: [String(server.ready.url), folder, ...shape] }));
        const floor = stack.use(await startWorker('telemetry-floor.ts', context, { args: [String(server.ready.url), ...shape] }));
        return { ours: counted(server, client, n), reference: counted(server, floor, n) };
      }),
  };
}

/** What the server saw decides. */
function counted(server: Worker, sender: Worker, n: number): Side {
  return async () => {
    await server.sample();
    const figures = await sender.sample({ n });
    const { spans } = await server.sample();
    if (spans !== n) throw new Error(`${n} spans were sent, ${spans} came.`);
    return figures;
  };
}
