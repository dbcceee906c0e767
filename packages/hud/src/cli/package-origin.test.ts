import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../testing/temp-dir.ts';
import { dependencyRange, packageDirectory, packageVersion } from './package-origin.ts';

test('from a checkout a project depends on the folder of the package', () => {
  expect(dependencyRange()).toBe(`file:${packageDirectory()}`);
});

test.each([
  { resolved: 'https://registry.example/hud/-/hud-1.2.3.tgz', range: '^1.2.3', why: 'it came from a registry' },
  { resolved: 'git+ssh://git@example.org/hud.git#0a1b', range: 'git+ssh://git@example.org/hud.git#0a1b', why: 'it came from git' },
  { resolved: 'file:gone.tgz', range: '^1.2.3', why: 'the packed file is not there any more' },
  { resolved: undefined, range: '^1.2.3', why: 'npm did not note where it came from' },
])('the range is $range when $why', async ({ resolved, range }) => {
  await using dir = await installed(resolved);
  expect(dependencyRange(dir.package)).toBe(range);
});

test('installed from a packed file, a project depends on that file', async () => {
  await using dir = await installed('file:packed/hud-1.2.3.tgz');
  await mkdir(join(dir.path, 'packed'));
  await writeFile(join(dir.path, 'packed', 'hud-1.2.3.tgz'), '');
  expect(dependencyRange(dir.package)).toBe(`file:${join(dir.path, 'packed', 'hud-1.2.3.tgz')}`);
});

test('without the list that npm keeps of what it installed, the version decides', async () => {
  await using dir = await installed(null);
  expect(dependencyRange(dir.package)).toBe('^1.2.3');
  expect(packageVersion(dir.package)).toBe('1.2.3');
});

/** A project with version 1.2.3 installed; `null`: by something that leaves no list. */
async function installed(resolved: string | undefined | null): Promise<AsyncDisposable & { path: string; package: string }> {
  const dir = await tempDir();
  const directory = join(dir.path, 'node_modules', 'hud');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'hud', version: '1.2.3' }));
  if (resolved !== null) {
    const lockfile = { packages: { 'node_modules/hud': { version: '1.2.3', ...(resolved === undefined ? {} : { resolved }) } } };
    await writeFile(join(dir.path, 'node_modules', '.package-lock.json'), JSON.stringify(lockfile));
  }
  return { ...dir, package: directory };
}
