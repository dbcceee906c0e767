import { describe, expect, test } from 'vitest';
import { insertLines, replaceOnce, viewRange } from './text-edits.ts';

describe('a replacement', () => {
  test('must match once, and shows the lines around it', () => {
    const edited = replaceOnce('1\n2\n3\n4\n5\n6\n7\n8\n9\n', '5\n', 'five\nfünf\n', 'f');
    expect(edited.text).toBe('1\n2\n3\n4\nfive\nfünf\n6\n7\n8\n9\n');
    expect(edited.snippet.split('\n')).toEqual(
      ['1', '2', '3', '4', 'five', 'fünf', '6', '7', '8', '9'].map((line, i) => `${String(i + 1).padStart(6)}\t${line}`),
    );
  });

  test.each([
    ['b', 'No replacement was performed, old_str `b` did not appear verbatim in f.'],
    ['a', 'No replacement was performed. Multiple occurrences of old_str `a` in lines [1, 3]. Please ensure it is unique'],
    ['', 'Parameter `old_str` must not be empty.'],
  ])('of %j is refused', (old, message) => expect(() => replaceOnce('a\nx\na\n', old, 'y', 'f')).toThrow(message));

  test('overlapping matches are several', () => expect(() => replaceOnce('aaa', 'aa', 'b', 'f')).toThrow('Multiple occurrences'));

  test('of lines in a file with carriage returns keeps them', () => {
    expect(replaceOnce('a\r\nb\r\nc\r\n', 'a\nb', 'x\ny', 'f').text).toBe('x\r\ny\r\nc\r\n');
  });

  test('takes nothing in the new text for a pattern', () => expect(replaceOnce('a', 'a', '$&$1', 'f').text).toBe('$&$1'));
});

describe('an insertion', () => {
  test.each([
    ['at the start', 'a\n', 0, 'x', 'x\na\n'],
    ['in the middle', 'a\nb\n', 1, 'x\ny\n', 'a\nx\ny\nb\n'],
    ['at the end', 'a\n', 1, 'x', 'a\nx\n'],
    ['at the end of a text without a last line end', 'a', 1, 'x', 'a\nx'],
    ['before a text without a last line end', 'a', 0, 'x', 'x\na'],
    ['of an empty line', 'a\nb\n', 1, '', 'a\n\nb\n'],
    ['into nothing', '', 0, 'x\n', 'x\n'],
    ['into nothing, without a line end', '', 0, 'x', 'x'],
    ['among carriage returns', 'a\r\nb\r\n', 1, 'x', 'a\r\nx\r\nb\r\n'],
  ])('%s', (_, text, after, inserted, result) => expect(insertLines(text, after, inserted).text).toBe(result));

  test.each([-1, 3, 1.5])('behind line %s of two is refused', (after) => {
    expect(() => insertLines('a\nb\n', after, 'x')).toThrow(
      `Invalid \`insert_line\` parameter: ${after}. It should be within the range of lines of the file: [0, 2]`,
    );
  });
});

describe('a range of lines', () => {
  test.each([
    [undefined, { first: 1, last: 9 }],
    [[2, 4], { first: 2, last: 4 }],
    [[3, -1], { first: 3, last: 9 }],
  ])('%j is %j of nine', (range, lines) => expect(viewRange(range, 9)).toEqual(lines));

  test.each([
    [[1], 'It should be a list of two integers.'],
    ['1-2', 'It should be a list of two integers.'],
    [[0, 2], 'Its first element `0` should be within the range of lines of the file: [1, 9]'],
    [[2, 10], 'Its second element `10` should be smaller than the number of lines in the file: `9`'],
    [[5, 4], 'Its second element `4` should be larger or equal than its first `5`'],
  ])('%j is refused', (range, message) => expect(() => viewRange(range, 9)).toThrow(message));
});
