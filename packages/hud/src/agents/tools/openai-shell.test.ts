import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { openaiShell, timeoutCommand } from './openai-shell.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../../test/sshd.ts';
import { resultText } from './tool.ts';

const { signal } = new AbortController();

test('a limit in milliseconds is one of `timeout`, around a login shell', () => {
  expect(timeoutCommand("echo 'a'", 1500)).toBe(`timeout 1.5s bash -lc 'echo '\\''a'\\'''`);
});

describe.skipIf(NO_SSHD)("OpenAI's shell, over a real one", () => {
  let shell: RemoteShell;
  beforeAll(async () => {
    shell = await remoteShell();
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());
  const run = async (args: JsonObject, limit?: number) => await openaiShell(shell.ssh, limit).execute(args, { signal });

  test('runs one command after the other, each in a fresh shell, and reports each', async () => {
    const result = await run({
      commands: ['cd /; echo 1', 'pwd >&2; exit 4'],
      timeout_ms: null,
      max_output_length: null,
    });
    expect(result).toMatchObject({
      isError: true,
      structuredContent: {
        output: [
          { stdout: '1\n', stderr: '', outcome: { type: 'exit', exit_code: 0 } },
          { outcome: { type: 'exit', exit_code: 4 }, stderr: `${shell.cwd}\n` },
        ],
      },
    });
    expect(result.structuredContent).not.toHaveProperty('max_output_length');
    expect(resultText(result)).toContain('(exit 0)\n\n$ pwd >&2');
  });

  test('takes a single command for a list of one', async () => {
    expect(await run({ commands: 'echo hi' })).toMatchObject({ isError: false, structuredContent: { output: [{ stdout: 'hi\n' }] } });
  });

  test('a command that is out of time is reported as that, and is ended', async () => {
    expect(await run({ commands: ['echo begun; sleep 30'], timeout_ms: 300 })).toMatchObject({
      isError: true,
      structuredContent: { output: [{ stdout: 'begun\n', outcome: { type: 'timeout' } }] },
    });
  });

  test('a length is that of each command, and is echoed', async () => {
    const { structuredContent } = await run({ commands: ['seq 1 1000', 'seq 1 1000 >&2'], max_output_length: 31 });
    expect(structuredContent).toEqual({
      max_output_length: 31,
      output: [
        { stdout: '1\n2\n3\n4\n5\n[truncated]\n999\n1000\n', stderr: '', outcome: { type: 'exit', exit_code: 0 } },
        { stdout: '', stderr: '1\n2\n3\n4\n5\n[truncated]\n999\n1000\n', outcome: { type: 'exit', exit_code: 0 } },
      ],
    });
  });

  test('without a length the rest of a long output is in a file', async () => {
    const { structuredContent } = await run({ commands: ['seq 1 1000'] }, 100);
    const { output } = structuredContent as { output: { stdout: string }[] };
    expect(output[0]?.stdout).toMatch(/\[truncated: the whole output, 3893 bytes, is in (\/tmp\/hud-output-\w+\.txt)\]$/);
    await shell.ssh.exec(`rm ${/\/tmp\/hud-output-\w+\.txt/.exec(output[0]?.stdout ?? '')?.[0]}`);
  });

  test.each([
    {},
    { commands: [] },
    { commands: [1] },
    { commands: ['true'], timeout_ms: -1 },
    { commands: ['true'], max_output_length: 0 },
  ])('%j is told to be wrong', async (args) => {
    const result = await run(args);
    expect(result).toMatchObject({ isError: true });
    expect(resultText(result)).toMatch(/^Parameter `\w+` must be/);
  });
});
