/** P5: an environment in a process that nobody started ahead. */
import { startWorker } from '../child.ts';
import { ratioAtMost, type Row } from '../contract.ts';
import { instantOriginal, originalSide } from '../original.ts';
import { sidesWith } from '../sides.ts';

export const p5: Row = {
  id: 'P5',
  title: 'environment process, cold',
  contests: [
    {
      what: 'LocalRuntime of a file, no pool: request to first hello, 3 a sample',
      reference: 'bare `node -e 0`, start to end, 3 a sample',
      measures: [{ figure: 'p50', unit: 'ms', goal: ratioAtMost(1.6) }],
      open: async (context) =>
        await sidesWith(async (stack) => {
          const ours = stack.use(await startWorker('places.ts', context, { args: ['cold'] }));
          const bare = stack.use(await startWorker('node-starts.ts', context));
          const original = await originalSide('places.py', context, stack, {
            args: async () => [instantOriginal],
            request: { n: 1 },
          });
          return { ours: async () => await ours.sample({ n: 3 }), reference: async () => await bare.sample({ n: 3 }), original };
        }),
    },
  ],
};
