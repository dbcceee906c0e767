import { expect, test } from 'vitest';
import { blockOrder } from './order.ts';
import { randomFrom } from './statistics.ts';

test('a block is A B B A or its mirror image, and both come up', () => {
  const random = randomFrom(5);
  const orders = Array.from({ length: 200 }, () => blockOrder(random).join(''));
  expect(new Set(orders)).toEqual(new Set(['ABBA', 'BAAB']));
  const first = orders.filter((order) => order === 'ABBA').length;
  expect(first).toBeGreaterThan(70);
  expect(first).toBeLessThan(130);
});

test('the same seed gives the same orders', () => {
  const orders = (seed: number): string[] => {
    const random = randomFrom(seed);
    return Array.from({ length: 20 }, () => blockOrder(random).join(''));
  };
  expect(orders(9)).toEqual(orders(9));
  expect(orders(9)).not.toEqual(orders(10));
});
