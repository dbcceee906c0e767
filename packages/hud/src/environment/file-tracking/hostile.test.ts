/** An agent that plants what should hang, crash or deceive whoever reads its folder. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../testing/temp-dir.ts';
import { track } from './fixture.ts';

test('pipes, sockets, links and strange names neither hang nor end it', async () => {
  await using tracked = await track({ 'a.txt': 'x\n' });
  const run = (command: string): Buffer => execFileSync('bash', ['-c', command], { cwd: tracked.root });
  run('mkfifo pipe .env secret_key; ln -s /dev/zero zero; ln -s loop loop; ln -s / root; ln -s a.txt link');
  run(String.raw`printf x > $'new\nline'; printf x > $'bad\xff\xfename'; mkdir $'bad\xffdir'; printf x > $'bad\xffdir/in'`);
  run('mkdir -p a; cd a; for i in $(seq 1 300); do mkdir -p d; cd d; done; echo deep > deep.txt');
  const { patches } = await tracked.diff();
  const paths = patches.map(({ path }) => path);
  expect(paths).toContain('new\nline');
  expect(paths.some((path) => path.endsWith('d/deep.txt'))).toBe(true);
  expect(paths.filter((path) => /pipe|zero|loop|link|root|env|secret/.test(path))).toEqual([]);
  tracked.write('a.txt', 'y\n');
  expect((await tracked.diff()).patches.map(({ path }) => path)).toEqual(['a.txt']);
});

test('secrets are not read: the time of their last reading stays', async (context) => {
  await using tracked = await track({ 'x.pem': 'a', 'read.txt': 'a' });
  const readAt = (name: string): number => statSync(join(tracked.root, name)).atimeMs;
  const longAgo = new Date('2001-01-01');
  // Times of reading that are older than the content: any read renews them.
  for (const name of ['x.pem', 'read.txt']) utimesSync(join(tracked.root, name), longAgo, new Date('2002-02-02'));
  const { patches } = await tracked.diff();
  expect(patches).toMatchObject([{ path: 'x.pem', patch: 'Secret file changed (content redacted): x.pem\n' }]);
  await tracked.flush();
  if (readAt('read.txt') === longAgo.getTime()) context.skip('this file system keeps no times of reading');
  expect(readAt('x.pem')).toBe(longAgo.getTime());
});

test('a folder that turns into a link and back while it is scanned shows nothing from outside', async () => {
  await using outside = await tempDir();
  writeFileSync(join(outside.path, 'file.txt'), 'from outside\n');
  await using tracked = await track({ 'swap/file.txt': 'inside\n' });
  const folder = join(tracked.root, 'swap');
  const aside = join(tracked.root, 'aside');
  const link = join(tracked.root, 'link');
  symlinkSync(outside.path, link);
  for (let i = 0; i < 60; i += 1) {
    tracked.write('swap/file.txt', `inside ${i}\n`);
    const diff = tracked.diff();
    for (let k = 0; k < 50; k += 1) {
      renameSync(folder, aside);
      renameSync(link, folder);
      renameSync(folder, link);
      renameSync(aside, folder);
    }
    expect(JSON.stringify(await diff)).not.toContain('from outside');
  }
});

const isRoot = process.getuid?.() === 0 ? 'root may read everything' : undefined;

test.skipIf(isRoot)('what may not be read is passed over', async () => {
  await using tracked = await track();
  const file = tracked.write('locked.txt', 'x');
  chmodSync(file, 0);
  mkdirSync(join(tracked.root, 'shut'), { mode: 0 });
  expect((await tracked.diff()).patches).toMatchObject([{ path: 'locked.txt', content_hash_after: 'unreadable:1' }]);
});

test('ten thousand files come and go between two looks', async () => {
  await using tracked = await track({ 'a.txt': 'x\n' });
  for (let i = 0; i < 10_000; i += 1) {
    const path = join(tracked.root, `t${i}`);
    writeFileSync(path, '');
    rmSync(path);
  }
  tracked.write('a.txt', 'y\n');
  expect((await tracked.diff()).patches.map(({ path }) => path)).toEqual(['a.txt']);
});
