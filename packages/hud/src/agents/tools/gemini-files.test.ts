import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { geminiFileTools } from './gemini-files.ts';
import { geminiShell } from './gemini-shell.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../../test/sshd.ts';
import { resultText } from './tool.ts';

const context = { signal: new AbortController().signal };

describe.skipIf(NO_SSHD)("Gemini's functions, over a real shell", () => {
  let shell: RemoteShell;
  beforeAll(async () => {
    shell = await remoteShell();
    await mkdir(join(shell.cwd, 'src'));
    await writeFile(join(shell.cwd, 'src/a.py'), 'one\ntwo\nthree\nfour\n');
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());

  async function call(name: string, args: JsonObject, limitBytes?: number): Promise<{ text: string; isError: boolean }> {
    const tools = [geminiShell(shell.ssh, limitBytes), ...geminiFileTools(shell.ssh, limitBytes)];
    const result = await tools.find((tool) => tool.name === name)!.execute(args, context);
    return { text: resultText(result), isError: result.isError };
  }

  test('run_shell_command starts in the folder named', async () => {
    const { text } = await call('run_shell_command', { command: 'pwd', description: 'look', dir_path: 'src' });
    expect(text).toBe(`$ pwd\n${shell.cwd}/src\n(exit 0)`);
    expect((await call('run_shell_command', { command: 'pwd', dir_path: '' })).text).toContain(`\n${shell.cwd}\n`);
    expect(await call('run_shell_command', { command: 'pwd', dir_path: 'none' })).toMatchObject({ isError: true });
  });

  test.each([
    [{}, 'one\ntwo\nthree\nfour\n'],
    [{ start_line: 2, end_line: 3 }, 'two\nthree'],
    [{ start_line: 3 }, 'three\nfour'],
    [{ end_line: 1 }, 'one\ntwo\nthree\nfour\n'], // an end alone says nothing
    [{ start_line: 4, end_line: 99 }, 'four'],
  ])('read_file %j', async (range, expected) => {
    expect(await call('read_file', { file_path: 'src/a.py', ...range })).toEqual({ text: expected, isError: false });
  });

  test('read_file past the end, backwards, or of a folder is an error', async () => {
    for (const range of [{ start_line: 5 }, { start_line: 3, end_line: 2 }]) {
      expect(await call('read_file', { file_path: 'src/a.py', ...range })).toMatchObject({ isError: true });
    }
    expect(await call('read_file', { file_path: 'src' })).toEqual({ text: 'src is a folder: use list_directory.', isError: true });
  });

  test('a long file comes in parts that say how to go on', async () => {
    await writeFile(join(shell.cwd, 'long'), Array.from({ length: 500 }, (_, i) => `row ${i + 1}\n`).join(''));
    const { text } = await call('read_file', { file_path: 'long' }, 100);
    const next = Number(/Go on with start_line (\d+)/.exec(text)?.[1]);
    expect(text).toContain('row 1\nrow 2\n');
    expect((await call('read_file', { file_path: 'long', start_line: next }, 100)).text).toMatch(new RegExp(`^row ${next}\n`));
  });

  test('replace changes the first place that matches, and writes the whole file where nothing is to be replaced', async () => {
    await writeFile(join(shell.cwd, 'r'), 'x x\n');
    expect(await call('replace', { file_path: 'r', instruction: 'do', old_string: 'x', new_string: 'y' })).toMatchObject({
      isError: false,
    });
    expect(await readFile(join(shell.cwd, 'r'), 'utf8')).toBe('y x\n');
    await call('replace', { file_path: 'r', instruction: 'do', old_string: '', new_string: 'all' });
    expect(await readFile(join(shell.cwd, 'r'), 'utf8')).toBe('all');
    expect(await call('replace', { file_path: 'r', old_string: 'no', new_string: 'yes' })).toMatchObject({ isError: true });
  });

  test('write_file, glob, grep_search and list_directory', async () => {
    expect(await call('write_file', { file_path: 'new/b.py', content: 'two\n' })).toEqual({
      text: 'Wrote 4 bytes to new/b.py.',
      isError: false,
    });
    expect((await call('glob', { pattern: '*.py' })).text).toBe('./new/b.py\n./src/a.py');
    expect((await call('glob', { pattern: 'src/**/*.py' })).text).toBe('./src/a.py');
    expect((await call('grep_search', { pattern: '^t', dir_path: 'src', include_pattern: '*.py' })).text).toBe(
      'src/a.py:2:two\nsrc/a.py:3:three',
    );
    expect((await call('list_directory', { dir_path: 'new' })).text).toBe('b.py');
    expect(await call('list_directory', { dir_path: 'none' })).toMatchObject({ isError: true });
  });
});
