import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { claudeEditor } from './claude-editor.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../../test/sshd.ts';
import { resultText } from './tool.ts';

const { signal } = new AbortController();

describe.skipIf(NO_SSHD)("Claude's editor, over a real shell", () => {
  let shell: RemoteShell;
  beforeAll(async () => {
    shell = await remoteShell();
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());
  beforeEach(async () => {
    await rm(shell.cwd, { recursive: true });
    await mkdir(join(shell.cwd, 'sub/deep/deeper'), { recursive: true });
    await writeFile(join(shell.cwd, 'a.txt'), 'one\ntwo\nthree\n');
    await writeFile(join(shell.cwd, '.hidden'), '');
  });

  const edit = async (args: JsonObject): Promise<{ text: string; isError: boolean }> => {
    const result = await claudeEditor(shell.ssh).execute({ path: 'a.txt', ...args }, { signal });
    return { text: resultText(result), isError: result.isError };
  };
  const content = async (): Promise<string> => await readFile(join(shell.cwd, 'a.txt'), 'utf8');

  test('views a file with line numbers, whole or in part', async () => {
    const head = "Here's the result of running `cat -n` on a.txt:\n";
    expect(await edit({ command: 'view' })).toEqual({ text: `${head}     1\tone\n     2\ttwo\n     3\tthree\n`, isError: false });
    expect(await edit({ command: 'view', view_range: [2, -1] })).toEqual({ text: `${head}     2\ttwo\n     3\tthree\n`, isError: false });
    expect(await edit({ command: 'view', view_range: [4, 5] })).toMatchObject({ isError: true });
  });

  test('lists a folder two levels deep, without what is hidden', async () => {
    const { text, isError } = await edit({ command: 'view', path: shell.cwd });
    expect(isError).toBe(false);
    expect(text.split('\n').slice(1)).toEqual([shell.cwd, `${shell.cwd}/a.txt`, `${shell.cwd}/sub`, `${shell.cwd}/sub/deep`, '']);
    expect(await edit({ command: 'view', path: '.' })).toMatchObject({ text: expect.stringContaining('./sub/deep') as string });
  });

  test('creates, replaces and inserts', async () => {
    expect(await edit({ command: 'create', file_text: 'x\n' })).toEqual({ text: 'File created successfully at: a.txt', isError: false });
    expect(await content()).toBe('x\n');
    expect(await edit({ command: 'str_replace', old_str: 'x', new_str: 'y' })).toEqual({
      text: "The file a.txt has been edited. Here's the result of running `cat -n` on a snippet of a.txt:\n     1\ty\nReview the changes and make sure they are as expected. Edit the file again if necessary.",
      isError: false,
    });
    await edit({ command: 'insert', insert_line: 1, insert_text: 'z' });
    await edit({ command: 'insert', insert_line: 0, new_str: 'w' });
    expect(await content()).toBe('w\ny\nz\n');
    await edit({ command: 'str_replace', old_str: 'y\n' });
    expect(await content()).toBe('w\nz\n');
    await edit({ command: 'create', file_text: '' });
    expect(await content()).toBe('');
  });

  test.each([
    [{ command: 'view', path: 'nope' }, 'The path nope does not exist. Please provide a valid path.'],
    [
      { command: 'str_replace', old_str: 'four', new_str: '' },
      'No replacement was performed, old_str `four` did not appear verbatim in a.txt.',
    ],
    [
      { command: 'str_replace', path: 'sub', old_str: 'a' },
      'The path sub is a directory and only the `view` command can be used on directories',
    ],
    [
      { command: 'insert', insert_line: 9, insert_text: 'x' },
      'Invalid `insert_line` parameter: 9. It should be within the range of lines of the file: [0, 3]',
    ],
    [{ command: 'insert', insert_line: 1 }, 'Parameter `insert_text` is required for command: insert'],
    [{ command: 'create' }, 'Parameter `file_text` is required.'],
    [{ command: 'view', path: 'sub', view_range: [1, 2] }, 'The `view_range` parameter is not allowed when `path` points to a directory.'],
    [
      { command: 'undo' },
      'Unrecognized command undo. The allowed commands for the str_replace_based_edit_tool tool are: view, create, str_replace, insert',
    ],
    [{}, 'Parameter `command` is required.'],
  ])('%j is told what is wrong, and changes nothing', async (args, text) => {
    expect(await edit(args)).toEqual({ text, isError: true });
    expect(await content()).toBe('one\ntwo\nthree\n');
  });

  test('what the other side refuses is told in its words', async () => {
    expect(await edit({ command: 'create', path: 'no/such/folder/x', file_text: 'x' })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/No such file or directory/) as string,
    });
  });

  test('bytes that are no text are not read, let alone written back', async () => {
    await writeFile(join(shell.cwd, 'a.txt'), Buffer.from([0xff, 0x0a]));
    expect(await edit({ command: 'insert', insert_line: 0, insert_text: 'x' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('is not UTF-8 text') as string,
    });
    expect(await readFile(join(shell.cwd, 'a.txt'))).toEqual(Buffer.from([0xff, 0x0a]));
  });
});
