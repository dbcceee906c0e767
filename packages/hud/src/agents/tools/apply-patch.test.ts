import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { applyPatch } from './apply-patch.ts';
import { parsePatch } from './apply-patch-parse.ts';
import { openaiApplyPatch } from './openai-apply-patch.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../../test/sshd.ts';
import { resultText } from './tool.ts';

const { signal } = new AbortController();

describe.skipIf(NO_SSHD)('a patch of files, over a real shell', () => {
  let shell: RemoteShell;
  let at: (path: string) => string;
  beforeAll(async () => {
    shell = await remoteShell();
    at = (path) => join(shell.cwd, path);
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());
  beforeEach(async () => {
    await rm(shell.cwd, { recursive: true });
    await mkdir(at('src'), { recursive: true });
    await writeFile(at('src/a.txt'), 'a\nb\n', { mode: 0o755 });
    await writeFile(at('b.txt'), 'one\r\ntwo');
  });

  const apply = async (body: string, isOutsideAllowed = false): Promise<string> =>
    await applyPatch(shell.ssh, parsePatch(`*** Begin Patch\n${body}\n*** End Patch`), { signal, isOutsideAllowed });
  const files = async (): Promise<string[]> => (await readdir(shell.cwd, { recursive: true })).toSorted();

  test('adds, updates, moves and deletes together, and says what it did', async () => {
    await writeFile(at('old.txt'), 'x\n');
    const said = await apply(
      '*** Add File: new/deep/c.txt\n+c\n*** Update File: src/a.txt\n a\n-b\n+B\n*** Update File: b.txt\n*** Move to: moved/b.txt\n one\n-two\n+zwei\n*** Delete File: old.txt',
    );
    expect(said).toBe('A new/deep/c.txt\nM src/a.txt\nD b.txt\nA moved/b.txt\nD old.txt');
    expect(await files()).toEqual(['moved', 'moved/b.txt', 'new', 'new/deep', 'new/deep/c.txt', 'src', 'src/a.txt']);
    expect(await readFile(at('src/a.txt'), 'utf8')).toBe('a\nB\n');
    expect(await readFile(at('moved/b.txt'), 'utf8')).toBe('one\r\nzwei');
    expect(await readFile(at('new/deep/c.txt'), 'utf8')).toBe('c\n');
    expect((await stat(at('src/a.txt'))).mode & 0o777).toBe(0o755);
  });

  test.each([
    ['context that is not there', '*** Add File: c.txt\n+c\n*** Update File: src/a.txt\n-nope', 'These lines are not in src/a.txt'],
    ['a file that is not there', '*** Delete File: src/a.txt\n*** Update File: nope.txt\n-x', 'nope.txt does not exist.'],
    ['a new file that is there', '*** Delete File: b.txt\n*** Add File: src/a.txt\n+x', 'src/a.txt exists already.'],
    ['a move onto a file', '*** Update File: src/a.txt\n*** Move to: b.txt\n-a', 'b.txt exists already.'],
    ['a folder', '*** Delete File: src', 'src is no file.'],
    ['one file under two names', '*** Update File: src/a.txt\n-a\n*** Delete File: src/../src/a.txt', 'twice'],
    ['a file below a file', '*** Delete File: b.txt\n*** Add File: src/a.txt/c\n+x', 'Nothing was changed'],
  ])('%s: nothing is changed', async (_, body, message) => {
    await expect(apply(body)).rejects.toMatchObject({ code: 'BAD_ARGUMENT', message: expect.stringContaining(message) as string });
    expect(await files()).toEqual(['b.txt', 'src', 'src/a.txt']);
    expect(await readFile(at('src/a.txt'), 'utf8')).toBe('a\nb\n');
    expect(await readFile(at('b.txt'), 'utf8')).toBe('one\r\ntwo');
  });

  test('a file that changes while others are moved into place leaves all as they were', async () => {
    const change = apply('*** Update File: b.txt\n-one\n+eins\n*** Add File: n/m/c.txt\n+c\n*** Delete File: src/a.txt');
    // The new contents are written by then; the last step of the commit can't be done any more.
    await expect
      .poll(async () => (await readdir(shell.cwd)).some((name) => name.startsWith('.hud-patch')), { interval: 1, timeout: 5000 })
      .toBe(true);
    await rm(at('src/a.txt'));
    await expect(change).rejects.toMatchObject({ message: expect.stringContaining('Nothing was changed') as string });
    expect(await files()).toEqual(['b.txt', 'src']);
    expect(await readFile(at('b.txt'), 'utf8')).toBe('one\r\ntwo');
  });

  test('a path outside of the folder is refused, through links too, unless that is allowed', async () => {
    await symlink('/tmp', at('link'));
    for (const path of ['../x.txt', '/tmp/x.txt', 'link/x.txt', 'src/../../x.txt']) {
      await expect(apply(`*** Add File: ${path}\n+x`)).rejects.toMatchObject({
        message: expect.stringContaining('is outside of') as string,
      });
    }
    await apply('*** Add File: ../beside.txt\n+x', true);
    expect(await readFile(join(shell.cwd, '../beside.txt'), 'utf8')).toBe('x\n');
    await rm(join(shell.cwd, '../beside.txt'));
  });

  test('a link is deleted itself, an update goes to its file', async () => {
    await symlink('b.txt', at('l1'));
    await symlink('src/a.txt', at('l2'));
    await apply('*** Delete File: l1\n*** Update File: l2\n-a\n+A');
    expect(await files()).toEqual(['b.txt', 'l2', 'src', 'src/a.txt']);
    expect(await readFile(at('src/a.txt'), 'utf8')).toBe('A\nb\n');
  });

  test('a name with quotes, blanks and dashes is only a name', async () => {
    const name = `-it's $(touch pwned) "x";&`;
    await apply(`*** Add File: ${name}\n+x`);
    expect(await files()).toEqual([name, 'b.txt', 'src', 'src/a.txt']);
  });

  test('a file that is no text is not touched', async () => {
    await writeFile(at('bin'), Buffer.from([0x61, 0xff, 0x0a]));
    await expect(apply('*** Update File: bin\n+x')).rejects.toMatchObject({ message: expect.stringContaining('is not UTF-8') as string });
    expect(await readFile(at('bin'))).toEqual(Buffer.from([0x61, 0xff, 0x0a]));
  });

  test("OpenAI's tool takes one operation, and tells the model what is wrong with it", async () => {
    const tool = openaiApplyPatch(shell.ssh);
    expect(await tool.execute({ type: 'create_file', path: 'n.txt', diff: '+x\n+y' }, { signal })).toEqual({
      content: [{ type: 'text', text: 'A n.txt' }],
      isError: false,
    });
    expect(resultText(await tool.execute({ type: 'update_file', path: 'n.txt', diff: '@@\n x\n-y\n+z\n' }, { signal }))).toBe('M n.txt');
    expect(await readFile(at('n.txt'), 'utf8')).toBe('x\nz\n');
    expect(resultText(await tool.execute({ type: 'delete_file', path: 'n.txt' }, { signal }))).toBe('D n.txt');
    expect(await tool.execute({ type: 'rename', path: 'n.txt' }, { signal })).toMatchObject({ isError: true });
    expect(await tool.execute({ type: 'update_file', path: 'b.txt', diff: '-nope' }, { signal })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('nope') as string }],
    });
  });
});
