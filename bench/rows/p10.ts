/** P10: tracking the files of a large folder. */
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startWorker } from '../child.ts';
import { oursAtMost, type Contest, type Context, type Measure, type Row, type Side, type Sides } from '../contract.ts';
import { freshSide, sidesWith, startsOf } from '../sides.ts';
import { editedPath, makeTree } from '../tree.ts';

const FILES = 50_000;
const QUICK_FILES = 5_000;
const FIND = ['-type', 'f', '-printf', '%p %s %T@\n'];
const hasGit = spawnSync('git', ['--version']).status === 0;

export const p10: Row = {
  id: 'P10',
  title: `file tracking, ${FILES.toLocaleString('en')} files`,
  contests: [
    contest('the baseline: every file read and kept, in a fresh process', { what: 'baseline' }, [
      { figure: 'ms', unit: 'ms', goal: oursAtMost(800) },
      { figure: 'mib', unit: 'MiB more', goal: oursAtMost(25) },
    ]),
    contest('the diff after one change, median of 15', { what: 'diff', edits: 1 }, [{ figure: 'ms', unit: 'ms', goal: oursAtMost(5) }]),
    contest('the diff after 1,000 changes', { what: 'diff', edits: 1_000 }, [{ figure: 'ms', unit: 'ms', goal: oursAtMost(80) }]),
    contest('five idle seconds', { what: 'idle' }, [{ figure: 'percent', unit: '% of a core', goal: oursAtMost(0.3) }]),
  ],
};

interface Request extends Record<string, unknown> {
  what: 'baseline' | 'diff' | 'idle';
  edits?: number;
}

function contest(what: string, request: Request, measures: readonly Measure[]): Contest {
  const isAgainstGit = request.what === 'diff' && hasGit;
  return {
    what,
    reference: isAgainstGit ? '`git status` after the same changes' : '`find` over all of them, as sizes and times',
    measures,
    open: async (context) => await open(context, request, isAgainstGit),
  };
}

async function open(context: Context, request: Request, isAgainstGit: boolean): Promise<Sides> {
  return await sidesWith(async (stack) => {
    const [root, other] = [await context.scratch.folder('tracked'), await context.scratch.folder('reference')];
    for (const folder of [root, other]) await makeTree(folder, context.isQuick ? QUICK_FILES : FILES);
    const reference = isAgainstGit ? gitStatus(other, request.edits ?? 1) : startsOf('find', [other, ...FIND], 1);
    if (request.what === 'baseline') {
      const ours = freshSide('files.ts', context, { args: [root] }, async (worker) => await worker.sample(request));
      return { ours, reference };
    }
    const worker = stack.use(await startWorker('files.ts', context, { args: [root] }));
    return { ours: async () => await worker.sample(request), reference };
  });
}

/** With its cache of untracked files, which is the fastest that it has without a daemon. */
function gitStatus(root: string, edits: number): Side {
  const git = (...args: string[]): void => {
    const { status, stderr } = spawnSync('git', ['-C', root, '-c', 'core.untrackedCache=true', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${stderr}`);
  };
  git('init', '--quiet');
  git('add', '--all');
  git('-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '--quiet', '--message', 'all');
  git('update-index', '--untracked-cache');
  let done = 0;
  return async () => {
    for (let i = 0; i < edits; i += 1, done += 1) appendFileSync(join(root, editedPath(done)), `edit ${done}\n`);
    const startedAt = performance.now();
    git('status', '--porcelain');
    return { ms: performance.now() - startedAt };
  };
}
