import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from './index.ts';

test('a folder is empty, absolute and named with the prefix', async () => {
  await using dir = await tempDir('letters-');
  expect(isAbsolute(dir.path)).toBe(true);
  expect(basename(dir.path)).toMatch(/^letters-.+/);
  expect(await readdir(dir.path)).toEqual([]);
});

test('disposing removes the folder with all that is in it, and may be done twice', async () => {
  const dir = await tempDir();
  await mkdir(join(dir.path, 'a', 'b'), { recursive: true });
  await writeFile(join(dir.path, 'a', 'b', 'file.txt'), 'x');
  await dir[Symbol.asyncDispose]();
  await expect(stat(dir.path)).rejects.toMatchObject({ code: 'ENOENT' });
  await dir[Symbol.asyncDispose]();
});

test('two folders of one prefix are two folders', async () => {
  await using one = await tempDir('same-');
  await using two = await tempDir('same-');
  expect(one.path).not.toBe(two.path);
});
