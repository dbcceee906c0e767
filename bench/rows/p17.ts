/** P17: how long the command line takes to say something. */
import { join } from 'node:path';
import { ratioAtMost, type Contest, type Context, type Row, type Sides } from '../contract.ts';
import { originalPackage } from '../original.ts';
import { sidesWith, startsOf } from '../sides.ts';

const hud = join(import.meta.dirname, '../../packages/hud/bin/hud.js');

export const p17: Row = { id: 'P17', title: 'command line, cold', contests: [starting('--help'), starting('version')] };

function starting(argument: string): Contest {
  return {
    what: `hud ${argument}, start to end, 3 a sample`,
    reference: 'bare `node -e 0`',
    measures: [{ figure: 'ms', unit: 'ms', goal: ratioAtMost(1.3) }],
    open: async (context: Context): Promise<Sides> =>
      await sidesWith(async () => {
        const times = context.isQuick ? 2 : 3;
        const python = await originalPackage();
        return {
          ours: startsOf(process.execPath, [hud, argument], times),
          reference: startsOf(process.execPath, ['-e', '0'], times),
          original: 'absent' in python ? python : startsOf(python.hud, [argument], 1, python.env),
        };
      }),
  };
}
