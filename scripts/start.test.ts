import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { tempDir } from '../packages/hud/src/testing/temp-dir.ts';

const START = join(import.meta.dirname, 'start.ts');

async function start(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [START, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr };
}

test(
  'npm start without a terminal trains, tells before and after with intervals and how to see more, and ends',
  { timeout: 180_000 },
  async () => {
    await using dir = await tempDir('hud-start-');
    const { code, stdout, stderr } = await start('--steps', '3', '--dir', dir.path);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('step 3 of 3') });
    const [before = NaN, after = NaN] = ['before', 'after 3'].map((when) =>
      Number(new RegExp(`^${when} +reward (\\d\\.\\d\\d) ± \\d\\.\\d\\d +100 tasks that it is never trained on`, 'm').exec(stdout)?.[1]),
    );
    expect(before, stdout).toBeLessThan(0.4); // it guesses one of five
    expect(after, stdout).toBeLessThanOrEqual(1);
    expect(stdout).toMatch(/^3 of 3 steps, 192 rollouts in /m);
    expect(stdout).toMatch(/npm run hud -- platform --dir \S*start$/m);
    expect((await readdir(join(dir.path, 'start', 'weights'))).length).toBeGreaterThan(0);
  },
);

test('a number of steps that is none is refused before anything starts', async () => {
  expect(await start('--steps', 'many')).toEqual({
    code: 1,
    stdout: '',
    stderr: "--steps takes a whole number of at least 1, not 'many'.\n",
  });
});
