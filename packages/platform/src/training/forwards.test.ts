import { expect, test } from 'vitest';
import { Forwards, type Forward } from './forwards.ts';

const NOW = { headId: null, now: 1 };

function forwardOf(tokens: number): Forward {
  const list = new Uint8Array(tokens);
  const turns = [{ input: list, targets: list, mask: list, samplingLogprobs: list }];
  return { turns, trajectories: [], groupSize: undefined, headId: null, createdAt: 0 };
}

test('open forwards hold so many tokens together: the oldest go, and are told of; one alone may be larger', () => {
  const forwards = new Forwards();
  const [first, second] = [forwards.add(forwardOf(2 ** 23)), forwards.add(forwardOf(2 ** 23))];
  expect(forwards.find(first, NOW).turns).toHaveLength(1);
  const third = forwards.add(forwardOf(1));
  expect(() => forwards.find(first, NOW)).toThrow('newer ones took its place');
  expect([second, third].map((id) => forwards.find(id, NOW).turns.length)).toEqual([1, 1]);
  const large = forwards.add(forwardOf(2 ** 25));
  expect(forwards.find(large, NOW).turns).toHaveLength(1);
  expect(() => forwards.find(third, NOW)).toThrow('newer ones took its place');
});
