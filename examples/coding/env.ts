/**
 * A small repository with a bug. The agent works in a sandboxed shell; the grade calls its code in a fresh sandbox
 * without its processes and compares outside, so that neither the tests nor what they expect can be reached.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Environment } from 'hud';
import { z } from 'zod';
import { BUGS, CALL_THEM, HIDDEN_TESTS } from './bugs.ts';

export const env = new Environment('bug-fixing');

const NODE = '/opt/node/bin';
const workspace = env.workspace(join(tmpdir(), `hud-bug-fixing-${process.pid}`), {
  mounts: [{ kind: 'ro', src: process.execPath, dst: `${NODE}/node` }],
  env: { PATH: `${NODE}:/usr/local/bin:/usr/bin:/bin` },
});
const repository = join(import.meta.dirname, 'repository');

/** 1 when every hidden test passes, else 0. */
export const fixBug = env.template(
  {
    id: 'fix_bug',
    args: z.object({ bug: z.enum(Object.keys(BUGS)) }),
    async solution() {
      await workspace.write('src/duration.js', await readFile(join(repository, 'src', 'duration.js'), 'utf8'));
      return 'Fixed.';
    },
  },
  async function* ({ bug }) {
    const { report, right, wrong } = BUGS[bug]!;
    await workspace.fill(repository);
    await workspace.write('src/duration.js', String(await workspace.read('src/duration.js')).replace(right, wrong));
    yield `The repository in /workspace has a bug. A user writes:\n\n${report}\n\nFind it and fix it in src/. \`node --test\` runs the tests.`;

    const { stdout } = await workspace.run(`node --input-type=module -e ${quoted(CALL_THEM)}`, {
      isolated: true,
      stdin: JSON.stringify(HIDDEN_TESTS.map(([call]) => call)),
      timeoutMs: 20_000,
    });
    yield stdout.trim() === JSON.stringify(HIDDEN_TESTS.map(([, expected]) => expected)) ? 1 : 0;
  },
);

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export const tasks = Object.keys(BUGS).map((bug) => fixBug({ bug }));
