import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isOwnerAlive, ownerId } from './owner.ts';

test('this process owns under one name, and lives', () => {
  expect(ownerId()).toMatch(new RegExp(`^${process.pid}:.+`));
  expect(ownerId()).toBe(ownerId());
  expect(isOwnerAlive(ownerId())).toBe(true);
});

test('another process names itself as it is seen from here, until it has ended', async () => {
  const script = `
    const { ownerId } = await import(${JSON.stringify(join(import.meta.dirname, 'owner.ts'))});
    console.log(ownerId());
    process.stdin.resume().on('end', () => process.exit());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const owner = line.trim();
  expect(owner).toMatch(new RegExp(`^${child.pid}:`));
  expect(isOwnerAlive(owner)).toBe(true);
  child.stdin.end();
  await once(child, 'exit');
  expect(isOwnerAlive(owner)).toBe(false);
});

test('a later process with the same pid is another owner', () => {
  const [pid, started] = ownerId().split(':');
  expect(isOwnerAlive(`${pid}:${Number(started) + 1}`)).toBe(false);
});

test.skipIf(process.platform !== 'linux')('a process that ended but was not collected yet is gone', async () => {
  // The shell starts a child and then becomes a program that never asks how it ended.
  const shell = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(shell.stdout.setEncoding('utf8'), 'data')) as [string];
  await expect.poll(() => isOwnerAlive(`${line.trim()}:?`) && isOwnerAlive(`${line.trim()}:1`)).toBe(false);
  expect(() => process.kill(Number(line), 0)).not.toThrow();
  shell.kill('SIGKILL');
});

test.each(['', 'x', '0:1', '-1:1', '12', ':5', '4194305:1'])('%j names nobody', (owner) => expect(isOwnerAlive(owner)).toBe(false));
