/** P22: what the control port adds to a picture of a screen. */
import { startWorker } from '../child.ts';
import { oursAtMost, type Contest, type Row } from '../contract.ts';
import { sidesWith } from '../sides.ts';

export const p22: Row = {
  id: 'P22',
  title: 'pictures of a screen, 1280×800',
  contests: [pictures('rfb', 'of a desktop (Xtigervnc)'), pictures('cdp', 'of a page (Chromium)')],
};

/** The two ways take turns within each sample, so that the difference is of the same moments. */
function pictures(family: 'rfb' | 'cdp', whose: string): Contest {
  return {
    what: `whole pictures ${whose} through the control port, as often straight from the server in turns`,
    reference: 'the same server without the control port, in a process of its own',
    measures: [
      { figure: 'added', unit: 'ms more than straight, p50', goal: oursAtMost(2) },
      { figure: 'p50', unit: 'ms' },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const request = { n: context.isQuick ? 10 : 40 };
        const env = stack.use(await startWorker('screens.ts', context, { role: 'server' }));
        const args = [String(env.ready.url), family];
        const ours = stack.use(await startWorker('screenshots.ts', context, { args }));
        const bare = stack.use(await startWorker('screenshots.ts', context, { args: [...args, 'straight'] }));
        return { ours: async () => await ours.sample(request), reference: async () => await bare.sample(request) };
      }),
  };
}
