/** P6: an environment in a process that was started ahead. */
import { startWorker } from '../child.ts';
import { oursAtMost, type Row } from '../contract.ts';
import { sidesWith } from '../sides.ts';

/** Between requests, in milliseconds: long enough to start the next process, as an agent that thinks would be. */
const PAUSE_MS = 500;

export const p6: Row = {
  id: 'P6',
  title: 'environment process, warm',
  contests: [
    {
      what: `LocalRuntime of a file within open(): request to first hello, 10 a sample, ${PAUSE_MS} ms apart`,
      reference: 'bare Node: connect and one call, server running',
      measures: [
        { figure: 'p50', unit: 'ms', goal: oursAtMost(3) },
        { figure: 'worst', unit: 'ms, of 10', goal: oursAtMost(10) },
      ],
      open: async (context) =>
        await sidesWith(async (stack) => {
          const request = { n: context.isQuick ? 4 : 10, pauseMs: PAUSE_MS };
          const ours = stack.use(await startWorker('places.ts', context, { args: ['warm'] }));
          const server = stack.use(await startWorker('floor-server.ts', context, { role: 'server' }));
          const bare = stack.use(await startWorker('floor-connect.ts', context, { args: [String(server.ready.url)] }));
          return {
            ours: async () => await ours.sample(request),
            reference: async () => await bare.sample(request),
            original: { absent: 'it starts no process ahead' },
          };
        }),
    },
  ],
};
