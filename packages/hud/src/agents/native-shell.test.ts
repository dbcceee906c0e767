/** Claude's and OpenAI's own tools for shells, end to end: the vendors' SDKs, a scripted model, a real shell. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { probeIsolation } from '../environment/workspace/probe.ts';
import { Workspace } from '../environment/workspace/workspace.ts';
import { Capability } from '../protocol/capability.ts';
import { tempDir } from '../testing/temp-dir.ts';
import { call, claude, DONE, openai, play } from '../../test/play.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../test/sshd.ts';

describe.skipIf(NO_SSHD)('a shell', () => {
  let shell: RemoteShell;
  beforeAll(async () => {
    shell = await remoteShell();
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());

  test.each([true, false])('is used by Claude through its own tools, streamed: %s', async (stream) => {
    await writeFile(join(shell.cwd, 'sum.py'), 'def add(a, b):\n    return a - b\n');
    const { run, body, server, results } = await play(
      [shell.capability],
      [
        call('bash', { command: 'cat sum.py; exit 2' }),
        call('str_replace_based_edit_tool', { command: 'str_replace', path: 'sum.py', old_str: 'a - b', new_str: 'a + b' }),
        DONE,
      ],
      claude({ stream }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    expect(await readFile(join(shell.cwd, 'sum.py'), 'utf8')).toBe('def add(a, b):\n    return a + b\n');
    expect(body(0).tools).toEqual([
      { type: 'bash_20250124', name: 'bash' },
      { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' },
    ]);
    expect(server.requests[0]?.headers['anthropic-beta']).toBeUndefined();
    expect(server.requests[1]?.messages.at(-1)?.toolResults).toMatchObject([
      { isError: true, text: '$ cat sum.py; exit 2\ndef add(a, b):\n    return a - b\n(exit 2)' },
    ]);
    expect(results.map(({ result }) => result.isError)).toEqual([true, false]);
  });

  test.each([true, false])('is used by OpenAI through its own tools, streamed: %s', async (stream) => {
    await writeFile(join(shell.cwd, 'sum.py'), 'def add(a, b):\n    return a - b\n');
    const { run, body, results } = await play(
      [shell.capability],
      [
        call('shell', { commands: ['cat sum.py', 'exit 3'], max_output_length: 500 }),
        call('apply_patch', { type: 'update_file', path: 'sum.py', diff: '@@ def add(a, b):\n-    return a - b\n+    return a + b\n' }),
        call('apply_patch', { type: 'delete_file', path: 'nope' }),
        DONE,
      ],
      openai({ stream }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    expect(await readFile(join(shell.cwd, 'sum.py'), 'utf8')).toBe('def add(a, b):\n    return a + b\n');
    expect(body(0).tools).toEqual([{ type: 'shell', environment: { type: 'local' } }, { type: 'apply_patch' }]);
    expect(body(1).input).toEqual([
      {
        type: 'shell_call_output',
        call_id: 'call_0_0',
        status: 'completed',
        max_output_length: 500,
        output: [
          { stdout: 'def add(a, b):\n    return a - b\n', stderr: '', outcome: { type: 'exit', exit_code: 0 } },
          { stdout: '', stderr: '', outcome: { type: 'exit', exit_code: 3 } },
        ],
      },
    ]);
    expect(body(2).input).toEqual([{ type: 'apply_patch_call_output', call_id: 'call_1_0', status: 'completed', output: 'M sum.py' }]);
    expect(body(3).input).toEqual([
      { type: 'apply_patch_call_output', call_id: 'call_2_0', status: 'failed', output: 'nope does not exist.' },
    ]);
    expect(results.map(({ call: { name, providerName } }) => [name, providerName])).toEqual([
      ['shell', 'shell_call'],
      ['apply_patch', 'apply_patch_call'],
      ['apply_patch', 'apply_patch_call'],
    ]);
  });

  test('a command that outlasts the deadline of tools is answered to each in its own form', async () => {
    const late = await play([shell.capability], [call('shell', { commands: ['sleep 3'] }), DONE], openai({ toolTimeoutSeconds: 0.5 }));
    expect(late.run.reward).toBe(1);
    expect(late.body(1).input).toMatchObject([
      {
        type: 'shell_call_output',
        output: [{ stderr: expect.stringContaining('did not finish within 0.5 s') as string, outcome: { exit_code: 1 } }],
      },
    ]);
    const other = await play([shell.capability], [call('bash', { command: 'sleep 3' }), DONE], claude({ toolTimeoutSeconds: 0.5 }));
    expect(JSON.stringify(other.body(1))).toContain('did not finish within 0.5 s');
  });
});

const isolation = await probeIsolation();

describe.skipIf(isolation.available ? false : isolation.reason)('a sandboxed workspace', () => {
  test('is used by both through their own tools', async () => {
    await using dir = await tempDir();
    await using workspace = new Workspace(dir.path);
    await workspace.start();
    const capability = z.parse(Capability, workspace.capability);
    const first = await play(
      [capability],
      [
        call('str_replace_based_edit_tool', { command: 'create', path: 'sum.py', file_text: 'def add(a, b):\n    return a - b\n' }),
        call('str_replace_based_edit_tool', { command: 'str_replace', path: 'sum.py', old_str: 'a - b', new_str: 'a + b' }),
        call('bash', { command: 'pwd; seq 1 20000' }),
        DONE,
      ],
      claude({ outputLimitBytes: 200 }),
    );
    expect(first.results.map(({ result }) => result.isError)).toEqual([false, false, false]);
    expect(first.results[2]?.result.content[0]?.text).toMatch(
      /^\$ pwd; seq 1 20000\n\/workspace\n1\n[^]*\[truncated: the whole output, 108905 bytes, is in \/tmp/,
    );
    const second = await play(
      [capability],
      [
        call('apply_patch', { type: 'update_file', path: 'sum.py', diff: '@@ def add(a, b):\n-    return a + b\n+    return b + a\n' }),
        call('apply_patch', { type: 'create_file', path: 'docs/new.md', diff: '+# New\n' }),
        call('apply_patch', { type: 'create_file', path: '/tmp/outside', diff: '+x\n' }),
        call('shell', { commands: ['cat sum.py docs/new.md', 'sleep 30'], timeout_ms: 500 }),
        DONE,
      ],
      openai(),
    );
    expect(second.results.map(({ result }) => result.isError)).toEqual([false, false, true, true]);
    expect(second.body(4).input).toMatchObject([
      { output: [{ stdout: 'def add(a, b):\n    return b + a\n# New\n' }, { outcome: { type: 'timeout' } }] },
    ]);
  }, 30_000);
});
