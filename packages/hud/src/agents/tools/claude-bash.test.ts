import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claudeBash } from './claude-bash.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../../test/sshd.ts';
import { resultText } from './tool.ts';

const context = { signal: new AbortController().signal };

describe.skipIf(NO_SSHD)("Claude's bash, over a real shell", () => {
  let shell: RemoteShell;
  beforeAll(async () => {
    shell = await remoteShell();
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());

  test('shows the command, both outputs and the exit code; a failing command is an error result', async () => {
    const tool = claudeBash(shell.ssh);
    const fine = await tool.execute({ command: 'echo out; echo err >&2' }, context);
    expect(fine).toEqual({ content: [{ type: 'text', text: '$ echo out; echo err >&2\nout\nstderr:\nerr\n(exit 0)' }], isError: false });
    const failed = await tool.execute({ command: 'echo half; exit 3' }, context);
    expect(failed).toEqual({ content: [{ type: 'text', text: '$ echo half; exit 3\nhalf\n(exit 3)' }], isError: true });
  });

  test('nothing carries over from one command to the next', async () => {
    const tool = claudeBash(shell.ssh);
    await tool.execute({ command: 'cd / && export MARK=1' }, context);
    expect(resultText(await tool.execute({ command: 'pwd; echo "[$MARK]"' }, context))).toContain(`${shell.cwd}\n[]`);
  });

  test('a restart is explained, a missing command is an error', async () => {
    const tool = claudeBash(shell.ssh);
    expect(await tool.execute({ restart: true }, context)).toMatchObject({ isError: false });
    expect(resultText(await tool.execute({}, context))).toBe('Parameter `command` is required.');
  });

  test('long output is cut in the middle, and whole in a file that the model is told of', async () => {
    const text = resultText(await claudeBash(shell.ssh, 1000).execute({ command: 'seq 1 5000' }, context));
    expect(text).toMatch(
      /^\$ seq 1 5000\n1\n2\n3\n[\s\S]*\[truncated\][\s\S]*\n4999\n5000\n\[truncated: the whole output, 23893 bytes, is in \/tmp\/hud-output-\w+\.txt\]\n\(exit 0\)$/,
    );
    expect(text.length).toBeLessThan(1200);
    const path = /\/tmp\/hud-output-\w+\.txt/.exec(text)?.[0] ?? '';
    const { stdout } = await shell.ssh.exec(`cat ${path}; rm ${path}`);
    expect(stdout).toBe(Array.from({ length: 5000 }, (_, i) => `${i + 1}\n`).join(''));
  });

  test('output within the limit is left alone, and leaves no file', async () => {
    expect(resultText(await claudeBash(shell.ssh).execute({ command: 'seq 1 5000' }, context))).not.toContain('truncated');
  });

  test('the signal ends the wait with its reason', async () => {
    const aborting = new AbortController();
    const call = claudeBash(shell.ssh).execute({ command: 'touch begun; sleep 3' }, { signal: aborting.signal });
    await expect.poll(async () => (await shell.ssh.exec('ls begun')).exitCode, { timeout: 5000 }).toBe(0);
    aborting.abort(new Error('too long'));
    await expect(call).rejects.toThrow('too long');
  });
});
