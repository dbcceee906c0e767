import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { destroyTarget, LEASE_VARIABLE, leasedFolder, taggedProcesses } from './destroy.ts';
import { nodeHost } from './node.ts';

test.skipIf(process.platform !== 'linux')(
  'everything that carries the tag is ended, also what left its group and its session',
  async () => {
    const tag = nodeHost.randomHex(8);
    const script = 'setsid sleep 600 & sleep 600 & (setsid sh -c "sleep 600 & sleep 600" &) ; echo up; wait';
    const child = spawn('sh', ['-c', script], { env: { ...process.env, [LEASE_VARIABLE]: tag }, stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    await expect.poll(() => taggedProcesses([tag]).length).toBeGreaterThanOrEqual(5);
    const exited = once(child, 'exit');
    await destroyTarget({ tag });
    expect(taggedProcesses([tag])).toEqual([]);
    await exited;
    await destroyTarget({ tag }); // nothing is left, which is fine
  },
);

test.skipIf(process.platform !== 'linux')('processes with another tag live on, and many ends share one look', async () => {
  const tags = Array.from({ length: 4 }, () => nodeHost.randomHex(8));
  const children = tags.map((tag) => spawn('sleep', ['600'], { env: { ...process.env, [LEASE_VARIABLE]: tag }, stdio: 'ignore' }));
  const exits = children.slice(1).map((child) => once(child, 'exit'));
  await Promise.all(tags.slice(1).map((tag) => destroyTarget({ tag })));
  await Promise.all(exits);
  expect(taggedProcesses([tags[0] ?? ''])).toEqual([children[0]?.pid]);
  children[0]?.kill('SIGKILL');
});

test('a leased folder goes with all that is in it; no other folder ever does', async () => {
  const id = nodeHost.randomHex(8);
  const folder = leasedFolder(id);
  await mkdir(join(folder, 'deep'), { recursive: true });
  await writeFile(join(folder, 'deep', 'file'), 'x');
  await destroyTarget({ folder });
  expect(existsSync(folder)).toBe(false);
  await destroyTarget({ folder });
  const other = await mkdtemp(join(tmpdir(), 'precious-'));
  for (const path of [other, `${other}/../${other.split('/').pop()}`, '/', '']) await destroyTarget({ folder: path });
  expect(existsSync(other)).toBe(true);
  await rm(other, { recursive: true });
});

test('a process is ended by number only while it is the one that was meant', async () => {
  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  await destroyTarget({ pid: child.pid ?? 0, started: 'another time' });
  expect(child.exitCode).toBeNull();
  process.kill(child.pid ?? 0, 0);
  child.kill('SIGKILL');
});
