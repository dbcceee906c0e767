import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { environmentName } from '../scaffold.ts';
import { workplace } from '../testing.ts';

const FILES = ['.dockerignore', '.gitignore', 'Dockerfile.hud', 'README.md', 'env.ts', 'package.json', 'tasks.ts', 'tsconfig.json'];

test('a new folder holds an environment that carries its name', async () => {
  await using place = await workplace();
  const { code, stdout } = await place.hud(['init', 'my-first env', '--json']);
  expect(code).toBe(0);
  const target = join(place.path, 'my-first env');
  const { dir, preset, files } = JSON.parse(stdout) as { dir: string; preset: string; files: string[] };
  expect({ dir, preset, files: files.toSorted() }).toEqual({ dir: target, preset: 'blank', files: FILES });
  expect((await readdir(target)).toSorted()).toEqual(FILES);
  expect(await readFile(join(target, 'env.ts'), 'utf8')).toContain("new Environment('my_first_env')");
  const manifest = JSON.parse(await readFile(join(target, 'package.json'), 'utf8')) as { name: string; dependencies: { hud: string } };
  expect(manifest.name).toBe('my-first-env');
  expect(manifest.dependencies.hud).toMatch(/^file:\/.*packages\/hud$/);
  for (const file of FILES) expect(await readFile(join(target, file), 'utf8')).not.toContain('{{');
});

test('--dir says where, and the next steps start with the way there', async () => {
  await using place = await workplace();
  const { stdout } = await place.hud(['init', 'letters', '--dir', 'sub']);
  expect(stdout).toContain('cd sub/letters\n');
  expect((await stat(join(place.path, 'sub', 'letters', 'env.ts'))).isFile()).toBe(true);
});

test('an occupied folder is refused and stays as it is, unless it is forced', async () => {
  await using place = await workplace();
  await mkdir(join(place.path, 'taken'));
  await writeFile(join(place.path, 'taken', 'notes.txt'), 'mine');
  const refused = await place.hud(['init', 'taken']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('is not empty.\nChoose another name, or --force');
  expect(await readdir(join(place.path, 'taken'))).toEqual(['notes.txt']);
  expect((await place.hud(['init', 'taken', '--force'])).code).toBe(0);
  expect(await readFile(join(place.path, 'taken', 'notes.txt'), 'utf8')).toBe('mine');
});

test('a file where the folder should be is an error', async () => {
  await using place = await workplace();
  await place.write({ taken: '' });
  const { code, stderr } = await place.hud(['init', 'taken']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/taken can't be used: ENOTDIR/);
});

test.each([
  { args: ['init'], message: 'hud init needs a name' },
  { args: ['init', 'x', '--preset', 'blnak'], message: "There is no preset 'blnak'." },
])('$args is wrong usage', async ({ args, message }) => {
  await using place = await workplace();
  const { code, stderr } = await place.hud(args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(await readdir(place.path)).toEqual([]);
});

test('with a preset alone the current folder is written into', async () => {
  await using place = await workplace();
  expect((await place.hud(['init', '--preset', 'blank'])).code).toBe(0);
  expect((await readdir(place.path)).toSorted()).toEqual(FILES);
});

test.each([
  { folder: 'my-env', name: 'my_env' },
  { folder: 'My Env 2', name: 'My_Env_2' },
  { folder: 'a.b+ü', name: 'a_b__' },
])('the environment of the folder $folder is called $name', ({ folder, name }) => {
  expect(environmentName(folder)).toBe(name);
});
