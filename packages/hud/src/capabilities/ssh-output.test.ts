import { describe, expect, test } from 'vitest';
import { boundCaptures, boundOutput, Capture } from './ssh-output.ts';

const A = 'A'.repeat(40);
const B = 'B'.repeat(40);

describe('boundOutput', () => {
  test.each([
    { say: 'one stream', stdout: 'abcdefghij'.repeat(3), stderr: '', limit: 21, out: 'abcde[truncated]fghij', err: '' },
    { say: 'both too long', stdout: A.slice(20), stderr: B.slice(20), limit: 21, out: 'AAAAA[truncated]', err: 'BBBBB' },
    { say: 'a short stdout', stdout: 'AAAA', stderr: B, limit: 21, out: 'AAAA', err: 'B[truncated]BBBBB' },
    { say: 'a short stderr', stdout: A, stderr: 'BBB', limit: 21, out: 'AAAAA[truncated]AA', err: 'BBB' },
    { say: 'less room than the marker', stdout: A, stderr: B, limit: 4, out: '[tru', err: '' },
    { say: 'exactly the limit', stdout: 'A'.repeat(11), stderr: 'B'.repeat(10), limit: 21, out: 'A'.repeat(11), err: 'B'.repeat(10) },
    { say: 'the cut at the seam', stdout: 'AAAAA', stderr: B, limit: 21, out: 'AAAAA', err: '[truncated]BBBBB' },
    { say: 'a character on the cut', stdout: 'éééééééééééé', stderr: '', limit: 21, out: 'éé[truncated]éé', err: '' },
  ])('$say', ({ stdout, stderr, limit, out, err }) => {
    expect(boundOutput({ stdout, stderr }, limit)).toMatchObject({ stdout: out, stderr: err });
  });

  test('output that comes in pieces of any size is cut as if it had come at once', () => {
    const text = Array.from({ length: 500 }, (_, index) => `${index} `).join('');
    for (const limit of [12, 40, 333, 3_000]) {
      for (const size of [1, 7, 64, 1_000]) {
        const [out, err] = [new Capture(limit), new Capture(limit)];
        for (let at = 0; at < text.length; at += size) {
          out.add(Buffer.from(text.slice(at, at + size)));
          err.add(Buffer.from(text.slice(at, at + size)));
        }
        const { stdout, stderr } = boundCaptures(out, err, limit);
        expect({ stdout, stderr }).toEqual({ ...pick(boundOutput({ stdout: text, stderr: text }, limit)) });
        expect(stdout.length + stderr.length).toBeLessThanOrEqual(limit);
      }
    }
  });
});

function pick({ stdout, stderr }: { stdout: string; stderr: string }): { stdout: string; stderr: string } {
  return { stdout, stderr };
}
