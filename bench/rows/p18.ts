/** P18: loading a large task file. */
import { oursAtMost, type Contest, type Row } from '../contract.ts';
import { originalSide } from '../original.ts';
import { freshSide, sidesWith } from '../sides.ts';
import { writeTasksetFile } from '../taskset-file.ts';

const ROWS = 100_000;

export const p18: Row = { id: 'P18', title: 'taskset of 100,000 rows', contests: [loading('jsonl'), loading('json')] };

function loading(format: 'json' | 'jsonl'): Contest {
  return {
    what: `Taskset.fromFile of ${ROWS.toLocaleString('en')} rows of .${format}, a fresh process each`,
    reference: 'JSON.parse of the same file',
    measures: [
      { figure: 'seconds', unit: 's', goal: oursAtMost(0.45) },
      { figure: 'rssMiB', unit: 'MiB resident, after loading', goal: oursAtMost(60) },
      { figure: 'peakMiB', unit: 'MiB resident, highest' },
      { figure: 'heldMiB', unit: 'MiB of heap, after collection' },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const path = await writeTasksetFile(await context.scratch.folder('p18'), ROWS, format, context.seed);
        const load = (how: string): ReturnType<typeof freshSide> =>
          freshSide('load.ts', context, { nodeArgs: ['--expose-gc'], args: [how, path] }, async (worker) => {
            const figures = await worker.sample();
            if (figures.rows !== ROWS) throw new Error(`${figures.rows} of ${ROWS} rows were loaded.`);
            return figures;
          });
        const original = await originalSide('load.py', context, stack, { args: async () => [path], isFresh: true });
        return { ours: load('sdk'), reference: load('parse'), original };
      }),
  };
}
