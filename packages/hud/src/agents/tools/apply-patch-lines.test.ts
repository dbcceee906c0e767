import { describe, expect, test } from 'vitest';
import { applyHunks } from './apply-patch-lines.ts';
import { parseOperation, parsePatch } from './apply-patch-parse.ts';

/** The text after the diff of one file, and how far its context was off. */
function patched(text: string, diff: string): { text: string; fuzz: number } {
  const change = parseOperation('update', 'f', diff);
  return change.kind === 'update' ? applyHunks(text, change.hunks, 'f') : { text, fuzz: -1 };
}

const CLASS = 'class A:\n  def f():\n    return 1\n\nclass B:\n  def f():\n    return 1\n';

describe('a patch of lines', () => {
  test.each([
    ['replaces a line by its context', 'a\nb\nc\n', ' a\n-b\n+B\n c', 'a\nB\nc\n', 0],
    ['needs no context to remove what is there once', 'a\nb\nc\n', '@@\n-b', 'a\nc\n', 0],
    ['adds behind its context', 'a\nb\n', '@@\n a\n+x', 'a\nx\nb\n', 0],
    ['adds before its context', 'a\nb\n', '+x\n a', 'x\na\nb\n', 0],
    ['adds without context at the start', 'a\n', '+x', 'x\na\n', 0],
    ['adds to an empty file', '', '+x', 'x\n', 0],
    ['adds at the end of the file', 'a\nb\n', '@@\n+x\n*** End of File', 'a\nb\nx\n', 0],
    ['takes an empty line for a blank one', 'a\n\nb\n', ' a\n\n-b\n+c', 'a\n\nc\n', 0],
    ['takes the first of several places', 'x\ny\nx\n', '-x\n+z', 'z\ny\nx\n', 0],
    ['goes on behind the hunk before', 'x\ny\nx\n', '-x\n+1\n@@\n-x\n+2', '1\ny\n2\n', 0],
    ['goes behind its anchor first', CLASS, '@@ class B:\n   def f():\n-    return 1\n+    return 2', CLASS.replace(/1\n$/, '2\n'), 0],
    [
      'goes behind one anchor after the other',
      CLASS,
      '@@ class B:\n@@   def f():\n-    return 1\n+    return 2',
      CLASS.replace(/1\n$/, '2\n'),
      0,
    ],
    [
      'finds an anchor whose indentation is off',
      CLASS,
      '@@ class B:\n@@ def f():\n+    # here\n     return 1',
      CLASS.replace(/ {4}return 1\n$/, '    # here\n$&'),
      1,
    ],
    ['lets blanks at the end of a line differ', 'a  \nb\n', ' a\n-b\n+c', 'a  \nc\n', 1],
    ['lets indentation differ', '\ta\nb\n', ' a\n-b\n+c', '\ta\nc\n', 100],
    ['looks at the end of the file first', 'x\ny\nx\n', '@@\n-x\n+z\n*** End of File', 'x\ny\nz\n', 0],
    ['looks elsewhere when the end of the file is another', 'x\ny\n', '@@\n-x\n+z\n*** End of File', 'z\ny\n', 10_000],
    ['reads a blank line behind the last line end as that end', 'a\nb\n', ' a\n-b\n+c\n \n*** End of File', 'a\nc\n', 0],
    ['leaves a missing last line end missing', 'a\nb', ' a\n-b\n+c', 'a\nc', 0],
    ['leaves it missing behind added lines too', 'a\nb', ' b\n+c', 'a\nb\nc', 0],
    ['keeps carriage returns, and ends new lines alike', 'a\r\nb\r\n', ' a\n-b\n+c\n+d', 'a\r\nc\r\nd\r\n', 0],
    ['keeps the ends of lines that it does not touch', 'a\r\nb\nc\n', ' a\n b\n-c\n+d', 'a\r\nb\nd\n', 0],
    ['removes everything', 'a\nb\n', '-a\n-b', '', 0],
    ['reads a patch with carriage returns', 'a\nb\n', ' a\r\n-b\r\n+c\r\n', 'a\nc\n', 0],
  ])('%s', (_, text, diff, result, fuzz) => {
    expect(patched(text, diff)).toEqual({ text: result, fuzz });
  });

  test.each([
    ['context that is not there', 'a\n', '-b', 'not in f'],
    ['hunks in the wrong order', 'a\nb\n', '-b\n+1\n@@\n-a', 'not behind the lines changed before:\na'],
    ['hunks that overlap at the end', 'a\nb\n', '-a\n-b\n+c\n@@\n-b\n*** End of File', 'overlap'],
    ['an addition behind an anchor that is not there', 'a\n', '@@ class X:\n+b', 'class X:'],
    ['a line that starts with something else', 'a\n', '-a\nb', "not as 'b'"],
    ['a hunk without lines', 'a\n', '@@\n@@\n', 'has no lines'],
    ['nothing', 'a\n', '', 'changes nothing'],
  ])('%s is refused', (_, text, diff, message) => {
    expect(() => patched(text, diff)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringContaining(message) }) as Error,
    );
  });
});

describe('an envelope', () => {
  test('holds sections of all kinds', () => {
    const text =
      '*** Begin Patch\n*** Add File: a.txt\n+one\n+\n*** Delete File: b.txt\n*** Update File: c.txt\n*** Move to: d/e.txt\n@@ top\n-x\n+y\n*** End of File\n*** Update File: g\n z\n+1\n*** End Patch\n';
    expect(parsePatch(text)).toEqual([
      { kind: 'add', path: 'a.txt', lines: ['one', ''] },
      { kind: 'delete', path: 'b.txt' },
      {
        kind: 'update',
        path: 'c.txt',
        moveTo: 'd/e.txt',
        hunks: [
          {
            anchors: ['top'],
            lines: [
              { kind: 'remove', text: 'x' },
              { kind: 'add', text: 'y' },
            ],
            isAtEnd: true,
          },
        ],
      },
      {
        kind: 'update',
        path: 'g',
        hunks: [
          {
            anchors: [],
            lines: [
              { kind: 'same', text: 'z' },
              { kind: 'add', text: '1' },
            ],
            isAtEnd: false,
          },
        ],
      },
    ]);
  });

  test.each([
    ['without a start', '*** Add File: a\n+x\n*** End Patch', 'starts with'],
    ['without an end', '*** Begin Patch\n*** Add File: a\n+x', 'ends with'],
    ['that changes nothing', '*** Begin Patch\n*** End Patch', 'changes no file'],
    ['with a path twice', '*** Begin Patch\n*** Delete File: a\n*** Add File: a\n+x\n*** End Patch', 'names a twice'],
    ['with an unknown section', '*** Begin Patch\n*** Rename File: a\n*** End Patch', "not '*** Rename File: a'"],
    ['with a new file whose lines are not added', '*** Begin Patch\n*** Add File: a\nx\n*** End Patch', "starts with '+'"],
    ['without a path', '*** Begin Patch\n*** Delete File: \n*** End Patch', 'names no file'],
    ['with text between hunks', '*** Begin Patch\n*** Update File: a\n-x\n*** End of File\n-y\n*** End Patch', "Expected '@@'"],
  ])('%s is refused', (_, text, message) => {
    expect(() => parsePatch(text)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringContaining(message) }) as Error,
    );
  });
});
