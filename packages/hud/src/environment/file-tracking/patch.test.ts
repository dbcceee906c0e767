import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { splitLines, unifiedDiff } from './patch.ts';

const python = spawnSync('python3', ['--version']).status === 0 ? undefined : 'python3 is not installed';

const PEER = `
import difflib, json, sys
print(json.dumps(["\\n".join(difflib.unified_diff(a.splitlines(), b.splitlines(), fromfile="a/p", tofile="b/p", lineterm=""))
                  for a, b in json.load(sys.stdin)]))
`;

/** The same numbers on every run. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const ENDS = ['\n', '\n', '\n', '\r\n', '\r', '\u2028', '\u0085', '\v', '\u001c', ''];

/** Pairs of texts, the second made from the first by edits; some with few different lines, some long enough to have common ones. */
function pairs(count: number): [string, string][] {
  const number = numbersFrom(20_261_121);
  return Array.from({ length: count }, (_, i) => {
    const words = 1 + number(i % 3 === 0 ? 5 : 400);
    const line = (): string => `word ${number(words)}${ENDS[number(i % 2 === 0 ? 1 : ENDS.length)]}`;
    const before = Array.from({ length: number(i % 10 === 0 ? 600 : 40) }, line);
    const after = [...before];
    for (let edits = number(8); edits > 0; edits -= 1) {
      after.splice(number(after.length + 1), number(4), ...Array.from({ length: number(4) }, line));
    }
    return [before.join(''), i % 17 === 0 ? '' : after.join('')];
  });
}

test.skipIf(python)('patches are those of Python, to the letter', () => {
  const texts = pairs(1_500);
  const peer = spawnSync('python3', ['-c', PEER], { input: JSON.stringify(texts), encoding: 'utf8', maxBuffer: 2 ** 28 });
  expect(peer.stderr).toBe('');
  const expected = JSON.parse(peer.stdout) as string[];
  const ours = texts.map(([a, b]) => unifiedDiff('p', splitLines(a), splitLines(b), { steps: 1e9 }));
  for (const [i, text] of ours.entries()) expect(text, `pair ${i}`).toBe(expected[i]);
  expect(expected.filter((text) => text !== '').length).toBeGreaterThan(1_000);
});

test('texts made to be slow get a coarse patch in little time', () => {
  const number = numbersFrom(3);
  const lines = (): string[] => Array.from({ length: 300_000 }, () => String(number(2_000)));
  const before = lines();
  const after = lines();
  const effort = { steps: 5_000_000 };
  const startedAt = performance.now();
  const patch = unifiedDiff('p', before, after, effort);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(patch.split('\n').filter((line) => line.startsWith('-')).length).toBeGreaterThan(200_000);
});
