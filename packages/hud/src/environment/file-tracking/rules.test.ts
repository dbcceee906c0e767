import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { rulesWith } from './rules.ts';

const python = spawnSync('python3', ['--version']).status === 0 ? undefined : 'python3 is not installed';

test.each([
  ['node_modules', true, true],
  ['node_modules', false, false],
  ['a/.git', false, true],
  ['a/lib.so', false, true],
  ['a/so', false, false],
  ['deep/down/made', true, true],
  ['made', false, false],
  ['x/y/inner/file', false, true],
  ['anchored.txt', false, true],
  ['sub/anchored.txt', false, true],
  ['sub/other.txt', false, false],
])('of %s (a directory: %s) it is %s that it is excluded', (path, isDirectory, isExcluded) => {
  const rules = rulesWith('# said\n\n  made/  \n!a/lib.so\n/anchored.txt\ny/inner/\nsub/other.txt\n');
  expect(rules.isExcluded(path, isDirectory)).toBe(isExcluded);
});

test.each([
  ['.env', true],
  ['a/.env.local', true],
  ['environment', false],
  ['server.pem', true],
  ['id_rsa', true],
  ['deploy_key.txt', true],
  ['monkey', false],
  ['credentials.json', true],
  ['home/.ssh/known', true],
  ['home/ssh/known', false],
])('%s is a secret: %s', (path, isSecret) => {
  expect(rulesWith('').isSecret(path)).toBe(isSecret);
});

test.skipIf(python)('globs match as they do in Python', () => {
  const pieces = ['a', 'b', '.', '*', '?', '[', ']', '!', '-', '[ab]', '[!a]', '[a-c]', '[c-a]', '\\', '(', '|', '^'];
  let state = 7;
  const number = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const word = (of: readonly string[]): string => Array.from({ length: 1 + number(4) }, () => of[number(of.length)]).join('');
  const cases = Array.from({ length: 4_000 }, () => [word(pieces), word(['a', 'b', 'c', '.', '-', ']', '\\', '^', '|', '('])] as const);
  const usable = cases.filter(([glob]) => !/^[#!/]/.test(glob));
  const program = 'import fnmatch,json,sys;print(json.dumps([fnmatch.fnmatchcase(n,g) for g,n in json.load(sys.stdin)]))';
  const peer = spawnSync('python3', ['-c', program], { input: JSON.stringify(usable), encoding: 'utf8' });
  const expected = JSON.parse(peer.stdout) as boolean[];
  const ours = usable.map(([glob, name]) => rulesWith(glob).isExcluded(name, false));
  expect(usable.map((pair, i) => [...pair, ours[i]])).toEqual(usable.map((pair, i) => [...pair, expected[i] || isAlwaysExcluded(pair[1])]));
});

function isAlwaysExcluded(name: string): boolean {
  return rulesWith('').isExcluded(name, false);
}
