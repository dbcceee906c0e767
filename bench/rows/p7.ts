/** P7: how soon a fresh sandbox has run its first command, and how many are made in a second. */
import { startWorker } from '../child.ts';
import { oursAtLeast, oursAtMost, type Context, type Contest, type Measure, type Row, type Sides } from '../contract.ts';
import { originalSide } from '../original.ts';
import { sidesWith } from '../sides.ts';
import { openFolder } from '../workspaces.ts';

const SIDE_BY_SIDE = 4;

export const p7: Row = {
  id: 'P7',
  title: 'sandbox ready',
  contests: [
    making({
      atOnce: 1,
      measures: [
        { figure: 'p50', unit: 'ms', goal: oursAtMost(25) },
        { figure: 'worst', unit: 'ms' },
      ],
    }),
    making({ atOnce: SIDE_BY_SIDE, measures: [{ figure: 'rate', unit: 'sandboxes/s, ended as well', goal: oursAtLeast(60) }] }),
  ],
};

function making({ atOnce, measures }: { atOnce: number; measures: readonly Measure[] }): Contest {
  const how = atOnce === 1 ? 'one after another' : `${atOnce} at once`;
  return {
    what: `a workspace made, its server connected to, and the end of its first \`true\`, ${how}`,
    reference: `bare bwrap with the same walls and mounts running \`true\`, ${how}`,
    measures,
    warmUps: 2,
    open: async (context) => await open(context, atOnce),
  };
}

async function open(context: Context, atOnce: number): Promise<Sides> {
  return await sidesWith(async (stack) => {
    const folder = await openFolder(stack);
    const request = { n: (context.isQuick ? 5 : 20) * atOnce, atOnce };
    const ours = stack.use(await startWorker('sandboxes.ts', context, { args: ['ours', folder] }));
    const bare = stack.use(await startWorker('sandboxes.ts', context, { args: ['bare', folder] }));
    const original = await originalSide('sandboxes.py', context, stack, { args: async () => [folder], request: { n: atOnce, atOnce } });
    return { ours: async () => await ours.sample(request), reference: async () => await bare.sample(request), original };
  });
}
