import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTime } from '../../host/owner.ts';
import { runIn, sandboxPlace, textOf } from './sandbox.fixtures.ts';
import { openUnisolated } from './unisolated.ts';

test('commands run in the root with exactly the environment given, and end as they end', async () => {
  await using place = await sandboxPlace({ env: { PATH: process.env.PATH ?? '', HOME: '/nowhere', ONLY: 'this' } });
  process.env.HUD_API_KEY = 'secret';
  await using sandbox = await openUnisolated(place.spec);
  const { stdout, stderr, status } = await runIn(sandbox, 'pwd; env; echo bad >&2; cat; exit 3', { stdin: 'in' });
  expect(stdout.split('\n')[0]).toBe(await realpath(place.spec.root));
  expect(stdout).toMatch(/^ONLY=this$/m);
  delete process.env.HUD_API_KEY;
  expect(stdout).not.toContain('secret');
  expect([stdout.endsWith('in'), stderr, status]).toEqual([true, 'bad\n', { code: 3 }]);
  expect((await runIn(sandbox, 'kill -9 $$')).status).toEqual({ signal: 'SIGKILL' });
  expect(await runIn(sandbox, 'pwd', { cwd: '/no where' })).toMatchObject({
    status: { code: 1 },
    stderr: 'workspace: cannot prepare shell: no folder /no where\n',
  });
  expect(sandbox.level).toMatchObject({ isolation: 'none', seccomp: false, network: 'host' });
});

test('what runs in the background outlives its command, and ends with the sandbox', async () => {
  await using place = await sandboxPlace({ env: { PATH: process.env.PATH ?? '', HOME: '/nowhere' } });
  const sandbox = await openUnisolated(place.spec);
  const first = await sandbox.spawn({ command: "trap '' TERM HUP; sleep 300 & echo $!" });
  const said = new Promise<string>((resolve) => first.stdout.once('data', (piece: Buffer) => resolve(piece.toString())));
  const pid = Number(await said);
  expect(await first.exited).toEqual({ code: 0 });
  first.release();
  expect((await runIn(sandbox, `kill -0 ${pid} && echo alive`)).stdout).toBe('alive\n');
  await sandbox.close();
  await sandbox.close();
  await expect.poll(() => isAlive(pid)).toBe(false);
  await expect(sandbox.spawn({ command: 'true' })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
});

test('terminating ends what ignores TERM after a second', async () => {
  await using place = await sandboxPlace({ env: { PATH: process.env.PATH ?? '', HOME: '/nowhere' } });
  await using sandbox = await openUnisolated(place.spec);
  const deaf = await sandbox.spawn({ command: "trap '' TERM; echo up; sleep 300; sleep 300" });
  await new Promise((resolve) => deaf.stdout.once('data', resolve));
  await deaf.terminate();
  expect(await deaf.exited).toEqual({ signal: 'SIGKILL' });
});

test.skipIf(!existsSync('/usr/bin/script') && 'the program "script" is missing')('a terminal has its size, and is resized', async () => {
  await using place = await sandboxPlace({ env: { PATH: process.env.PATH ?? '', HOME: '/nowhere' } });
  await using sandbox = await openUnisolated(place.spec);
  const running = await sandbox.spawn({ command: undefined, pty: { term: 'xterm', cols: 120, rows: 40 } });
  let shown = '';
  running.stdout.on('data', (piece: Buffer) => (shown += piece.toString()));
  running.stdin.write('stty size; echo "$TERM"-up\n');
  await expect.poll(() => shown, { timeout: 5_000 }).toMatch(/40 120\r\nxterm-up/);
  running.resize({ cols: 90, rows: 20 });
  await expect
    .poll(
      () => {
        running.stdin.write('stty size\n');
        return shown;
      },
      { timeout: 5_000, interval: 200 },
    )
    .toContain('20 90');
  running.stdin.write('exit 4\n');
  expect(await running.exited).toEqual({ code: 4 });
  expect(await textOf(running.stderr)).toBe('');
});

test('an overlay is refused', async () => {
  await using place = await sandboxPlace({ overlay: true });
  await expect(openUnisolated(place.spec)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  expect(existsSync(join(place.spec.directory, 'layer'))).toBe(false);
});

/** One that nobody has collected yet is dead. */
function isAlive(pid: number): boolean {
  return startTime(pid) !== undefined;
}
