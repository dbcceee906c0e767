import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { chatFileTools } from './chat-files.ts';
import { chatApplyPatch } from './chat-patch.ts';
import { chatBash } from './chat-shell.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../../test/sshd.ts';
import { resultText } from './tool.ts';

const context = { signal: new AbortController().signal };

describe.skipIf(NO_SSHD)('the functions of a chat model, over a real shell', () => {
  let shell: RemoteShell;
  let folders = 0;
  /** A new folder for each test. */
  let here: string;

  beforeAll(async () => {
    shell = await remoteShell();
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());
  beforeEach(async () => {
    here = join(shell.cwd, `test ${++folders}'s`); // names as people give them
    await mkdir(here);
  });

  async function call(name: string, args: JsonObject, limitBytes?: number): Promise<{ text: string; isError: boolean }> {
    const tools = [chatBash(shell.ssh, limitBytes), ...chatFileTools(shell.ssh, limitBytes), chatApplyPatch(shell.ssh)];
    const tool = tools.find((candidate) => candidate.name === name);
    if (tool === undefined) throw new Error(`no tool ${name}`);
    const result = await tool.execute(args, context);
    return { text: resultText(result), isError: result.isError };
  }

  const lines = (count: number): string => Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');

  describe('bash', () => {
    test('runs in the folder named, and tells a failure with its exit code', async () => {
      expect(await call('bash', { command: 'pwd; exit 7', workdir: here })).toEqual({
        text: `$ pwd; exit 7\n${here}\n(exit 7)`,
        isError: true,
      });
    });

    test('a timeout is rounded up to whole seconds and ends the command with 124', async () => {
      const started = performance.now();
      expect(await call('bash', { command: 'echo start; sleep 30', timeout: 1 })).toEqual({
        text: '$ echo start; sleep 30\nstart\n(exit 124)',
        isError: true,
      });
      expect(performance.now() - started).toBeGreaterThan(900);
      const { text } = await call('bash', { command: 'ps -o args= -p $PPID', timeout: 1500 });
      expect(text).toContain('timeout 2s bash -lc');
    });

    test('a folder that is not there is an error, and the command does not run', async () => {
      const { text, isError } = await call('bash', { command: 'touch made', workdir: `${here}/none` });
      expect(isError).toBe(true);
      expect(text).toContain('No such file or directory');
    });

    test.each([{ command: 5 }, {}, { command: 'true', timeout: 'soon' }, { command: 'true', timeout: -1 }])(
      '%j is refused',
      async (args) => {
        expect(await call('bash', args)).toMatchObject({ isError: true, text: expect.stringContaining('Parameter') as string });
      },
    );
  });

  describe('read', () => {
    test('numbers the lines, and says that the file ends', async () => {
      await writeFile(join(here, 'a.txt'), 'one\r\ntwo\n\nfour');
      const end = '(End of file - total 4 lines)';
      expect(await call('read', { filePath: `${here}/a.txt` })).toEqual({
        text: `<path>${here}/a.txt</path>\n<type>file</type>\n<content>\n1: one\n2: two\n3: \n4: four\n\n${end}\n</content>`,
        isError: false,
      });
    });

    test('pages by offset and limit; offset 0 is the first line', async () => {
      await writeFile(join(here, 'a.txt'), lines(10));
      const { text } = await call('read', { filePath: `${here}/a.txt`, offset: 3, limit: 2 });
      expect(text).toContain('<content>\n3: line 3\n4: line 4\n\n(Showing lines 3-4 of 10. Use offset=5 to continue.)\n</content>');
      expect((await call('read', { filePath: `${here}/a.txt`, offset: 0, limit: 1 })).text).toContain(
        '1: line 1\n\n(Showing lines 1-1 of 10',
      );
      expect((await call('read', { filePath: `${here}/a.txt`, offset: '10' })).text).toContain('10: line 10\n\n(End of file');
    });

    test('shows 2,000 lines unless told otherwise, and never more than fits', async () => {
      await writeFile(join(here, 'a.txt'), lines(3000));
      expect((await call('read', { filePath: `${here}/a.txt` })).text).toContain(
        '(Showing lines 1-2000 of 3000. Use offset=2001 to continue.)',
      );
      const { text } = await call('read', { filePath: `${here}/a.txt` }, 500);
      expect(text.length).toBeLessThan(900);
      expect(text).toMatch(/\(Showing lines 1-\d\d of 3000/);
    });

    test('a very long line is cut and its length told', async () => {
      await writeFile(join(here, 'a.txt'), `${'x'.repeat(5000)}\nend\n`);
      const { text } = await call('read', { filePath: `${here}/a.txt` });
      expect(text).toContain(`1: ${'x'.repeat(2000)}… (5000 characters)\n2: end\n`);
    });

    test('an offset past the end is an error; an empty file is none', async () => {
      await writeFile(join(here, 'a.txt'), 'one\n');
      expect(await call('read', { filePath: `${here}/a.txt`, offset: 2 })).toEqual({
        text: 'Line 2 is past the end: there are 1 lines.',
        isError: true,
      });
      await writeFile(join(here, 'none'), '');
      expect((await call('read', { filePath: `${here}/none` })).text).toContain('<content>\n\n(End of file - total 0 lines)');
    });

    test('a folder is listed, in pages as well', async () => {
      await mkdir(join(here, 'sub'));
      for (const name of ['b', '.hidden', 'a']) await writeFile(join(here, name), '');
      expect(await call('read', { filePath: here })).toEqual({
        text: `<path>${here}</path>\n<type>directory</type>\n<content>\n.hidden\na\nb\nsub/\n\n(4 entries)\n</content>`,
        isError: false,
      });
      expect((await call('read', { filePath: here, offset: 2, limit: 1 })).text).toContain(
        'a\n\n(Showing entries 2-2 of 4. Use offset=3 to continue.)',
      );
    });

    test('what is no text is only measured', async () => {
      await writeFile(join(here, 'a.bin'), Buffer.from([1, 0, 2]));
      expect(await call('read', { filePath: `${here}/a.bin` })).toEqual({ text: `${here}/a.bin: binary file, 3 bytes.`, isError: true });
    });

    test("what the other side refuses is told in the other side's words", async () => {
      const missing = await call('read', { filePath: `${here}/none` });
      expect(missing).toMatchObject({ isError: true, text: expect.stringMatching(/none.*No such file or directory/) as string });
    });

    test.skipIf(userInfo().uid === 0 && 'root reads everything')('an unreadable file is not taken for a folder', async () => {
      await writeFile(join(here, 'a'), 'x');
      await chmod(join(here, 'a'), 0);
      expect(await call('read', { filePath: `${here}/a` })).toMatchObject({
        isError: true,
        text: expect.stringContaining('denied') as string,
      });
    });

    test('a path may look like an option', async () => {
      await writeFile(join(shell.cwd, '-n'), 'dash\n');
      expect((await call('read', { filePath: '-n' })).text).toContain('1: dash');
    });
  });

  describe('glob and grep', () => {
    beforeEach(async () => {
      await mkdir(join(here, 'src/deep'), { recursive: true });
      await mkdir(join(here, '.git'));
      await writeFile(join(here, 'src/a.ts'), 'const one = 1;\nconst two = 2;\n');
      await writeFile(join(here, 'src/deep/b.ts'), 'const two = one;\n');
      await writeFile(join(here, 'src/c.js'), 'let two;\n');
      await writeFile(join(here, '.git/x.ts'), 'const two = 0;\n');
      await writeFile(join(here, 'bin'), Buffer.from('two\0two'));
    });

    const found = (text: string): string[] => text.split('\n').map((line) => line.replace(`${here}/`, ''));

    test.each([
      { pattern: '*.ts', files: ['src/a.ts', 'src/deep/b.ts'] },
      { pattern: 'src/*.ts', files: ['src/a.ts'] },
      { pattern: 'src/**/*.ts', files: ['src/a.ts', 'src/deep/b.ts'] },
      { pattern: '**/*.{js,ts}', files: ['src/a.ts', 'src/c.js', 'src/deep/b.ts'] },
      { pattern: 'src/**', files: ['src/a.ts', 'src/c.js', 'src/deep/b.ts'] },
      { pattern: '.git/*', files: ['.git/x.ts'] },
    ])('glob $pattern', async ({ pattern, files }) => {
      const { text, isError } = await call('glob', { pattern, path: here });
      expect(isError).toBe(false);
      expect(found(text)).toEqual(files);
    });

    test('an absolute pattern is matched as a whole; nothing found is said', async () => {
      expect(found((await call('glob', { pattern: `${here}/src/*.js`, path: here })).text)).toEqual(['src/c.js']);
      expect((await call('glob', { pattern: '*.py', path: here })).text).toBe(`No files match *.py below ${here}.`);
      expect(await call('glob', { pattern: '*', path: `${here}/none` })).toMatchObject({
        isError: true,
        text: expect.stringContaining('No such file') as string,
      });
    });

    test('a folder name stays in quotes', async () => {
      await mkdir(join(here, '$(touch pwned)'));
      await writeFile(join(here, '$(touch pwned)/a.py'), '');
      expect((await call('glob', { pattern: '*.py', path: `${here}/$(touch pwned)` })).text).toContain('/a.py');
      await call('grep', { pattern: "'; touch pwned; '", path: here, include: "'; touch pwned; '" });
      expect((await call('glob', { pattern: 'pwned', path: shell.cwd })).text).toContain('No files match');
    });

    test('grep gives path, line and text, without binary files and git’s own', async () => {
      const { text, isError } = await call('grep', { pattern: 'two|none', path: here });
      expect(isError).toBe(false);
      expect(found(text).sort()).toEqual(['src/a.ts:2:const two = 2;', 'src/c.js:1:let two;', 'src/deep/b.ts:1:const two = one;']);
      const { text: only } = await call('grep', { pattern: 'two', path: here, include: '*.{ts,py}' });
      expect(found(only).sort()).toEqual(['src/a.ts:2:const two = 2;', 'src/deep/b.ts:1:const two = one;']);
    });

    test('no match and a bad expression are errors, the latter in the words of grep', async () => {
      expect(await call('grep', { pattern: 'absent', path: here })).toEqual({
        text: `No match for absent below ${here}. (exit 1)`,
        isError: true,
      });
      expect(await call('grep', { pattern: '(', path: here })).toMatchObject({
        isError: true,
        text: expect.stringContaining('nmatched (') as string,
      });
      expect(await call('grep', { pattern: '-e', path: here })).toMatchObject({
        isError: true,
        text: expect.stringContaining('No match') as string,
      });
    });

    test('a link to a folder is searched, one file can be', async () => {
      await symlink('src', join(here, 'link'));
      expect(found((await call('glob', { pattern: '*.js', path: `${here}/link` })).text)).toEqual(['link/c.js']);
      expect(found((await call('grep', { pattern: 'let', path: `${here}/link` })).text)).toEqual(['link/c.js:1:let two;']);
      expect(found((await call('grep', { pattern: 'let', path: `${here}/src/c.js` })).text)).toEqual(['src/c.js:1:let two;']);
      expect(await call('grep', { pattern: 'let', path: `${here}/none` })).toMatchObject({
        isError: true,
        text: expect.stringContaining('No such file') as string,
      });
    });

    test('many matches end in a line that says how many more there are', async () => {
      await writeFile(join(here, 'many'), 'hit\n'.repeat(100));
      const { text } = await call('grep', { pattern: 'hit', path: `${here}/many` }, 300);
      expect(text).toMatch(/\(\d\d more matches; narrow the search\)$/);
      expect(text.length).toBeLessThan(400);
    });
  });

  describe('edit and write', () => {
    test('one place is replaced, the rest of the file stays to the byte', async () => {
      await writeFile(join(here, 'a'), 'one $1\ntwo\n\nend without a line break');
      expect(await call('edit', { filePath: `${here}/a`, oldString: 'two', newString: "$& $1 'x'" })).toEqual({
        text: `Edited ${here}/a: 1 place.`,
        isError: false,
      });
      expect(await readFile(join(here, 'a'), 'utf8')).toBe("one $1\n$& $1 'x'\n\nend without a line break");
    });

    test('the same text twice, no place, or several places are errors, and nothing is written', async () => {
      await writeFile(join(here, 'a'), 'x x x\n');
      expect(await call('edit', { filePath: `${here}/a`, oldString: 'x', newString: 'x' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('the same') as string,
      });
      expect(await call('edit', { filePath: `${here}/a`, oldString: 'y', newString: 'z' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('not found') as string,
      });
      expect(await call('edit', { filePath: `${here}/a`, oldString: 'x', newString: 'z' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('3 times') as string,
      });
      expect(await readFile(join(here, 'a'), 'utf8')).toBe('x x x\n');
      await call('edit', { filePath: `${here}/a`, oldString: 'x', newString: 'z', replaceAll: true });
      expect(await readFile(join(here, 'a'), 'utf8')).toBe('z z z\n');
    });

    test('lines that the model wrote with bare breaks match a file with CR LF, and stay CR LF', async () => {
      await writeFile(join(here, 'a'), 'one\r\ntwo\r\nthree\r\n');
      await call('edit', { filePath: `${here}/a`, oldString: 'one\ntwo', newString: '1\n2' });
      expect(await readFile(join(here, 'a'), 'utf8')).toBe('1\r\n2\r\nthree\r\n');
    });

    test('bytes that are no UTF-8 are not edited', async () => {
      await writeFile(join(here, 'a'), Buffer.from([0x61, 0xff, 0x62]));
      expect(await call('edit', { filePath: `${here}/a`, oldString: 'a', newString: 'c' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('UTF-8') as string,
      });
      expect([...(await readFile(join(here, 'a')))]).toEqual([0x61, 0xff, 0x62]);
    });

    test('an empty oldString makes a new file with its folders, and never replaces one', async () => {
      expect(await call('edit', { filePath: `${here}/x/y/a`, oldString: '', newString: 'new' })).toMatchObject({ isError: false });
      expect(await readFile(join(here, 'x/y/a'), 'utf8')).toBe('new');
      expect(await call('edit', { filePath: `${here}/x/y/a`, oldString: '', newString: 'again' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('exists already') as string,
      });
      await symlink('nowhere', join(here, 'link'));
      expect(await call('edit', { filePath: `${here}/link`, oldString: '', newString: 'x' })).toMatchObject({ isError: true });
      expect(await readlink(join(here, 'link'))).toBe('nowhere');
    });

    test('write makes folders, overwrites, keeps the mode and takes any text', async () => {
      const path = `${here}/new/run.sh`;
      expect(await call('write', { filePath: path, content: 'é' })).toEqual({ text: `Wrote 2 bytes to ${path}.`, isError: false });
      await chmod(path, 0o755);
      const content = `'"\`$HOME\\n\n${'x'.repeat(300_000)}`;
      await call('write', { filePath: path, content });
      expect(await readFile(path, 'utf8')).toBe(content);
      expect((await stat(path)).mode & 0o777).toBe(0o755);
      await call('write', { filePath: path, content: '' });
      expect(await readFile(path, 'utf8')).toBe('');
    });

    test('a folder where a file is meant is an error in the words of the other side', async () => {
      expect(await call('write', { filePath: here, content: 'x' })).toMatchObject({
        isError: true,
        text: expect.stringMatching(/directory/i) as string,
      });
    });

    test.each([{}, { filePath: '' }, { filePath: 5 }, { filePath: 'a\0b' }])('%j is no path', async (args) => {
      expect(await call('write', { ...args, content: 'x' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('`filePath`') as string,
      });
    });
  });

  test('a patch changes files together', async () => {
    await writeFile(join(shell.cwd, 'patched.txt'), 'one\ntwo\n');
    const patch = '*** Begin Patch\n*** Update File: patched.txt\n@@\n-one\n+1\n*** Add File: added.txt\n+new\n*** End Patch';
    expect(await call('apply_patch', { patch })).toEqual({ text: 'M patched.txt\nA added.txt', isError: false });
    expect(await readFile(join(shell.cwd, 'patched.txt'), 'utf8')).toBe('1\ntwo\n');
  });

  test('list marks folders, and says when there is nothing', async () => {
    expect(await call('list', { path: here })).toEqual({ text: '(empty)', isError: false });
    await mkdir(join(here, 'sub'));
    await writeFile(join(here, 'a'), '');
    expect(await call('list', { path: here })).toEqual({ text: 'a\nsub/', isError: false });
  });
});
