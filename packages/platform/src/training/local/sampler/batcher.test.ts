import { expect, test } from 'vitest';
import type { SampleRequest } from '../../engine.ts';
import { initialWeights, type ModelShape } from '../shape.ts';
import { Batcher } from './batcher.ts';
import { Decoder } from './decoder.ts';

const SHAPE: ModelShape = { vocabulary: 13, width: 8, layers: 2, heads: 2, hidden: 12, context: 64 };
const decoder = new Decoder(SHAPE, initialWeights(SHAPE, 1));

function request(changes: Partial<SampleRequest> = {}): SampleRequest {
  return { base: '', weights: undefined, prompt: [1, 2, 3], maxTokens: 20, temperature: 1, stop: [], seed: 1, ...changes };
}

/** Tokens of each reply, and how many steps they took. */
function finish(batcher: Batcher): { replies: Map<number, number[]>; steps: number } {
  const replies = new Map<number, number[]>();
  let steps = 0;
  for (; !batcher.isIdle; steps += 1) for (const { id, token } of batcher.step()) replies.set(id, [...(replies.get(id) ?? []), token]);
  return { replies, steps };
}

test('a reply that is given up frees its place before the next token', () => {
  const batcher = new Batcher();
  for (let id = 0; id < 80; id += 1) batcher.add(id, decoder, request({ seed: id }));
  batcher.step();
  expect([batcher.active, batcher.waiting]).toEqual([64, 16]);
  for (let id = 0; id < 10; id += 1) batcher.cancel(id);
  batcher.cancel(79); // still waits
  const second = batcher.step();
  expect([batcher.active, batcher.waiting]).toEqual([64, 5]);
  expect(second.some(({ id }) => id < 10)).toBe(false);
  const { replies } = finish(batcher);
  expect(replies.has(79)).toBe(false);
  expect(replies.get(78)).toHaveLength(20);
});

test('what begins the same is read once, and the replies stay the same', () => {
  const prompt = Array.from({ length: 40 }, (_none, at) => at % 13);
  const alone = [0, 1, 2, 3].map((id) => {
    const batcher = new Batcher();
    batcher.add(id, decoder, request({ prompt, seed: id, maxTokens: 6 }));
    return finish(batcher).replies.get(id);
  });
  const batcher = new Batcher();
  for (let round = 0; round < 2; round += 1) {
    for (let id = 0; id < 4; id += 1) batcher.add(id, decoder, request({ prompt, seed: id, maxTokens: 6 }));
    expect(batcher.step()).toHaveLength(round === 0 ? 1 : 4); // at first three wait for the one that reads
    const { replies } = finish(batcher);
    expect([1, 2, 3].map((id) => replies.get(id)?.length)).toEqual(round === 0 ? [6, 6, 6] : [5, 5, 5]);
    for (const id of [1, 2, 3]) expect(alone[id]!.slice(round)).toEqual(replies.get(id));
  }
});

test('a long prompt does not hold up who writes', () => {
  const batcher = new Batcher();
  batcher.add(0, decoder, request({ maxTokens: 4 }));
  batcher.step();
  for (let id = 1; id < 9; id += 1)
    batcher.add(id, decoder, request({ prompt: Array.from({ length: 60 }, (_none, at) => (at + id) % 13), maxTokens: 1 }));
  expect(batcher.step().map(({ id }) => id)).toContain(0);
});

test('temperature 0 writes the likeliest token, and so do a small nucleus and the first of all', () => {
  const asking = [
    request({ temperature: 0 }),
    request({ temperature: 0, seed: 2 }),
    request({ topP: 1e-6, seed: 3 }),
    request({ topK: 1, seed: 4 }),
  ];
  const replies = asking.map((asked) => {
    const batcher = new Batcher();
    batcher.add(0, decoder, asked);
    return finish(batcher).replies.get(0);
  });
  expect(replies).toEqual(asking.map(() => replies[0]));
});
