/** P15: how fast spans are taken in, when each is acknowledged only once the disk has it. */
import { startWorker, type Worker } from '../child.ts';
import { oursAtLeast, oursAtMost, type Row, type Side } from '../contract.ts';
import { sidesWith } from '../sides.ts';

const SPANS = 40_000;

export const p15: Row = {
  id: 'P15',
  title: 'durable ingest of spans',
  contests: [
    {
      what: 'spans of 1 KiB of 200 traces over HTTP to the platform in its own process, checked, stored, indexed, acknowledged after fsync; 4 connections, 200 a request',
      reference: 'bare Node: the same rows into SQLite with the same indexes, in process, fsync after each 200',
      measures: [
        { figure: 'rate', unit: 'spans/s', goal: oursAtLeast(20_000) },
        { figure: 'ackP99Ms', unit: 'ms p99 to the acknowledgement', goal: oursAtMost(50) },
      ],
      open: async (context) =>
        await sidesWith(async (stack) => {
          const folder = await context.scratch.folder('p15');
          const server = stack.use(await startWorker('platform-server.ts', context, { args: [folder], role: 'server' }));
          const args = [String(server.ready.url), String(server.ready.key)];
          const client = stack.use(await startWorker('ingest-client.ts', context, { args }));
          const floor = stack.use(await startWorker('sqlite-inserts.ts', context, { args: [await context.scratch.folder('p15-floor')] }));
          const n = context.isQuick ? SPANS / 4 : SPANS;
          return { ours: stored(server, client, n), reference: async () => await floor.sample({ n }) };
        }),
    },
  ],
};

/** Counts what is in the record: an acknowledgement alone has no speed. */
function stored(server: Worker, client: Worker, n: number): Side {
  return async () => {
    const before = await server.sample();
    const figures = await client.sample({ n });
    const after = await server.sample();
    const added = (after.spans ?? 0) - (before.spans ?? 0);
    if (added !== n) throw new Error(`${n} spans were acknowledged, ${added} were stored.`);
    return figures;
  };
}
