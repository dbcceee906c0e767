import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packageDirectory } from './package-origin.ts';
import { workplace } from './testing.ts';

test('init, eval, jobs, trace: a new project is graded green without a key, and its record can be read', async () => {
  await using place = await workplace();
  await place.hud(['init', 'my-env']);
  const project = join(place.path, 'my-env');
  await cp(project, place.path, { recursive: true });
  const evaluated = await place.hud(['eval', 'tasks.ts', 'oracle', '--all', '--group', '2', '--fail-under', '1']);
  expect(evaluated).toMatchObject({ code: 0, stderr: '' });
  expect(evaluated.stdout).toMatch(/mean reward 1\.000 ± 0\.00 {2}\(n = 4, /);
  const [, jobId = ''] = /hud jobs ([0-9a-f]+)/.exec(evaluated.stdout) ?? [];
  const [, traceId = ''] = /hud trace ([0-9a-f]+)/.exec(evaluated.stdout) ?? [];
  expect((await place.hud(['jobs', jobId])).stdout.match(/\tgraded\t1\.000\t/g)).toHaveLength(4);
  expect((await place.hud(['trace', traceId])).stdout).toMatch(/How often does "s" occur[\s\S]*turn 1\n5\n[\s\S]*graded: reward 1\n$/);
  expect((await place.hud(['eval', 'tasks.ts', 'nop', '--all', '--fail-under', '1'])).code).toBe(1);
});

test('the new project type-checks', async () => {
  await using place = await workplace();
  await place.hud(['init', '--preset', 'blank']);
  const repository = join(packageDirectory(), '..', '..');
  await mkdir(join(place.path, 'node_modules'));
  for (const name of ['zod', '@types']) await symlink(join(repository, 'node_modules', name), join(place.path, 'node_modules', name));
  // Against the sources: declarations are there only after a whole build.
  const options = { paths: { hud: [join(packageDirectory(), 'src', 'index.ts')] }, lib: ['esnext'] };
  await place.write({ 'tsconfig.check.json': JSON.stringify({ extends: './tsconfig.json', compilerOptions: options }) });
  const tsc = join(repository, 'node_modules', '.bin', 'tsc');
  const output = await promisify(execFile)(tsc, ['-p', join(place.path, 'tsconfig.check.json')]).catch(
    (error: { stdout: string }) => error,
  );
  expect(output.stdout.split('\n').filter((line) => /^(env|tasks)\.ts/.test(line))).toEqual([]);
});
