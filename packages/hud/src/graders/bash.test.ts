import { spawn } from 'node:child_process';
import { existsSync, readFileSync, watch } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { tempDir } from '../testing/temp-dir.ts';
import { bashGrader, combine } from './index.ts';

const saved = { ...process.env };
afterEach(() => {
  process.env = { ...saved };
});

/** The pid that a command writes to the file as soon as it runs. */
async function pidIn(folder: string, name: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const look = (): void => {
    const path = join(folder, name);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.endsWith('\n')) resolve(Number(text));
  };
  const changes = watch(folder, look);
  look();
  try {
    return await promise;
  } finally {
    changes.close();
  }
}

/** Resolves when no such process runs any more; one that waits to be reaped runs no more. */
async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (stat === '' || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return;
    if (Date.now() > deadline) throw new Error(`process ${pid} still runs: ${stat}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the exit status decides', () => {
  test('0 earns 1, with both outputs in the info', async () => {
    expect(await bashGrader({ command: 'echo out; echo err >&2', weight: 0.5 })).toEqual({
      name: 'BashGrader',
      value: 1,
      weight: 0.5,
      info: { exit_code: 0, stdout: 'out\n', stderr: 'err\n', _parameters: { command: 'echo out; echo err >&2' } },
    });
  });

  test('any other earns 0 and is told', async () => {
    const failed = await bashGrader({ command: 'exit 3', name: 'tests' });
    expect(failed).toMatchObject({ name: 'tests', value: 0, weight: 1, info: { exit_code: 3 } });
    expect(await bashGrader({ command: 'no-such-program-here' })).toMatchObject({ value: 0, info: { exit_code: 127 } });
    expect(await bashGrader({ command: 'if' })).toMatchObject({ value: 0, info: { stderr: expect.stringContaining('syntax error') } });
  });

  test('a signal is told as its negative number', async () => {
    expect(await bashGrader({ command: 'kill -TERM $$' })).toMatchObject({ value: 0, info: { exit_code: -15 } });
  });

  test('several run at once and combine', async () => {
    await using dir = await tempDir();
    // Each waits for the other's file, so neither would pass alone.
    const meet = (mine: string, other: string): string => `touch ${mine}; until [ -e ${other} ]; do sleep 0.01; done`;
    const { reward } = await combine(
      bashGrader({ command: meet('x', 'y'), cwd: dir.path, weight: 0.5, timeoutSeconds: 10 }),
      bashGrader({ command: meet('y', 'x'), cwd: dir.path, weight: 0.5, timeoutSeconds: 10 }),
    );
    expect(reward).toBe(1);
  });
});

describe('the surroundings', () => {
  test('the command runs in its directory, in a login shell, without input', async () => {
    await using dir = await tempDir();
    const command = 'pwd; shopt -q login_shell && echo login; cat; [ -e /proc/$$/fd/3 ] || echo alone';
    const { info } = await bashGrader({ command, cwd: dir.path });
    expect(String(info?.stdout).split('\n')).toEqual([dir.path, 'login', 'alone', '']);
  });

  test('the outputs can be opened by name, as a pipe can and a socket cannot', async () => {
    const { value, info } = await bashGrader({ command: 'set -e; echo a | tee /dev/stderr; echo b > /dev/stdout; echo c > /dev/stderr' });
    expect(info).toMatchObject({ exit_code: 0, stdout: 'a\nb\n', stderr: 'a\nc\n' });
    expect(value).toBe(1);
  });

  test('settings of ours, which may be keys, are not inherited; others are', async () => {
    process.env.HUD_API_KEY = 'secret';
    process.env.LETTERS = 'abc';
    const { info } = await bashGrader({ command: 'echo "$LETTERS"; env | grep -c HUD_' });
    expect(info).toMatchObject({ stdout: 'abc\n0\n' });
  });

  test('a directory that is gone earns 0 and says why, for the agent may have removed it', async () => {
    await using dir = await tempDir();
    const cwd = join(dir.path, 'gone');
    expect(await bashGrader({ command: 'true', cwd })).toMatchObject({
      value: 0,
      info: { exit_code: null, stdout: '', stderr: expect.stringContaining('gone') },
    });
    await writeFile(join(dir.path, 'file'), '');
    expect(await bashGrader({ command: 'true', cwd: join(dir.path, 'file') })).toMatchObject({ value: 0, info: { exit_code: null } });
    await symlink(cwd, join(dir.path, 'link'));
    expect(await bashGrader({ command: 'true', cwd: join(dir.path, 'link') })).toMatchObject({ value: 0, info: { exit_code: null } });
  });

  test('a command that cannot be started at all is an error and no 0', async () => {
    await expect(bashGrader({ command: `: ${'x'.repeat(3_000_000)}` })).rejects.toMatchObject({ code: 'GRADE_FAILED' });
    await expect(bashGrader({ command: 'true\0' })).rejects.toMatchObject({ code: 'GRADE_FAILED' });
  });

  test('long outputs keep both ends', async () => {
    const { value, info } = await bashGrader({ command: 'echo first; head -c 3000000 /dev/zero | tr "\\0" x; echo; echo last; seq 9 >&2' });
    const stdout = String(info?.stdout);
    expect(value).toBe(1);
    expect(stdout).toMatch(/^first\nx+\n\[\.\.\. \d+ bytes cut \.\.\.\]\nx+\nlast\n$/);
    expect(stdout.length).toBeLessThan(8_300);
    const cut = Number(/\[\.\.\. (\d+) bytes/.exec(stdout)?.[1]);
    expect(stdout.length - `\n[... ${cut} bytes cut ...]\n`.length + cut).toBe(3_000_012);
    expect(info?.stderr).toBe('1\n2\n3\n4\n5\n6\n7\n8\n9\n');
  });
});

describe('the end is the end', () => {
  test('a command that takes too long earns 0, keeps what it wrote, and its whole group is gone', async () => {
    await using dir = await tempDir();
    // `timeout` and job control leave the group; the last one ignores what can be ignored.
    const command = `echo begun
      sleep 1000 & echo $! > child
      timeout 1000 sleep 1000 & echo $! > other-group
      (trap '' TERM INT HUP; echo $BASHPID > deaf; while :; do sleep 1; done)`;
    const { value, info } = await bashGrader({ command, cwd: dir.path, timeoutSeconds: 1 });
    expect(value).toBe(0);
    expect(info).toMatchObject({ exit_code: null, stdout: 'begun\n', timed_out: true, timeout: 1 });
    for (const name of ['child', 'other-group', 'deaf']) await gone(await pidIn(dir.path, name));
  });

  test('an abort throws its reason once the command is gone', async () => {
    await using dir = await tempDir();
    const stop = new AbortController();
    const grading = bashGrader({ command: 'sleep 1000 & echo $! > child; wait', cwd: dir.path, signal: stop.signal });
    const caught = grading.catch((error: unknown) => error);
    const pid = await pidIn(dir.path, 'child');
    const reason = new Error('no longer wanted');
    stop.abort(reason);
    expect(await caught).toBe(reason);
    await gone(pid);
  });

  test('a signal that fired before keeps the command from running', async () => {
    await using dir = await tempDir();
    const reason = new Error('too late');
    await expect(bashGrader({ command: 'touch ran', cwd: dir.path, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(readFile(join(dir.path, 'ran'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.each([
    ['quiet', '>/dev/null 2>&1'],
    ['holding the outputs', ''],
  ])('a background process, %s, neither delays the verdict nor outlives it', async (_, redirect) => {
    await using dir = await tempDir();
    const command = `sleep 1000 ${redirect} & echo $! > child; echo done`;
    const { value, info } = await bashGrader({ command, cwd: dir.path, timeoutSeconds: 15 });
    expect([value, info?.stdout]).toEqual([1, 'done\n']);
    await gone(await pidIn(dir.path, 'child'));
  });

  test('the command does not outlive a process that was killed while grading', async () => {
    await using dir = await tempDir();
    const program = `import { bashGrader } from ${JSON.stringify(join(import.meta.dirname, 'bash.ts'))};
      await bashGrader({ command: 'sleep 1000 & echo $! > child; echo $$ > shell; wait', cwd: ${JSON.stringify(dir.path)} });`;
    const grader = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' });
    try {
      const [child, shell] = [await pidIn(dir.path, 'child'), await pidIn(dir.path, 'shell')];
      grader.kill('SIGKILL');
      await Promise.all([gone(child), gone(shell)]);
    } finally {
      grader.kill('SIGKILL');
    }
  });

  test.each([[0], [-1], [Number.NaN], [Number.POSITIVE_INFINITY]])('%d seconds is no limit', async (timeoutSeconds) => {
    await expect(bashGrader({ command: 'true', timeoutSeconds })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});
