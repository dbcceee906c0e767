import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSource, loadSources } from './source.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-source-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

const write = async (name: string, text: string): Promise<string> => {
  await mkdir(join(folder, name, '..'), { recursive: true });
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

/** Long enough for the file system's clock to have moved on, so that what was written is trusted. */
const settle = async (): Promise<void> => await delay(30);

test('a source that changed, or whose import changed, is compiled again', async () => {
  const main = await write('main.ts', `import { n } from './part.ts';\nexport const value: number = n + 1;`);
  await write('part.ts', 'export const n: number = 1;');
  await settle();
  expect((await loadSource(main)).value).toBe(2);
  expect((await loadSource(main)).value).toBe(2);
  await write('part.ts', 'export const n: number = 5;');
  expect((await loadSource(main)).value).toBe(6);
  await settle();
  await write('main.ts', `import { n } from './part.ts';\nexport const value: number = n + 2;`);
  expect((await loadSource(main)).value).toBe(7);
});

test('a source is found stale when what its imports mean has changed', async () => {
  const main = await write('app/main.ts', `import { name } from 'pkg';\nimport { alias } from '@/alias.ts';\nexport { name, alias };`);
  for (const version of ['one', 'two']) {
    await write(`${version}/package.json`, '{ "name": "pkg", "type": "module", "exports": "./index.js" }');
    await write(`${version}/index.js`, `export const name = '${version}';`);
    await write(`app/${version}/alias.ts`, `export const alias = '${version}';`);
  }
  await mkdir(join(folder, 'app/node_modules'));
  await symlink(join(folder, 'one'), join(folder, 'app/node_modules/pkg'));
  await write('app/tsconfig.json', '{ "compilerOptions": { "paths": { "@/*": ["./one/*"] } } }');
  await settle();
  expect(await loadSource(main)).toMatchObject({ name: 'one', alias: 'one' });
  await write('app/tsconfig.json', '{ "compilerOptions": { "paths": { "@/*": ["./two/*"] } } }');
  expect(await loadSource(main)).toMatchObject({ name: 'one', alias: 'two' });
  await rm(join(folder, 'one'), { recursive: true });
  await expect(loadSource(main)).rejects.toMatchObject({ code: 'BAD_SOURCE' });
});

test('import.meta and file names speak of the file they stand in, and packages of its project', async () => {
  const main = await write(
    'main.ts',
    `export { where } from './deep/part.ts';\nexport const here = [import.meta.url, import.meta.dirname, import.meta.main];`,
  );
  const part = await write('deep/part.ts', `export const where = import.meta.filename;`);
  expect(await loadSource(main)).toMatchObject({ here: [`file://${main}`, folder, false], where: part });
});

test('files that are loaded together share what they import, and broken ones are left out', async () => {
  await write('shared.ts', 'export const box = {};');
  const a = await write('a.ts', `export { box } from './shared.ts';`);
  const b = await write('b.ts', `export { box } from './shared.ts';`);
  const broken = await write('broken.ts', 'export const = 1;');
  const loaded = await loadSources([a, b, broken]);
  expect(loaded.map(({ path }) => path)).toEqual([a, b]);
  expect(loaded[0]?.exports.box).toBe(loaded[1]?.exports.box);
});
