import { expect, test } from 'vitest';
import { ClippedOutput } from './clipped-output.ts';

function clip(maxBytes: number, ...chunks: (string | Buffer)[]): string {
  const output = new ClippedOutput(maxBytes);
  for (const chunk of chunks) output.push(Buffer.from(chunk));
  return output.text();
}

test('what fits is kept whole, in any pieces', () => {
  expect(clip(8)).toBe('');
  expect(clip(8, '12345678')).toBe('12345678');
  expect(clip(8, ...'12345678')).toBe('12345678');
  expect(clip(8, '1', '234567', '8')).toBe('12345678');
});

test('of what does not fit, the start and the end stay, and the cut is counted in bytes', () => {
  const expected = '12\n[... 3 bytes cut ...]\n6789ab';
  expect(clip(8, '123456789ab')).toBe(expected);
  expect(clip(8, ...'123456789ab')).toBe(expected);
  expect(clip(8, '1234', '56789a', 'b')).toBe(expected);
});

test('a character torn by a cut is left out, a character torn by a chunk is not', () => {
  expect(clip(8, 'ä€1234567890')).toBe('ä\n[... 7 bytes cut ...]\n567890');
  expect(clip(8, '1€.......€€z')).toBe('1\n[... 10 bytes cut ...]\n€z');
  const [first, second] = [Buffer.from('€').subarray(0, 1), Buffer.from('€').subarray(1)];
  expect(clip(8, 'ab', first, second)).toBe('ab€');
});

test('bytes that are no text become replacement characters, a byte order mark stays', () => {
  expect(clip(8, Buffer.from([0xff, 0x61, 0xfe]))).toBe('\ufffda\ufffd');
  expect(clip(8, Buffer.from([0xef, 0xbb, 0xbf, 0x61]))).toBe('\ufeffa');
});
